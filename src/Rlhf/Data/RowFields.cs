using System.Globalization;
using System.Text.Json;

namespace Rlhf.Data;

/// <summary>A row's fields under our names. Remembers which were read, so that those without effect can be named.</summary>
internal sealed class RowFields
{
    private readonly JsonRow _row;
    private readonly RowValue _value;
    private readonly IReadOnlyDictionary<string, string> _names;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <summary>Parses a row. A row that is a text stands for <c>{"text": …}</c>.</summary>
    /// <param name="row">The row.</param>
    /// <param name="names">Our name to the data's, where they differ.</param>
    public RowFields(JsonRow row, IReadOnlyDictionary<string, string> names)
    {
        _row = row;
        _names = names;
        var value = row.Parse();
        _value = value.Kind switch
        {
            JsonValueKind.Object => value,
            JsonValueKind.String => RowValue.Object(value.Offset, new Dictionary<string, RowValue>(StringComparer.Ordinal) { [NameOf("text")] = value }),
            _ => throw row.Error(value, "an object with the fields of a row"),
        };
    }

    public RowPosition Position => _row.Position;

    /// <summary>Fields that nothing has asked for, by the data's names.</summary>
    public IEnumerable<string> NotRead => _value.Properties.Keys.Where(name => !_read.Contains(name));

    /// <summary>Whether the row has a field of this name, as the data spells it.</summary>
    public bool Contains(string dataName) => _value.Properties.ContainsKey(dataName);

    /// <summary>Our names for the fields that hold text, and the text.</summary>
    public Dictionary<string, string> Texts()
    {
        var ours = _names.ToDictionary(name => name.Value, name => name.Key, StringComparer.Ordinal);
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in _value.Properties.Where(property => property.Value.Kind == JsonValueKind.String))
        {
            texts.TryAdd(ours.GetValueOrDefault(name, name), value.Text);
        }

        return texts;
    }

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => _value.Properties.TryGetValue(NameOf(name), out var value) && value.Kind != JsonValueKind.Null;

    /// <summary>A field's value; null where it is absent or null.</summary>
    public RowValue? Find(string name)
    {
        var actual = NameOf(name);
        _read.Add(actual);
        return _value.Properties.TryGetValue(actual, out var value) && value.Kind != JsonValueKind.Null ? value : null;
    }

    /// <summary>A field's value.</summary>
    public RowValue Get(string name) => Find(name) ?? throw Missing($"the field \"{NameOf(name)}\"");

    /// <summary>A field's text; null where it is absent.</summary>
    public string? FindText(string name) => Find(name) is { } value ? TextOf(value) : null;

    /// <summary>A value that must be text.</summary>
    public string TextOf(RowValue value) => value.Kind == JsonValueKind.String ? value.Text : throw Error(value, "a text");

    /// <summary>A value that must be an array.</summary>
    public IReadOnlyList<RowValue> ItemsOf(RowValue value) => value.Kind == JsonValueKind.Array ? value.Items : throw Error(value, "an array");

    /// <summary>A value that must be a whole number from 0 up to but not including a count.</summary>
    public int IndexOf(RowValue value, int count) =>
        value.Kind == JsonValueKind.Number && int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < count
            ? index
            : throw Error(value, string.Create(CultureInfo.InvariantCulture, $"the number of an answer, 0 to {count - 1}"));

    /// <summary>A value that must be a finite number of at least (or, with <paramref name="above"/>, more than) 0.</summary>
    public double NumberOf(RowValue value, bool above)
    {
        var number = value.Kind == JsonValueKind.Number ? double.Parse(value.Text, CultureInfo.InvariantCulture) : double.NaN;
        return double.IsFinite(number) && (above ? number > 0 : number >= 0) ? number : throw Error(value, above ? "a finite number above 0" : "a finite number of at least 0");
    }

    /// <summary>A text, or a number as it is written (ids and labelers); null where the field is absent.</summary>
    public string? FindName(string name) => Find(name) switch
    {
        null => null,
        { Kind: JsonValueKind.Number } value => value.Text,
        { } value => TextOf(value),
    };

    /// <summary>The row's <c>id</c>, or else its file name and line (and column, where it does not begin the line).</summary>
    public string Id()
    {
        var file = Path.GetFileName(Position.File);
        return FindName("id") ?? (Position.Column == 1
            ? string.Create(CultureInfo.InvariantCulture, $"{file}:{Position.Line}")
            : string.Create(CultureInfo.InvariantCulture, $"{file}:{Position.Line}:{Position.Column}"));
    }

    public InputException Error(RowValue value, string expected) => _row.Error(value, expected);

    public InputException Wrong(RowValue value, string message) => _row.Error(value.Offset, message);

    /// <summary>An error about a row that lacks something.</summary>
    public InputException Missing(string expected) => _row.Error(_value, expected);

    private string NameOf(string name) => _names.GetValueOrDefault(name, name);
}
