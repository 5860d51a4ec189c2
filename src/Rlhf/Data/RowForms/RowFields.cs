using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>A field that nothing has asked for.</summary>
/// <param name="Path">Its name in the row, as in <c>label</c> or <c>messages[].score</c>.</param>
/// <param name="Name">Its own name.</param>
/// <param name="Value">Its value; never null.</param>
/// <param name="Known">Whether the reader knows it and leaves it out on purpose.</param>
public readonly record struct UnreadField(string Path, string Name, RowValue Value, bool Known);

/// <summary>A row's fields under our names. Remembers which were read, so that those without effect can be named or refused.</summary>
public sealed class RowFields
{
    private static readonly Dictionary<string, string> NoNames = [];

    private readonly JsonRow _row;
    private readonly RowValue _value;
    private readonly IReadOnlyDictionary<string, string> _names;
    private readonly HashSet<string> _ignored;
    private readonly HashSet<string> _taken;
    private readonly string _prefix = "";
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<RowFields> _nested = [];

    /// <summary>Parses a row. A row that is a text stands for <c>{"text": …}</c>.</summary>
    /// <param name="row">The row.</param>
    /// <param name="names">Our name to the data's, where they differ.</param>
    /// <param name="ignored">The data's names of fields that are left out on purpose.</param>
    public RowFields(JsonRow row, IReadOnlyDictionary<string, string> names, IEnumerable<string>? ignored = null)
    {
        _row = row;
        _names = names;
        _ignored = new(ignored ?? [], StringComparer.Ordinal);
        _taken = new(names.Values, StringComparer.Ordinal);
        var value = row.Parse();
        _value = value.Kind switch
        {
            JsonValueKind.Object => value,
            JsonValueKind.String => RowValue.Object(
                value.Offset, new Dictionary<string, RowValue>(StringComparer.Ordinal) { [NameOf("text") ?? "text"] = value }),
            _ => throw row.Error(value, "an object with the fields of a row"),
        };
    }

    private RowFields(RowFields parent, RowValue value, string prefix)
    {
        (_row, _value, _names, _ignored, _taken, _prefix) = (parent._row, value, NoNames, parent._ignored, [], parent._prefix + prefix + ".");
        parent._nested.Add(this);
    }

    public RowPosition Position => _row.Position;

    /// <summary>Fields that nothing has asked for and that are not null, those of nested objects too.</summary>
    public IEnumerable<UnreadField> Unread =>
    [
        .. _value.Properties
            .Where(own => own.Value.Kind != JsonValueKind.Null && !_read.Contains(own.Key) && !IsIgnored(own.Key))
            .Select(own => new UnreadField(_prefix + own.Key, own.Key, own.Value, _known.Contains(own.Key))),
        .. _nested.SelectMany(nested => nested.Unread),
    ];

    /// <summary>Fields that are there and left out because the user says so.</summary>
    public IEnumerable<string> LeftOut =>
        [.. _value.Properties.Keys.Where(IsIgnored).Select(name => _prefix + name), .. _nested.SelectMany(nested => nested.LeftOut)];

    /// <summary>The fields of an object within this row; what of it is not read counts as unread in the row.</summary>
    /// <param name="value">The object.</param>
    /// <param name="prefix">What stands before its fields' names, as in <c>messages[]</c>.</param>
    public RowFields Nested(RowValue value, string prefix) =>
        value.Kind == JsonValueKind.Object ? new RowFields(this, value, prefix) : throw Error(value, "an object");

    /// <summary>Whether the row has a field of this name, as the data spells it.</summary>
    public bool Contains(string dataName) => _value.Properties.ContainsKey(dataName);

    /// <summary>Names fields that are known and left out on purpose: they are counted, but never refused.</summary>
    public void LeaveOut(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            _known.Add(NameOf(name) ?? name);
        }
    }

    /// <summary>Our names for the fields that hold text, and the text.</summary>
    public Dictionary<string, string> Texts()
    {
        var ours = _names.ToDictionary(name => name.Value, name => name.Key, StringComparer.Ordinal);
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in _value.Properties.Where(property => property.Value.Kind == JsonValueKind.String && !IsIgnored(property.Key)))
        {
            texts.TryAdd(ours.GetValueOrDefault(name, name), value.Text);
        }

        return texts;
    }

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => Peek(name) is not null;

    /// <summary>Whether a field is there and holds null.</summary>
    public bool IsNull(string name) => NameOf(name) is { } actual && _value.Properties.TryGetValue(actual, out var value) && value.Kind == JsonValueKind.Null;

    /// <summary>A field's value, which counts as read; null where it is absent or null.</summary>
    public RowValue? Find(string name)
    {
        if (NameOf(name) is { } actual)
        {
            _read.Add(actual);
        }

        return Peek(name);
    }

    /// <summary>A field's value, which does not count as read; null where it is absent, null or ignored.</summary>
    public RowValue? Peek(string name) =>
        NameOf(name) is { } actual && _value.Properties.TryGetValue(actual, out var value) && value.Kind != JsonValueKind.Null && !IsIgnored(actual)
            ? value
            : null;

    /// <summary>Whether the user gave another name for one of these fields.</summary>
    public bool HasNamesFor(IEnumerable<string> names) => names.Any(_names.ContainsKey);

    /// <summary>Whether a field has been asked for.</summary>
    public bool IsRead(string name) => NameOf(name) is { } actual && _read.Contains(actual);

    /// <summary>A field's value.</summary>
    public RowValue Get(string name) => Find(name) ?? throw Missing($"the field \"{NameOf(name) ?? name}\"");

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
        var number = NumberIn(value);
        return double.IsFinite(number) && (above ? number > 0 : number >= 0)
            ? number
            : throw Error(value, above ? "a finite number above 0" : "a finite number of at least 0");
    }

    /// <summary>A value that must be a finite number, as scores and ranks are; of either sign.</summary>
    public double ScoreOf(RowValue value)
    {
        var number = NumberIn(value);
        return double.IsFinite(number) ? number : throw Error(value, "a finite number");
    }

    /// <summary>The cells of tables as text are texts, also those that are numbers.</summary>
    private double NumberIn(RowValue value) =>
        (value.Kind == JsonValueKind.Number || (value.Kind == JsonValueKind.String && _row.CellsAreTexts))
            && double.TryParse(value.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : double.NaN;

    /// <summary>A text, or a number as it is written (ids and labelers); null where the field is absent.</summary>
    public string? FindName(string name) => Find(name) switch
    {
        null => null,
        { Kind: JsonValueKind.Number } value => value.Text,
        { } value => TextOf(value),
    };

    /// <summary>The value of a field that rows are split by. It does not count as read: what it means is not looked at.</summary>
    /// <param name="path">The data's name; with points for a field within another.</param>
    /// <exception cref="InputException">It is absent, null, empty, or no text or number.</exception>
    public string GroupIn(string path)
    {
        var value = ValueAt(_value, path);
        if (value is null or { Kind: JsonValueKind.Null })
        {
            throw _row.Error(value ?? _value, $"the field \"{path}\" that split_by names");
        }

        var text = value.Kind switch
        {
            JsonValueKind.String or JsonValueKind.Number => value.Text,
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => "",
        };
        return string.IsNullOrWhiteSpace(text) ? throw Error(value, $"a text or a number in \"{path}\", by which split_by splits") : text;
    }

    /// <summary>The text of a field by which answers are graded: texts, numbers and truth values as they are, else the JSON. It counts as read.</summary>
    /// <exception cref="InputException">It is absent, null, or no right answer for what grades by it.</exception>
    internal string ReferenceIn(ReferenceField field)
    {
        var value = ValueAt(_value, field.Name);
        if (value is null or { Kind: JsonValueKind.Null })
        {
            throw _row.Error(value ?? _value, $"the field \"{field.Name}\" that {field.Key} names");
        }

        _read.Add(_value.Properties.ContainsKey(field.Name) ? field.Name : field.Name[..field.Name.IndexOf('.', StringComparison.Ordinal)]);
        var text = value.Kind switch
        {
            JsonValueKind.String or JsonValueKind.Number => value.Text,
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => RowJson.Of(value),
        };
        return field.ProblemWith(text) is { } problem
            ? throw Wrong(value, $"the field \"{field.Name}\" that {field.Key} names is no right answer: {problem}")
            : text;
    }

    private static RowValue? ValueAt(RowValue from, string path)
    {
        if (from.Kind != JsonValueKind.Object)
        {
            return null;
        }

        return from.Properties.TryGetValue(path, out var own) ? own
            : path.IndexOf('.', StringComparison.Ordinal) is > 0 and var point && from.Properties.TryGetValue(path[..point], out var outer)
                ? ValueAt(outer, path[(point + 1)..])
                : null;
    }

    /// <summary>The JSON value that stands in a text, as tables without nested columns have it.</summary>
    public RowValue ParseText(RowValue value, string expected)
    {
        try
        {
            return new JsonRow(Position, 0, Encoding.UTF8.GetBytes(TextOf(value))).Parse();
        }
        catch (InputException e)
        {
            throw new InputException($"{_row.PositionOf(value.Offset)}: expected {expected}, found a text that is no JSON ({e.Message})", e);
        }
    }

    /// <summary>The row's <c>id</c>, or else its file name and line (and column, where it does not begin the line).</summary>
    public string Id()
    {
        var file = Path.GetFileName(Position.File);
        return FindName("id") ?? (Position.Row is not null || Position.Column == 1
            ? string.Create(CultureInfo.InvariantCulture, $"{file}:{Position.Row ?? Position.Line}")
            : string.Create(CultureInfo.InvariantCulture, $"{file}:{Position.Line}:{Position.Column}"));
    }

    public InputException Error(RowValue value, string expected) => _row.Error(value, expected);

    public InputException Wrong(RowValue value, string message) => _row.Error(value.Offset, message);

    /// <summary>An error about a row that lacks something.</summary>
    public InputException Missing(string expected) => _row.Error(_value, expected + RefusedForms.AdviceFor(this));

    /// <summary>The data's name of a field; null where it is that of another field of ours: with <c>prompt: history</c>, there is no history.</summary>
    private string? NameOf(string name) => _names.TryGetValue(name, out var theirs) ? theirs : _taken.Contains(name) ? null : name;

    private bool IsIgnored(string name) => _ignored.Contains(name) || _ignored.Contains(_prefix + name);
}
