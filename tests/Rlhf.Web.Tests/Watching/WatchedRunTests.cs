using System.Text;
using System.Text.Json.Nodes;
using Rlhf.Reports;
using Rlhf.Web.Watching;

namespace Rlhf.Web.Tests.Watching;

public sealed class WatchedRunTests : IDisposable
{
    private readonly MadeUpRun _run = new();
    private readonly Clock _clock = new();
    private readonly WatchedRun _watched;

    public WatchedRunTests() => _watched = new WatchedRun(_run.Folder, "polite", _clock);

    public void Dispose() => _run.Dispose();

    /// <summary>A clock on which every look is a second after the one before.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _seconds++;
    }

    private Dictionary<string, List<JsonNode>> Next(WatchCursor cursor) => cursor.Next()
        .GroupBy(one => one.Name).ToDictionary(group => group.Key, group => group.Select(one => JsonNode.Parse(one.Data)!).ToList());

    private JsonNode View()
    {
        _watched.Look();
        return RunView.Of(_watched);
    }

    [Fact]
    public void A_folder_that_is_not_there_or_empty_is_waited_for()
    {
        Assert.Equal("waiting", (string?)View()["state"]);
        Assert.Contains("There is no folder", (string?)View()["sentence"], StringComparison.Ordinal);
        Directory.CreateDirectory(_run.Folder);
        Assert.Equal("waiting", (string?)View()["state"]);
        _run.Begin();
        Assert.Equal("unknown", (string?)View()["state"]);
        _run.Say(done: 3);
        var view = View();
        Assert.Equal(("running", 3L, true), ((string?)view["state"], (long?)view["work"]!["done"], (bool?)view["can_stop"]));
        Assert.Equal(["complete", "to come", "begun"], view["stages"]!.AsArray().Select(stage => (string?)stage!["state"]));
    }

    [Theory]
    [InlineData(RunState.Running, 3600, "silent", "No sign of life since")]
    [InlineData(RunState.Stopped, 3600, "stopped", "rlhf run --resume --out")]
    [InlineData(RunState.Finished, 3600, "finished", "report.html")]
    [InlineData(RunState.Failed, 3600, "failed", "error")]
    public void How_a_run_ended_is_said_in_a_sentence(RunState state, double age, string word, string sentence)
    {
        _run.Begin();
        _run.Say(state, age: age);
        var view = View();
        Assert.Equal((word, false), ((string?)view["state"], (bool?)view["can_stop"]));
        Assert.Contains(sentence, (string?)view["sentence"], StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_are_named_and_the_rest_is_shown()
    {
        _run.Begin();
        _run.Step(1, 10);
        File.AppendAllText(_run.PathOf(MetricsFile.Name), "{\"stage\":\"03-ppo\",\"st\nnonsense\n" + new string('x', 3 * Limits.WatchedRow) + "\n");
        File.AppendAllText(_run.PathOf("stages", MadeUpRun.Stage, "samples.jsonl"), "{}\n");
        File.WriteAllText(_run.PathOf(RunStatus.FileName), "{\"state\":");
        File.WriteAllText(_run.PathOf("stages", "01-sft", "ledger.json"), "[1]");
        _run.Step(11, 12);
        var problems = View()["problems"]!.AsArray().Select(problem => (string)problem!).ToArray();
        Assert.Contains(problems, problem => problem.Contains("status.json", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("metrics.jsonl has 3 lines that are no rows", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("1 lines of samples", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("ledger.json", StringComparison.Ordinal));
        Assert.Equal(12, _watched.Curves.All[(MadeUpRun.Stage, "score")].Columns.Count);
        Assert.Equal(12, _watched.Samples.All.Count);
    }

    [Fact]
    public void A_page_is_sent_what_is_new_and_only_that()
    {
        _run.Begin();
        _run.Step(1, 100);
        _run.Say(done: 100);
        var cursor = new WatchCursor(0, _watched);
        var first = Next(cursor);
        Assert.Equal(19, first["curves"].Sum(one => one["curves"]!.AsArray().Count));
        Assert.Equal(RunSamples.Kept, first["samples"].Single()["samples"]!.AsArray().Count);
        Assert.Equal(40, (int)first["ledger"].Single()["stages"]![0]!["files"]![0]!["rows_in"]!);
        Assert.Empty(Next(cursor));

        _run.Step(101, 101);
        var second = Next(cursor);
        Assert.All(second["curves"].SelectMany(one => one["curves"]!.AsArray()), curve => Assert.Single(curve!["columns"]!.AsArray()));
        Assert.Equal(101, (int)Assert.Single(second["samples"].Single()["samples"]!.AsArray())!["step"]!);
        Assert.Equal(100, (int)second["curves"][0]["curves"]![0]!["columns"]![0]![0]!);
    }

    [Fact]
    public void A_page_that_looks_on_from_the_start_has_what_one_has_that_came_late()
    {
        _run.Begin();
        var early = new WatchCursor(0, _watched);
        Dictionary<string, Dictionary<int, string>> drawn = [];
        for (var step = 1; step <= 2000; step += 77)
        {
            _run.Step(step, Math.Min(2000, step + 76));
            Draw(early, drawn);
        }

        Dictionary<string, Dictionary<int, string>> late = [];
        Draw(new WatchCursor(0, _watched), late);
        Assert.Equal(late.Keys.Order(), drawn.Keys.Order());
        Assert.All(late, pair => Assert.Equal(pair.Value.OrderBy(column => column.Key), drawn[pair.Key].OrderBy(column => column.Key)));
    }

    // As the page does it.
    private void Draw(WatchCursor cursor, Dictionary<string, Dictionary<int, string>> drawn)
    {
        foreach (var curve in Next(cursor).GetValueOrDefault("curves", []).SelectMany(one => one["curves"]!.AsArray()))
        {
            var name = $"{curve!["stage"]} {curve["key"]}";
            if (!drawn.TryGetValue(name, out var columns) || columns.GetValueOrDefault(-1) != curve["width"]!.ToString())
            {
                drawn[name] = columns = new() { [-1] = curve["width"]!.ToString() };
            }

            foreach (var column in curve["columns"]!.AsArray())
            {
                columns[(int)column![0]!] = column.ToJsonString();
            }
        }
    }

    [Fact]
    public void A_resumed_run_that_takes_rows_away_is_drawn_anew()
    {
        _run.Begin();
        _run.Step(1, 50);
        var cursor = new WatchCursor(0, _watched);
        _ = Next(cursor);
        var file = _run.PathOf(MetricsFile.Name);
        File.WriteAllLines(file + ".new", File.ReadAllLines(file).SkipLast(20));
        File.Move(file + ".new", file, overwrite: true);
        var next = Next(cursor);
        Assert.Single(next["forget"]);
        Assert.Equal(30, _watched.Curves.All[(MadeUpRun.Stage, "score")].Columns.Count);
    }

    [Fact]
    public void What_is_kept_of_10000_steps_is_bounded()
    {
        _run.Begin();
        _run.Step(1, 10_000);
        for (var looks = 0; looks == 0 || _watched.HasMore; looks++)
        {
            Assert.InRange(looks, 0, 20);
            _watched.Look();
        }

        Assert.Equal(10_000, _watched.Curves.All[(MadeUpRun.Stage, "kl")].Columns.Sum(column => column.Count));
        Assert.InRange(_watched.Curves.Columns, 1, _watched.Curves.All.Count * Limits.WatchedColumns);
        Assert.Equal(RunSamples.Kept, _watched.Samples.All.Count);
        var sent = new WatchCursor(0, _watched).Next();
        Assert.InRange(sent.Sum(one => (long)one.Data.Length), 1, 2 << 20);
        Assert.All(sent, one => Assert.InRange(one.Data.Length, 1, 128 << 10));
    }

    [Fact]
    public void Alarms_of_the_run_and_of_complete_stages_stand_once()
    {
        _run.Begin();
        var alarm = MadeUpRun.KlAlarm(4);
        SummaryFiles.WriteStage(_run.PathOf("stages", MadeUpRun.Stage), new StageSummary { Name = MadeUpRun.Stage, Kind = "ppo", Alarms = [alarm.Alarm] });
        _run.Say(alarms: [alarm]);
        Assert.Equal(4, (long)Assert.Single(View()["alarms"]!.AsArray())!["step"]!);
    }

    [Fact]
    public void Samples_of_a_run_that_is_over_come_in_the_order_of_its_stages()
    {
        string[] stages = ["11-ppo-3", "08-ppo-2", "05-ppo", "02-sft"];
        foreach (var stage in stages)
        {
            Directory.CreateDirectory(_run.PathOf("stages", stage));
            File.WriteAllText(_run.PathOf("stages", stage, "samples.jsonl"), """{"step":1,"prompt":"a","response":"b","score":1}""" + "\n");
        }

        _watched.Look();
        Assert.Equal(stages.Reverse(), _watched.Samples.All.Select(static sample => sample.Stage));
    }

    [Fact]
    public void Hostile_texts_are_cut_and_shown()
    {
        _run.Begin();
        File.WriteAllText(_run.PathOf("stages", MadeUpRun.Stage, "samples.jsonl"),
            $"{{\"step\":1,\"prompt\":\"a\u202eb\",\"response\":\"{new string('z', 100_000)}\",\"score\":1e999}}\n", new UTF8Encoding(false));
        _watched.Look();
        var sample = Assert.Single(_watched.Samples.All);
        Assert.Equal("a⟨U+202E⟩b", sample.Prompt);
        Assert.InRange(sample.Response.Length, 1000, 5000);
        Assert.Empty(sample.Values);
    }
}
