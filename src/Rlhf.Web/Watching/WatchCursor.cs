using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Reports;

namespace Rlhf.Web.Watching;

/// <summary>What one page has seen of one run, and the events that bring it to the present.</summary>
/// <param name="number">The run's number on the page.</param>
/// <param name="run">The run.</param>
internal sealed class WatchCursor(int number, WatchedRun run)
{
    // An event is closed after so many: few enough that it is no large object for the garbage collector.
    private const int BytesOfAnEvent = 32 << 10;

    private readonly HashSet<(string Stage, string Key)> _known = [];
    private object? _viewKey;
    private string _view = "";
    private int _generation = -1;
    private long _version = -1;
    private long _sample;
    private int _ledgers = -1;

    /// <summary>Looks at the run and gives what is new, by the names of events.</summary>
    public List<(string Name, byte[] Data)> Next()
    {
        lock (run.Gate)
        {
            run.Look();
            List<(string, byte[])> events = [];
            AddView(events);
            AddCurves(events);
            AddSamples(events);
            if (_ledgers != run.Stages.Version)
            {
                _ledgers = run.Stages.Version;
                events.Add(("ledger", Bytes(new JsonObject { ["run"] = number, ["stages"] = run.Stages.Ledgers })));
            }

            return events;
        }
    }

    private void AddView(List<(string, byte[])> events)
    {
        var key = run.ViewKey;
        if (key.Equals(_viewKey))
        {
            return;
        }

        _viewKey = key;
        var view = RunView.Of(run);
        view["run"] = number;
        var text = view.ToJsonString();
        if (text != _view)
        {
            _view = text;
            events.Add(("run", Bytes(view)));
        }
    }

    private void AddCurves(List<(string, byte[])> events)
    {
        if (_generation != run.Curves.Generation)
        {
            (_generation, _version) = (run.Curves.Generation, -1);
            _known.Clear();
            events.Add(("forget", Bytes(new JsonObject { ["run"] = number })));
        }

        if (_version == run.Curves.Version)
        {
            return;
        }

        KeyValuePair<(string Stage, string Key), Curve>[] changed = [.. run.Curves.All.Where(pair => pair.Value.Version > _version)];
        for (var at = 0; at < changed.Length;)
        {
            events.Add(("curves", CurvesOf(changed, ref at)));
        }

        _version = run.Curves.Version;
    }

    // Without a tree of nodes, which would take twenty times the room.
    private byte[] CurvesOf(KeyValuePair<(string Stage, string Key), Curve>[] curves, ref int at)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("run", number);
            json.WriteStartArray("curves");
            while (at < curves.Length && json.BytesCommitted + json.BytesPending < BytesOfAnEvent)
            {
                Write(json, curves[at].Key, curves[at].Value);
                at++;
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private void Write(Utf8JsonWriter json, (string Stage, string Key) name, Curve curve)
    {
        json.WriteStartObject();
        json.WriteString("stage", VisibleText.Plain(name.Stage));
        json.WriteString("key", VisibleText.Plain(name.Key));
        json.WriteNumber("first", curve.First);
        json.WriteNumber("width", curve.Width);
        json.WriteNumber("last", Rounded(curve.Last));
        if (_known.Add(name))
        {
            json.WritePropertyName("metric");
            MetricOf(name.Stage, name.Key).WriteTo(json);
        }

        json.WriteStartArray("columns");
        foreach (var column in curve.Columns)
        {
            if (column.Version > _version)
            {
                json.WriteStartArray();
                json.WriteNumberValue(column.Index);
                json.WriteNumberValue(Rounded(column.Low));
                json.WriteNumberValue(Rounded(column.High));
                json.WriteNumberValue(Rounded(column.Sum / column.Count));
                json.WriteEndArray();
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // The second reward model's curves are called as the first one's; its stage says whose they are.
    private static JsonObject MetricOf(string stage, string key)
    {
        var ofSecond = stage.EndsWith("-second", StringComparison.Ordinal) && key.StartsWith(Metric.SecondPrefix, StringComparison.Ordinal);
        var metric = MetricCatalogue.Of(ofSecond ? key[Metric.SecondPrefix.Length..] : key);
        return new JsonObject
        {
            ["name"] = VisibleText.Plain(metric.Name),
            ["meaning"] = metric.Meaning,
            ["unit"] = metric.Unit,
            ["panel"] = metric.Panel?.Title ?? VisibleText.Plain(metric.Name),
            ["order"] = metric.Panel?.Order ?? int.MaxValue,
            ["place"] = MetricCatalogue.PlaceOf(metric),
            ["logarithmic"] = metric.Panel?.IsLogarithmic ?? false,
        };
    }

    private void AddSamples(List<(string, byte[])> events)
    {
        RunSample[] fresh = [.. run.Samples.All.Where(sample => sample.Number > _sample)];
        if (fresh.Length == 0)
        {
            return;
        }

        _sample = fresh[^1].Number;
        events.Add(("samples", Bytes(new JsonObject
        {
            ["run"] = number,
            ["samples"] = new JsonArray([.. fresh.Select(static sample => (JsonNode)new JsonObject
            {
                ["stage"] = VisibleText.Plain(sample.Stage),
                ["step"] = sample.Step,
                ["prompt"] = sample.Prompt,
                ["response"] = sample.Response,
                ["values"] = new JsonObject(sample.Values.Select(static pair =>
                    new KeyValuePair<string, JsonNode?>(VisibleText.Plain(MetricCatalogue.Of(pair.Key).Name), Rounded(pair.Value)))),
            })]),
        })));
    }

    private static byte[] Bytes(JsonNode node) => JsonSerializer.SerializeToUtf8Bytes(node);

    // Six digits are more than a screen shows; they halve what is sent.
    private static double Rounded(double value)
    {
        if (value == 0 || Math.Abs(value) is < 1e-280 or > 1e280)
        {
            return value;
        }

        var scale = Math.Pow(10, 5 - (int)Math.Floor(Math.Log10(Math.Abs(value))));
        return Math.Round(value * scale) / scale;
    }
}
