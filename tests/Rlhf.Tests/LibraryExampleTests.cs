using System.Diagnostics;
using Rlhf.Model.Checkpoints;
using Rlhf.Tests.Cli;

namespace Rlhf.Tests;

/// <summary>The program in docs/library.md is compiled, and does what it says.</summary>
public sealed class LibraryExampleTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_shows_the_program_that_is_compiled()
    {
        var program = File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "tests", "library-example", "Program.cs"));
        var page = File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "docs", "library.md"));

        Assert.Contains($"```csharp\n{program}```\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_program_scores_samples_trains_and_writes_a_model()
    {
        var start = new ProcessStartInfo("dotnet", [ProgramPath, ModelPath, _folder.PathOf("trained")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.PathOf(),
        };
        var (code, output, error) = CommandProcess.EndOf(Process.Start(start)!);

        Assert.True(code == 0, error);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(After(lines[^1], "log p after one step: ") > After(lines[0], "log p of the answer: "), output);
        Assert.StartsWith("sampled: ", lines[1], StringComparison.Ordinal);
        Assert.True(Checkpoint.Open(_folder.PathOf("trained")).HasTokenizer);
    }

    private static string ModelPath => Path.Combine(ReferenceFiles.Repository, "tests", "Rlhf.Tests", "Reference", "gguf", "llama-spm.gguf");

    private static string ProgramPath => Path.Combine(AppContext.BaseDirectory, "library-example.dll");

    private static double After(string line, string words)
    {
        Assert.StartsWith(words, line, StringComparison.Ordinal);
        return double.Parse(line[words.Length..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
