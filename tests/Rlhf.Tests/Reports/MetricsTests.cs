using Rlhf.Reports;
using Rlhf.World;

namespace Rlhf.Tests.Reports;

public sealed class MetricsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Rows_come_back_as_they_were_written()
    {
        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            writer.Write("01-sft", 1, 0.5, ("loss", 4.25), ("learning_rate", 1e-4));
            writer.Write("01-sft", 2, 1.0004, ("loss", 0.1));
        }

        var text = File.ReadAllLines(_folder.PathOf("metrics.jsonl"));
        Assert.Equal("""{"stage":"01-sft","step":1,"seconds":0.5,"loss":4.25,"learning_rate":0.0001}""", text[0]);
        var rows = MetricsFile.Read(_folder.Path);
        Assert.Equal(2, rows.Count);
        Assert.Equal(("01-sft", 2L, 1.0), (rows[1].Stage, rows[1].Step, rows[1].Seconds));
        Assert.Equal(0.1, rows[1].Values["loss"]);
    }

    [Fact]
    public void A_row_is_on_the_disk_when_write_returns()
    {
        using var writer = MetricsWriter.Open(_folder.Path);
        writer.Write("01-sft", 1, 0.5, ("loss", 4.25));
        Assert.Single(MetricsFile.Read(_folder.Path));
        Assert.Equal(2, EventFile.Read(EventPath()).Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(60)]
    public void A_partial_last_line_is_left_out_and_taken_away_by_the_next_writer(int cut)
    {
        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            writer.Write("01-sft", 1, 0.5, ("loss", 4.25));
            writer.Write("01-sft", 2, 0.6, ("loss", 4.0));
        }

        var path = _folder.PathOf("metrics.jsonl");
        var bytes = File.ReadAllBytes(path);
        var second = Array.IndexOf(bytes, (byte)'\n') + 1;
        File.WriteAllBytes(path, bytes[..Math.Min(bytes.Length - 1, second + cut)]);

        Assert.Single(MetricsFile.Read(_folder.Path));
        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            writer.Write("01-sft", 2, 0.7, ("loss", 3.0));
        }

        Assert.Equal([4.25, 3.0], MetricsFile.Read(_folder.Path).Select(row => row.Values["loss"]));
    }

    [Fact]
    public void A_broken_line_in_the_middle_is_an_error_with_its_place()
    {
        File.WriteAllText(_folder.PathOf("metrics.jsonl"), "{\"stage\":\"01-sft\",\"step\":1}\n{\"stage\":\"01-sft\",\"step\":\"x\"}\n");
        var e = Assert.Throws<InputException>(() => MetricsFile.Read(_folder.Path));
        Assert.Contains("metrics.jsonl:2:", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Truncation_keeps_earlier_stages_and_the_rows_before_the_checkpoint()
    {
        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            foreach (var (stage, steps) in new[] { ("01-sft", 3), ("02-collect", 2), ("10-ppo-2", 1) })
            {
                for (var step = 1; step <= steps; step++)
                {
                    writer.Write(stage, step, step, ("loss", step));
                }
            }

            writer.KeepFirst("02-collect", 1);
            writer.Write("02-collect", 2, 2, ("loss", 20));
        }

        var rows = MetricsFile.Read(_folder.Path).Select(row => (row.Stage, row.Step, row.Values["loss"]));
        Assert.Equal([("01-sft", 1L, 1.0), ("01-sft", 2, 2), ("01-sft", 3, 3), ("02-collect", 1, 1), ("02-collect", 2, 20)], rows);
        Assert.Equal([0L, 1, 2, 3, 1, 2], EventFile.Read(EventPath()).Select(e => e.Step));
    }

    [Fact]
    public void Truncation_to_no_row_takes_the_whole_stage_away()
    {
        using var writer = MetricsWriter.Open(_folder.Path);
        writer.Write("02-collect", 1, 1, ("loss", 1));
        writer.KeepFirst("02-collect", 0);
        Assert.Empty(MetricsFile.Read(_folder.Path));
    }

    [Fact]
    public void An_interrupted_and_resumed_run_has_the_rows_and_events_of_an_uninterrupted_one()
    {
        using var other = new TestFolder();
        using (var writer = MetricsWriter.Open(other.Path))
        {
            Enumerable.Range(1, 9).ToList().ForEach(step => WriteRow(writer, step));
        }

        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            Enumerable.Range(1, 7).ToList().ForEach(step => WriteRow(writer, step));
        }

        File.AppendAllText(_folder.PathOf("metrics.jsonl"), "{\"stage\":\"01-sf");
        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            Assert.Equal(7, writer.StateOf("01-sft").Rows);
            writer.KeepFirst("01-sft", 4);
            Enumerable.Range(5, 5).ToList().ForEach(step => WriteRow(writer, step));
        }

        Assert.Equal(File.ReadAllBytes(other.PathOf("metrics.jsonl")), File.ReadAllBytes(_folder.PathOf("metrics.jsonl")));
        Assert.Equal(
            EventFile.Read(Directory.GetFiles(other.PathOf("events"))[0]).Select(e => (e.Step, Scalars: string.Join(',', e.Scalars))),
            EventFile.Read(EventPath()).Select(e => (e.Step, Scalars: string.Join(',', e.Scalars))));

        static void WriteRow(MetricsWriter writer, int step) => writer.Write("01-sft", step, step * 0.25, ("loss", 4.0 / step), ("epoch", step / 3.0));
    }

    [Fact]
    public void Events_carry_version_tags_steps_values_and_growing_wall_time()
    {
        using (var writer = MetricsWriter.Open(_folder.Path))
        {
            writer.Write("01-sft", 1, 10, ("loss", 4.25), ("entropy", -0.5));
            writer.Write("01-sft", 300, 20, ("loss", 2));
            writer.Write("02-ppo", 1, 5, ("score", 1.75));
        }

        var events = EventFile.Read(EventPath());
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.Equal(4.25f, events[1].Scalars["01-sft/loss"]);
        Assert.Equal(-0.5f, events[1].Scalars["01-sft/entropy"]);
        Assert.Equal(300, events[2].Step);
        Assert.Equal(1.75f, events[3].Scalars["02-ppo/score"]);
        Assert.Equal([0.0, 10, 20, 25], events.Select(e => e.WallTime - events[0].WallTime));
    }

    [Fact]
    public void A_non_finite_metric_stops_the_run_and_leaves_no_row()
    {
        using var writer = MetricsWriter.Open(_folder.Path);
        var e = Assert.Throws<RunFailedException>(() => writer.Write("04-ppo", 7, 1, ("score", 1), ("kl", double.NaN)));
        Assert.Contains("04-ppo, step 7: the metric kl is NaN", e.Message, StringComparison.Ordinal);
        writer.Write("04-ppo", 7, 1, ("score", 1));
        Assert.Single(MetricsFile.Read(_folder.Path));
    }

    [Fact]
    public void Writing_a_row_allocates_next_to_nothing_once_warm()
    {
        using var writer = MetricsWriter.Open(_folder.Path);
        var (loss, epoch) = (MetricCatalogue.Of("loss"), MetricCatalogue.Of("epoch"));
        Enumerable.Range(1, 50).ToList().ForEach(step => writer.Write("01-sft", step, step, (loss, 1.5), (epoch, 2)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var step = 51; step <= 150; step++)
        {
            writer.Write("01-sft", step, step, (loss, 1.5), (epoch, 2));
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100 * 64);
    }

    // RFC 3720, B.4, and the usual check value.
    [Theory]
    [InlineData("313233343536373839", 0xE3069283u)]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", 0x8A9136AAu)]
    [InlineData("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 0x62A8AB43u)]
    [InlineData("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 0x46DD794Eu)]
    [InlineData("", 0u)]
    public void Crc32c_gives_the_known_values(string hex, uint expected) => Assert.Equal(expected, Crc32C.Compute(Convert.FromHexString(hex)));

    [Fact]
    public void Stages_are_ordered_by_their_number() =>
        Assert.Equal(["01-sft", "02-collect", "10-ppo-2", "100-ppo-9"],
            new[] { "100-ppo-9", "10-ppo-2", "02-collect", "01-sft" }.Order(Comparer<string>.Create(MetricsFile.CompareStages)));

    private string EventPath() => Assert.Single(Directory.GetFiles(_folder.PathOf("events")));
}
