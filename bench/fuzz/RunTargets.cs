using Microsoft.Data.Sqlite;
using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Labelers;
using Rlhf.Labelers.Store;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Training;

namespace Fuzz;

/// <summary>Files that runs and stores keep.</summary>
internal static class RunTargets
{
    private const int Length = 64;
    private const string Hash = "9f2c4e81b6d03a57c1e8f4a2967b0d35e4c18a7f62b9d0531c7e4a8f96b2d013";
    private static readonly Judged[] Judgements =
        [.. Enumerable.Range(0, 4).Select(i => new Judged($"{Hash[..60]}{i:0000}", (Verdict)i, $"reply {i}", 1, i, 100, 5))];
    private static readonly Lazy<IDevice> Device = new(() => Devices.Create(threads: 1));

    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("rankings", 3, (_, folder) => RankingFile.Read(Path.Combine(folder, "rankings.jsonl")).ToList(),
        () => [FuzzTarget.Text("rankings.jsonl", string.Join('\n', Enumerable.Range(0, 3).Select(RankingRow)))]),
        new("checkpoint", 2, ReadCheckpoint, () => [Made(WriteCheckpoint)]),
        new("judgements", 1, ReadJudgements, () => [Made(WriteJudgements)]),
        new("run", 1, ReadRun, () => [Made(WriteRun)]),
        new("store", 1, ReadStore, () => [Made(WriteStore)]),
    ];

    private static FuzzCase Made(Action<string> write)
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-fuzz-").FullName;
        write(folder);
        var made = FuzzCase.ReadFrom(folder);
        Directory.Delete(folder, recursive: true);
        return made;
    }

    private static string RankingRow(int number) =>
        $$"""{"id": "row {{number}}", "prompt": "why?", "responses": ["yes.", "no", "no!"], "ranking": [[2], [0, 1]], "labeler": "gold", "round": 1, "model_hash": "ab12", "prompt_text": "why?", "prompt_tokens": [1, 7, 8], "response_tokens": [[5, 6, 2], [9], [9, 3, 2]]}""";

    private static void WriteCheckpoint(string folder)
    {
        using var memory = Device.Value.Allocate(Length);
        Device.Value.CopyIn(Values(1), memory.Floats);
        new TrainerCheckpoints(folder, keep: 2).Write(3, StateOf(memory.Floats, step: 3));
    }

    /// <summary>Whatever was changed, a checkpoint that is taken gives the state that was written.</summary>
    private static void ReadCheckpoint(FuzzCase input, string folder)
    {
        using var memory = Device.Value.Allocate(Length);
        var state = StateOf(memory.Floats, step: 0);
        if (new TrainerCheckpoints(folder, keep: 2).RestoreLatest(state, _ => { }) is not { } step)
        {
            throw new InputException("no good checkpoint");
        }

        var restored = new float[Length];
        Device.Value.CopyOut(memory.Floats, restored);
        if (step != 3 || state.Numbers["step"] != 3 || state.Numbers.Count != 2 || !restored.AsSpan().SequenceEqual(Values(1)))
        {
            throw new SilentAcceptanceException($"the checkpoint of step {step} was restored with other numbers");
        }
    }

    private static float[] Values(float first) => [.. Enumerable.Range(0, Length).Select(i => first + i / 3f)];

    private static TrainerState StateOf(FloatBuffer buffer, double step) =>
        new(new Dictionary<string, FloatBuffer> { ["policy.parameters"] = buffer },
            new Dictionary<string, double> { ["step"] = step, ["kl"] = 0.1 })
        { Device = Device.Value };

    private static void WriteJudgements(string folder)
    {
        using var cache = new JudgementCache<Judged>(Path.Combine(folder, "judgements.jsonl"));
        foreach (var judged in Judgements)
        {
            cache.Add(judged);
        }
    }

    private static void ReadJudgements(FuzzCase input, string folder)
    {
        using var cache = new JudgementCache<Judged>(Path.Combine(folder, "judgements.jsonl"));
        foreach (var judged in Judgements)
        {
            if (cache.Find(judged.Request) is { } found && found != judged)
            {
                throw new SilentAcceptanceException($"the judgement {judged.Request} was read as {found}");
            }
        }
    }

    private static void WriteRun(string folder)
    {
        using (var writer = MetricsWriter.Open(folder))
        {
            for (var step = 1; step <= 4; step++)
            {
                writer.Write("01-sft", step, step * 0.24, (MetricCatalogue.Of("loss"), 1.0 / step), (MetricCatalogue.Of("learning_rate"), 1e-3));
            }
        }

        var stage = Directory.CreateDirectory(Path.Combine(folder, "stages", "01-sft")).FullName;
        SummaryFiles.WriteStage(stage,
            new StageSummary { Name = "01-sft", Kind = "sft", Seconds = 3, Steps = 4, Figures = new Dictionary<string, Figure> { ["loss"] = new(0.25) } });
        File.WriteAllText(
            Path.Combine(stage, "ledger.json"), """{"read": 4, "kept": 3, "dropped": {"empty answer": {"count": 1, "examples": ["a.jsonl:2"]}}}""");
        File.WriteAllText(Path.Combine(folder, "environment.json"), """{"program": "rlhf 0.1.0", "cpu": {"cores": 2}, "threads": 2}""");
        File.WriteAllText(Path.Combine(folder, "recipe.yaml"), "name: polite\nseed: 0\n");
        File.WriteAllText(Path.Combine(stage, "samples.jsonl"), "{\"step\": 1, \"text\": \"a\"}\n{\"step\": 2, \"text\": \"b\"}\n");
        SummaryFiles.WriteRun(folder, RunSummaries.Collect(folder, "polite", seed: 0, program: "rlhf"));
    }

    private static void ReadRun(FuzzCase input, string folder)
    {
        new SampleFile(Path.Combine(folder, "stages", "01-sft", "samples.jsonl")).KeepFirst(1);
        RunReport.Render(folder);
    }

    private static void WriteStore(string folder)
    {
        var rows = Path.Combine(folder, "rows.jsonl");
        File.WriteAllText(rows, string.Join('\n', Enumerable.Range(0, 3).Select(RankingRow)));
        RankingStore.Open(Path.Combine(folder, "store.db")).Import(RankingRows.Read(rows));
        SqliteConnection.ClearAllPools();
        File.Delete(rows);
    }

    private static void ReadStore(FuzzCase input, string folder)
    {
        try
        {
            var store = RankingStore.OpenToRead(Path.Combine(folder, "store.db"));
            store.Settings();
            store.Users();
            _ = store.Tasks().Count();
            store.Rankings();
            RankingExport.Write(store, TextWriter.Null, new ExportOptions());
        }
        finally
        {
            SqliteConnection.ClearAllPools();
        }
    }
}
