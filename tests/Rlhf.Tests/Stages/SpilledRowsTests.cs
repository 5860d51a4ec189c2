using Rlhf.Stages;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages;

/// <summary>The encoded rows of a stage stand in a file while it runs.</summary>
public sealed class SpilledRowsTests : IDisposable
{
    private readonly TinyRun _run = new();

    private string Spill => Path.Combine(_run.Folder, "stages", "01-sft", "encoded.spill");

    public void Dispose() => _run.Dispose();

    [Fact]
    public void The_file_is_there_while_the_stage_trains_and_gone_when_the_run_is_over()
    {
        var seen = 0L;
        _run.RunWatched(() => seen = Math.Max(seen, File.Exists(Spill) ? new FileInfo(Spill).Length : 0));
        Assert.InRange(seen, 500, 50_000);
        Assert.Empty(Directory.GetFiles(_run.Folder, "*.spill", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_byte_that_changes_while_the_stage_trains_is_named_and_the_resumed_run_ends_with_the_same_bytes()
    {
        _run.Run(_run.PathOf("whole"));
        var failure = Assert.Throws<RunFailedException>(() => _run.RunWatched(() => Damage(Spill)));
        Assert.StartsWith($"{Spill}: the record at byte ", failure.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Spill));

        _run.Run(resume: true);
        Assert.Equal(TinyRun.ResultsOf(_run.PathOf("whole")), TinyRun.ResultsOf(_run.Folder));
    }

    [Fact]
    public void What_a_death_left_is_no_work_and_is_written_over()
    {
        _run.RunUpTo("sft");
        File.WriteAllBytes(Spill, new byte[100_000]);
        Assert.False(StageFiles.HoldsWork(Path.GetDirectoryName(Spill)!));
        _run.Run(resume: true);
        Assert.Empty(Directory.GetFiles(_run.Folder, "*.spill", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_bad_row_behind_good_ones_leaves_nothing()
    {
        File.AppendAllText(_run.PathOf("demonstrations.jsonl"), "{\"prompt\": 1}\n");
        Assert.Throws<InputException>(() => _run.Run(changes: "base.train_tokenizer.vocabulary_size=300"));
        Assert.False(File.Exists(Spill));
    }

    // Every byte: the rows that are still to be trained on are among them.
    private static void Damage(string file)
    {
        if (!File.Exists(file))
        {
            return;
        }

        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        stream.Position = 0;
        stream.Write(Array.ConvertAll(bytes, static value => (byte)(value ^ 0x11)));
    }
}
