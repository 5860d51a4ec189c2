using System.Xml.Linq;
using Rlhf.Cli;
using Rlhf.Tests.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Reports;

public sealed class ReportCommandTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_report_is_made_anew_and_its_path_printed()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(0, Program.Run(["report", _folder.Path, "--out", _folder.PathOf("again.html")], output, error));
        Assert.Equal(_folder.PathOf("again.html"), output.ToString().Trim());
        Assert.True(File.Exists(_folder.PathOf("again.html")));
    }

    [Fact]
    public void A_folder_without_a_run_is_bad_input()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(2, Program.Run(["report", _folder.Path], output, error));
        Assert.Contains("no run in this folder", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_stand_beside_each_other_as_a_table_and_as_curves()
    {
        var (first, second, document) = (_folder.PathOf("f32"), _folder.PathOf("bf16"), _folder.PathOf("page.md"));
        MadeUpRun.WriteTo(first);
        MadeUpRun.WriteTo(second);
        File.WriteAllText(document, "<!-- beside:begin -->\n<!-- beside:end -->\n");
        var (output, error) = (new StringWriter(), new StringWriter());

        Assert.Equal(0, Program.Run(["report", first, "--beside", second, "--curves", _folder.PathOf("curves.svg"), "--document", document], output, error));

        var lines = output.ToString().Split('\n');
        Assert.Equal("| stage | figure | f32 | bf16 |", lines[0]);
        Assert.Contains(lines, static line => line.StartsWith("| 01-sft | held-out loss | ", StringComparison.Ordinal));
        Assert.Contains(lines, static line => line.Contains("largest log-probability difference | 0 | 0 |", StringComparison.Ordinal));
        Assert.Contains(output.ToString(), File.ReadAllText(document), StringComparison.Ordinal);
        var drawing = XDocument.Load(_folder.PathOf("curves.svg")).Root!;
        Assert.Contains(drawing.Descendants(), static element => element.Value == "bf16");
        Assert.True(drawing.Elements().Count(static element => element.Name.LocalName == "svg") >= 3);
    }

    [Theory]
    [InlineData("another of these runs is called run", "--beside", "RUN")]
    [InlineData("go with --beside", "--curves", "curves.svg")]
    [InlineData("--out has no effect", "--beside", "OTHER", "--out", "page.html")]
    [InlineData("has no finished stage 01-sft", "--beside", "OTHER")]
    public void What_cannot_stand_beside_a_run_is_bad_input(string expected, params string[] arguments)
    {
        var (run, other) = (_folder.PathOf("run"), _folder.PathOf("other"));
        MadeUpRun.WriteTo(run);
        MadeUpRun.WriteMetrics(Directory.CreateDirectory(other).FullName);
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(
            2, Program.Run(["report", run, .. arguments.Select(argument => argument switch { "RUN" => run, "OTHER" => other, _ => argument })], output, error));
        Assert.Contains(expected, error.ToString(), StringComparison.Ordinal);
    }
}
