using System.Text.Json;

namespace Rlhf.Web.Watching;

/// <summary>The curves of a run, from the rows of its <c>metrics.jsonl</c>. Rows that are none are counted, not believed.</summary>
internal sealed class RunCurves
{
    private const int LongestName = 200;

    private readonly Dictionary<(string Stage, string Key), Curve> _curves = [];
    private readonly List<(string Key, double Value)> _row = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal); // of stages and metrics: each row brings the same ones
    private long _version;

    /// <summary>All curves by stage and metric.</summary>
    public IReadOnlyDictionary<(string Stage, string Key), Curve> All => _curves;

    /// <summary>How often the curves began anew.</summary>
    public int Generation { get; private set; }

    /// <summary>Is greater after each row.</summary>
    public long Version => _version;

    /// <summary>Lines that were no rows.</summary>
    public long Refused { get; private set; }

    /// <summary>Whether there were more metrics than are kept.</summary>
    public bool IsFull { get; private set; }

    /// <summary>Columns of all curves together: what is kept.</summary>
    public int Columns => _curves.Values.Sum(static curve => curve.Columns.Count);

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _curves.Clear();
        (Refused, IsFull, Generation) = (0, false, Generation + 1);
    }

    /// <summary>Takes a line of the file.</summary>
    public void Add(ReadOnlySpan<byte> line)
    {
        try
        {
            if (Parse(line) is not var (stage, step))
            {
                Refused++;
                return;
            }

            _version++;
            foreach (var (key, value) in _row)
            {
                Add(stage, key, step, value);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            Refused++;
        }
    }

    private void Add(string stage, string key, long step, double value)
    {
        if (!_curves.TryGetValue((stage, key), out var curve))
        {
            if (_curves.Count >= Limits.WatchedCurves)
            {
                IsFull = true;
                return;
            }

            _curves[(stage, key)] = curve = new Curve();
        }

        curve.Add(step, value, _version);
    }

    /// <summary>Stage and step of a row, whose numbers are then in <see cref="_row"/>; null where it is none.</summary>
    private (string Stage, long Step)? Parse(ReadOnlySpan<byte> line)
    {
        _row.Clear();
        var reader = new Utf8JsonReader(line);
        (string? stage, long? step) = (null, null);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = NameOf(ref reader);
            reader.Read();
            switch (key)
            {
                case "stage":
                    stage = NameOf(ref reader);
                    break;
                case "step":
                    step = reader.GetInt64();
                    break;
                case "seconds":
                    break;
                default:
                    if (!double.IsFinite(reader.GetDouble()))
                    {
                        return null;
                    }

                    _row.Add((key, reader.GetDouble()));
                    break;
            }
        }

        return reader.TokenType == JsonTokenType.EndObject && stage is { Length: > 0 } && step is { } at ? (stage, at) : null;
    }

    /// <summary>A key or text of a row.</summary>
    private string NameOf(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.String) || reader.ValueSpan.Length > LongestName)
        {
            throw new FormatException("A name is too long, or no text.");
        }

        Span<char> characters = stackalloc char[LongestName];
        characters = characters[..reader.CopyString(characters)];
        var names = _names.GetAlternateLookup<ReadOnlySpan<char>>();
        if (names.TryGetValue(characters, out var name))
        {
            return name;
        }

        name = characters.ToString();
        if (_names.Count < 2 * Limits.WatchedCurves)
        {
            _names.Add(name);
        }

        return name;
    }
}
