using System.Runtime.InteropServices;
using Rlhf.Cli;
using Rlhf.Runs;

namespace Rlhf.Tests.Runs;

/// <summary>A disk that is full or read-only ends a run with a sentence, and what was kept is whole.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int Hangup = 1;
    private const int Terminate = 15;

    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [SmallDiskFact]
    public void A_run_on_a_disk_that_fills_up_anywhere_stops_with_the_path_and_goes_on_to_the_same_bytes()
    {
        run.Run();
        using var disk = new SmallDisk(kilobytes: 16384);
        var folder = disk.PathOf("run");
        var stops = 0;
        for (var kilobytes = 40; kilobytes < 4000; kilobytes += kilobytes / 5)
        {
            disk.FillUpTo(kilobytes * 1024L);
            try
            {
                run.Run(folder, resume: true);
                break;
            }
            catch (Exception exception) when (exception is RunFailedException or InputException)
            {
                Assert.Contains("the disk is full. Free some space first.", exception.Message, StringComparison.Ordinal);
                Assert.Contains(folder, exception.Message, StringComparison.Ordinal);
                stops++;
            }
        }

        Assert.True(stops > 3);
        File.Delete(disk.PathOf("filler"));
        run.Run(folder, resume: true);
        Assert.Equal(TinyRun.ResultsOf(run.Folder), TinyRun.ResultsOf(folder));
    }

    [SmallDiskFact]
    public void An_import_into_a_store_on_a_full_disk_stores_nothing_and_says_why()
    {
        using var disk = new SmallDisk(kilobytes: 8192);
        var store = disk.PathOf("rankings.db");
        run.Write("one.jsonl", [Row(0, 10)]);
        run.Write("many.jsonl", Enumerable.Range(1, 1000).Select(i => Row(i, 2000)));
        Assert.Equal(ExitCode.Success, Label("import", run.PathOf("one.jsonl"), "--store", store).Code);
        disk.FillUpTo(300_000);
        var (code, error) = Label("import", run.PathOf("many.jsonl"), "--store", store);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains($"the store {store} cannot be written: the disk is full. Free some space first. Nothing of this is stored.", error, StringComparison.Ordinal);

        File.Delete(disk.PathOf("filler"));
        var after = Label("import", run.PathOf("many.jsonl"), "--store", store);
        Assert.Equal(ExitCode.Success, after.Code);
        Assert.Contains("1000 new tasks, 0 that were there already", after.Error, StringComparison.Ordinal);

        static string Row(int number, int length) => $$"""{"prompt": "Question {{number}}", "responses": ["{{new string('a', length)}}", "{{new string('b', length)}}"]}""";
    }

    private static (int Code, string Error) Label(params string[] arguments)
    {
        using var error = new StringWriter();
        var code = Program.Run(["label", .. arguments], TextWriter.Null, error);
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools(); // a file that is open keeps the disk from being taken away
        return (code, error.ToString());
    }

    [SmallDiskFact]
    public void A_read_only_disk_is_called_one()
    {
        using var disk = new SmallDisk(kilobytes: 16384);
        run.RunUpTo(StageKind.Collect, folder: disk.PathOf("run"));
        disk.MakeReadOnly();
        foreach (var folder in (string[])[disk.PathOf("run"), disk.PathOf("other")])
        {
            var message = Assert.Throws<InputException>(() => run.Run(folder, resume: true)).Message;
            Assert.Contains("the file system is read-only", message, StringComparison.Ordinal);
            Assert.DoesNotContain("another process", message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("stages/01-sft/ledger.json.partial")]
    [InlineData("stages/01-sft/summary.json.partial")]
    [InlineData("stages/02-collect/rankings.jsonl.partial")]
    [InlineData("recipe.yaml.partial")]
    [InlineData("report.html.partial")]
    public void A_file_that_cannot_be_written_is_named(string name)
    {
        if (!File.Exists("/dev/full"))
        {
            return;
        }

        var path = Path.Combine(run.Folder, name);
        void Link()
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.CreateSymbolicLink(path, "/dev/full");
        }

        if (name.StartsWith("recipe", StringComparison.Ordinal))
        {
            Link();
        }
        else
        {
            run.RunUpTo(StageKind.Sft, within: _ => Link());
        }

        using var error = new StringWriter();
        var exit = Rlhf.Cli.Program.Run(["run", run.PathOf("tiny.yaml"), "--out", run.Folder, "--resume", "--quiet"], TextWriter.Null, error);
        Assert.Equal(ExitCode.Failed, exit);
        Assert.Contains("the disk is full", error.ToString(), StringComparison.Ordinal);
        Assert.Contains(name.Replace(".partial", "", StringComparison.Ordinal), error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Hangup)]
    [InlineData(Terminate)]
    public void A_closed_terminal_and_a_polite_end_write_a_checkpoint(int signal)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        run.Run();
        var folder = run.PathOf("signalled");
        var random = new Random(signal);
        for (var attempt = 0; attempt < 4; attempt++)
        {
            using var child = ResumeTests.Start("run", run.PathOf("tiny.yaml"), "--out", folder, "--resume", "--set", "sft.epochs=1");
            if (!child.WaitForExit(TimeSpan.FromSeconds(0.5 + random.NextDouble())))
            {
                Assert.Equal(0, Send(child.Id, signal));
                Assert.True(child.WaitForExit(TimeSpan.FromMinutes(2)));
            }
        }

        run.Run(folder, resume: true);
        Assert.Equal(TinyRun.ResultsOf(run.Folder), TinyRun.ResultsOf(folder));
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Send(int process, int signal);
}
