using System.Diagnostics;
using Rlhf.Cli;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

public class CommandLineTests
{
    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (Program.Run(args, output, error), output.ToString(), error.ToString());
    }

    [Fact]
    public void An_unknown_command_suggests_the_nearest()
    {
        var (code, output, error) = Run("docter");

        Assert.Equal(ExitCode.BadInput, code);
        Assert.Empty(output);
        Assert.Contains("unknown command 'docter'; did you mean 'doctor'?", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("doctor", "--surely-not")]
    [InlineData("run", "a", "b")]
    [InlineData]
    public void A_wrong_command_line_is_bad_usage(params string[] args)
    {
        var (code, output, error) = Run(args);

        Assert.Equal(ExitCode.BadInput, code);
        Assert.Empty(output);
        Assert.Contains("--help", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recipe_that_is_not_there_is_bad_input()
    {
        var (code, output, error) = Run("run", "no-such-recipe.yaml", "--out", "no-such-folder");

        Assert.Equal(ExitCode.BadInput, code);
        Assert.Empty(output);
        Assert.Contains("no-such-recipe.yaml", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_run_ends_with_1_and_a_stack_trace_is_not_shown()
    {
        using var error = new StringWriter();

        Assert.Equal(ExitCode.Failed, CommandLine.Guard(error, () => throw new RunFailedException("the loss is not finite")));
        Assert.Equal($"rlhf: the loss is not finite{Environment.NewLine}", error.ToString());
    }

    [Fact]
    public void An_interrupted_run_ends_with_1()
    {
        using var error = new StringWriter();

        Assert.Equal(ExitCode.Failed, CommandLine.Guard(error, () => throw new OperationCanceledException()));
    }

    [Theory]
    [InlineData(typeof(IOException), ExitCode.Failed, "error")]
    [InlineData(typeof(FileNotFoundException), ExitCode.BadInput, "it is not there")]
    [InlineData(typeof(UnauthorizedAccessException), ExitCode.BadInput, "no permission")]
    [InlineData(typeof(PathTooLongException), ExitCode.BadInput, "too long")]
    [InlineData(typeof(OutOfMemoryException), ExitCode.Failed, "not enough memory")]
    [InlineData(typeof(System.Text.Json.JsonException), ExitCode.BadInput, "a file is damaged")]
    [InlineData(typeof(InvalidDataException), ExitCode.BadInput, "a file is damaged")]
    [InlineData(typeof(NullReferenceException), ExitCode.Failed, "a fault of the program")]
    public void Whatever_nobody_caught_is_a_sentence_and_no_stack_trace(Type thrown, int code, string words)
    {
        using var error = new StringWriter();

        Assert.Equal(code, CommandLine.Guard(error, () => throw (Exception)Activator.CreateInstance(thrown)!));
        Assert.Contains(words, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error.ToString(), StringComparison.Ordinal);
        DeleteDetails(error.ToString());
    }

    [Fact]
    public void What_the_user_can_still_do_is_said_behind_the_failure()
    {
        using var error = new StringWriter();
        var full = new IOException("No space left on device : '/runs/a'", 28);
        LastResort.Advise(full, "go on with: rlhf run --resume --out a");

        Assert.Equal(ExitCode.Failed, CommandLine.Guard(error, () => throw new AggregateException(full)));
        Assert.Equal(
            ["rlhf: /runs/a: the disk is full. Free some space first.", "rlhf: go on with: rlhf run --resume --out a"],
            error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    private static void DeleteDetails(string message)
    {
        if (message.Split(" in ") is [_, var rest] && rest.Split(": ")[0] is var file && File.Exists(file))
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Every_command_has_help_with_examples()
    {
        var (code, output, error) = Run("--help");
        Assert.Equal(ExitCode.Success, code);
        Assert.Empty(error);

        var commands = output[output.IndexOf("Commands:", StringComparison.Ordinal)..].Split('\n').Skip(1)
            .Where(line => line.StartsWith("  ", StringComparison.Ordinal) && line.Length > 2 && line[2] != ' ').Select(line => line.Trim().Split(' ')[0])
                .ToArray();
        Assert.Contains("run", commands);
        foreach (var command in commands)
        {
            var help = Run(command, "--help");
            Assert.Equal(ExitCode.Success, help.Code);
            Assert.Contains($"rlhf {command}", help.Output, StringComparison.Ordinal);
            Assert.True(help.Output.Contains("Examples:", StringComparison.Ordinal) || help.Output.Contains("Commands:", StringComparison.Ordinal),
                $"{command} --help has no examples");
        }
    }

    [Fact]
    public void Version_is_printed()
    {
        var (code, output, _) = Run("--version");

        Assert.Equal(ExitCode.Success, code);
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
    }

    [Fact]
    public void A_plan_counts_examples_tokens_and_updates_and_runs_nothing()
    {
        var (code, output, error) = Run("plan", Path.Combine(ReferenceFiles.Repository, "recipes", "quickstart.yaml"), "--set", "sft.batch=64");

        Assert.Equal(ExitCode.Success, code);
        Assert.Empty(error);
        Assert.Contains("02-sft", output, StringComparison.Ordinal);
        Assert.Contains("MiB", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Bfloat16_without_its_library_says_how_to_get_it()
    {
        var start = new ProcessStartInfo("dotnet", [typeof(ExitCode).Assembly.Location, "bench", "--precision", "bf16"]) { RedirectStandardError = true };
        start.Environment[OneDnnLibrary.Variable] = "none";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        Assert.Equal(ExitCode.BadInput, process.ExitCode);
        Assert.Contains("bfloat16 needs oneDNN", error, StringComparison.Ordinal);
        Assert.Contains(OneDnnLibrary.Advice, error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_doctor_finds_that_the_kernels_agree()
    {
        var (code, output, _) = Run("doctor");

        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("agree with the scalar reference", output, StringComparison.Ordinal);
        Assert.Contains(OneDnnLibrary.Found is null ? OneDnnLibrary.Advice : "GFLOP/s in bfloat16", output, StringComparison.Ordinal);
    }
}
