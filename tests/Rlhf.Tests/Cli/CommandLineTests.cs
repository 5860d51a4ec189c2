using System.Diagnostics;
using Rlhf.Cli;
using Rlhf.Numerics.Cpu.OneDnn;

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

    [Fact]
    public void Every_command_has_help_with_examples()
    {
        var (code, output, error) = Run("--help");
        Assert.Equal(ExitCode.Success, code);
        Assert.Empty(error);

        var commands = output[output.IndexOf("Commands:", StringComparison.Ordinal)..].Split('\n').Skip(1)
            .Where(line => line.StartsWith("  ", StringComparison.Ordinal) && line.Length > 2 && line[2] != ' ').Select(line => line.Trim().Split(' ')[0]).ToArray();
        Assert.Contains("run", commands);
        foreach (var command in commands)
        {
            var help = Run(command, "--help");
            Assert.Equal(ExitCode.Success, help.Code);
            Assert.Contains($"rlhf {command}", help.Output, StringComparison.Ordinal);
            Assert.True(help.Output.Contains("Examples:", StringComparison.Ordinal) || help.Output.Contains("Commands:", StringComparison.Ordinal), $"{command} --help has no examples");
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
