using System.Text.Json;
using Rlhf.Reports;

namespace Rlhf.Web.Watching;

/// <summary>An answer that a run has kept for people to read.</summary>
/// <param name="Number">Its number among those that were seen.</param>
/// <param name="Stage">The stage.</param>
/// <param name="Step">The step at which it was sampled.</param>
/// <param name="Prompt">The prompt, cut where it is very long.</param>
/// <param name="Response">The answer, cut where it is very long.</param>
/// <param name="Values">What was measured of it: <c>score</c>.</param>
internal sealed record RunSample(long Number, string Stage, long Step, string Prompt, string Response, IReadOnlyDictionary<string, double> Values);

/// <summary>The last answers of a run, from the <c>samples.jsonl</c> of its stages.</summary>
internal sealed class RunSamples
{
    /// <summary>Answers that are kept.</summary>
    public const int Kept = 24;

    private const int LongestText = 4000;
    private const int MostValues = 8;

    private readonly Queue<RunSample> _samples = new();
    private long _number;

    /// <summary>The answers, in the order in which they came.</summary>
    public IReadOnlyCollection<RunSample> All => _samples;

    /// <summary>Lines that were no answers.</summary>
    public long Refused { get; private set; }

    /// <summary>Forgets the answers of a stage, which it samples again.</summary>
    public void Forget(string stage)
    {
        var others = _samples.Where(sample => sample.Stage != stage).ToArray();
        _samples.Clear();
        Array.ForEach(others, _samples.Enqueue);
    }

    /// <summary>Takes a line of a stage's file.</summary>
    public void Add(string stage, ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var row = JsonDocument.ParseValue(ref reader);
            var root = row.RootElement;
            var values = root.EnumerateObject().Where(static one => one.Name is not ("step" or "finished") && one.Value.ValueKind == JsonValueKind.Number)
                .Take(MostValues).DistinctBy(static one => one.Name).Select(static one => KeyValuePair.Create(one.Name, one.Value.GetDouble()));
            _samples.Enqueue(new RunSample(
                _number + 1, stage, root.GetProperty("step").GetInt64(), Text(root, "prompt"), Text(root, "response"),
                values.Where(static pair => double.IsFinite(pair.Value)).ToDictionary()));
            _number++;
            while (_samples.Count > Kept)
            {
                _samples.Dequeue();
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            Refused++;
        }
    }

    private static string Text(JsonElement row, string name)
    {
        var text = VisibleText.Plain(row.GetProperty(name).GetString() ?? throw new FormatException("A text is null."));
        return text.Length > LongestText ? text[..LongestText] + " ..." : text;
    }
}
