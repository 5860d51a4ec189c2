using Rlhf.Cli;

namespace Rlhf.Tests.Reporting;

public sealed class ReportCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_report_is_made_anew_and_its_path_printed()
    {
        MadeUpRun.WriteTo(folder.Path);
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(0, Program.Run(["report", folder.Path, "--out", folder.File("again.html")], output, error));
        Assert.Equal(folder.File("again.html"), output.ToString().Trim());
        Assert.True(File.Exists(folder.File("again.html")));
    }

    [Fact]
    public void A_folder_without_a_run_is_bad_input()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(2, Program.Run(["report", folder.Path], output, error));
        Assert.Contains("no run in this folder", error.ToString(), StringComparison.Ordinal);
    }
}
