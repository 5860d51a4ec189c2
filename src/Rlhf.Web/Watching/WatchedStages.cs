using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Reports;

namespace Rlhf.Web.Watching;

/// <summary>The folders of a run's stages: which are complete, their samples, ledgers and alarms. A file is read again only where it has changed.</summary>
internal sealed class WatchedStages(string runFolder)
{
    private const int MostStages = 200;
    private const int MostSampleFiles = 4;
    private const int MostParts = 40;
    private const int LongestText = 300;
    private const int MostAlarms = 100;
    private const long SamplesFromEnd = 256 << 10;
    private const long LargestFile = 4 * Limits.WatchedText;

    private readonly SortedDictionary<string, Stage> _stages = new(Comparer<string>.Create(MetricsFile.CompareStages));

    /// <summary>One stage's folder.</summary>
    private sealed class Stage
    {
        public Dictionary<string, LineTail> Samples { get; } = new(StringComparer.Ordinal);

        public (DateTime Summary, DateTime Ledger) Seen { get; set; }

        public bool IsComplete { get; set; }

        public JsonNode? Ledger { get; set; }

        public IReadOnlyList<StageAlarm> Alarms { get; set; } = [];

        public string? Problem { get; set; }
    }

    /// <summary>Names of the stages that have begun, and whether they are complete.</summary>
    public IEnumerable<(string Name, bool IsComplete)> All => _stages.Select(static pair => (pair.Key, pair.Value.IsComplete));

    /// <summary>Alarms in the summaries of complete stages.</summary>
    public IEnumerable<StageAlarm> Alarms => _stages.Values.SelectMany(static stage => stage.Alarms).Take(MostAlarms);

    /// <summary>The ledgers, by stage, cut to what can be shown.</summary>
    public JsonArray Ledgers => [.. _stages.Where(static pair => pair.Value.Ledger is not null).Take(MostParts)
        .Select(static pair => new JsonObject { ["stage"] = pair.Key, ["files"] = pair.Value.Ledger!.DeepClone() })];

    /// <summary>What is wrong with files of stages.</summary>
    public IEnumerable<string> Problems => _stages.Values.Select(static stage => stage.Problem).OfType<string>().Take(MostParts);

    /// <summary>Is greater after a stage, its ledger or its alarms have changed.</summary>
    public int Version { get; private set; }

    /// <summary>Looks at all folders.</summary>
    public void Look(RunSamples samples)
    {
        var folder = Path.Combine(runFolder, "stages");
        string[] names = Directory.Exists(folder)
            ? [.. Directory.EnumerateDirectories(folder).Take(MostStages).Select(static path => Path.GetFileName(path)).Order(_stages.Comparer)] : [];
        foreach (var gone in _stages.Keys.Except(names).ToArray())
        {
            _stages.Remove(gone);
            samples.Forget(gone);
            Version++;
        }

        foreach (var name in names)
        {
            if (!_stages.TryGetValue(name, out var stage))
            {
                _stages[name] = stage = new Stage();
            }

            var before = stage.Problem;
            try
            {
                Look(stage, name, Path.Combine(folder, name), samples);
                stage.Problem = null;
            }
            catch (Exception exception) when (exception is InputException || FileFailure.Is(exception))
            {
                stage.Problem = $"{name}: {FailureText.Of(exception)}";
            }

            Version += before == stage.Problem ? 0 : 1;
        }
    }

    private void Look(Stage stage, string name, string folder, RunSamples samples)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "samples*.jsonl").Take(MostSampleFiles))
        {
            if (!stage.Samples.TryGetValue(file, out var tail))
            {
                stage.Samples[file] = tail = new LineTail(file, Limits.WatchedText, SamplesFromEnd);
            }

            tail.Look(() => samples.Forget(name), line => samples.Add(name, line));
        }

        var (summary, ledger) = (Path.Combine(folder, "summary.json"), Path.Combine(folder, Ledger.FileName));
        stage.IsComplete = File.Exists(summary);
        var now = (File.GetLastWriteTimeUtc(summary), File.GetLastWriteTimeUtc(ledger));
        if (now == stage.Seen)
        {
            return;
        }

        stage.Seen = now;
        stage.Alarms = stage.IsComplete ? AlarmsOf(name, summary) : [];
        stage.Ledger = File.Exists(ledger) ? LedgerOf(ledger) : null;
        Version++;
    }

    private static StageAlarm[] AlarmsOf(string name, string file)
    {
        var summary = StrictJson.ObjectOf(file, LargestFile);
        return summary.TryGetProperty("alarms", out var alarms) && alarms.ValueKind == JsonValueKind.Array
            ? [.. alarms.EnumerateArray().Take(MostAlarms).Where(static alarm => alarm.ValueKind == JsonValueKind.Object).Select(alarm => new StageAlarm(
                name, new Evaluation.Alarm(Whole(alarm, "step"), Text(alarm, "name"), Text(alarm, "message"))))]
            : [];
    }

    private static JsonArray LedgerOf(string file)
    {
        var ledger = StrictJson.ObjectOf(file, LargestFile);
        return ledger.TryGetProperty("files", out var files) && files.ValueKind == JsonValueKind.Array
            ? [.. files.EnumerateArray().Take(MostParts).Select(static one => new JsonObject
            {
                ["file"] = Path.GetFileName(Text(one, "file")),
                ["rows_in"] = Whole(one, "rows_in"),
                ["kept"] = Whole(one, "kept"),
                ["dropped"] = Whole(one, "dropped"),
                ["truncated"] = Whole(one, "truncated"),
                ["tokens_cut"] = Whole(one, "tokens_cut"),
                ["reasons"] = new JsonArray([.. Reasons(one, "dropped_by_reason", "dropped"), .. Reasons(one, "truncated_by_reason", "cut"),
                    .. Reasons(one, "notes", "note")]),
            })]
            : [];
    }

    private static IEnumerable<JsonNode> Reasons(JsonElement file, string list, string kind) =>
        file.ValueKind == JsonValueKind.Object && file.TryGetProperty(list, out var reasons) && reasons.ValueKind == JsonValueKind.Array
            ? reasons.EnumerateArray().Take(MostParts).Select(reason => new JsonObject
            {
                ["kind"] = kind,
                ["reason"] = Text(reason, "reason"),
                ["count"] = Whole(reason, "count"),
            })
            : [];

    private static string Text(JsonElement value, string name)
    {
        var text = value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.String
            ? VisibleText.Plain(found.GetString()) : "";
        return text.Length > LongestText ? text[..LongestText] + " ..." : text;
    }

    private static long Whole(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.Number
            && found.TryGetInt64(out var whole) ? whole : 0;
}
