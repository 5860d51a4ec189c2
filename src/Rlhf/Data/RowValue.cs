using System.Globalization;
using System.Text.Json;

namespace Rlhf.Data;

/// <summary>A JSON value that knows where in its row it stands.</summary>
public sealed class RowValue
{
    private const int ShownCharacters = 40;

    private static readonly Dictionary<string, RowValue> NoProperties = [];

    private RowValue(JsonValueKind kind, int offset, string text, IReadOnlyList<RowValue> items, IReadOnlyDictionary<string, RowValue> properties)
    {
        Kind = kind;
        Offset = offset;
        Text = text;
        Items = items;
        Properties = properties;
    }

    /// <summary>What it is.</summary>
    public JsonValueKind Kind { get; }

    /// <summary>First byte, counted from the beginning of the row.</summary>
    public int Offset { get; }

    /// <summary>A string's content or a number as it is written; empty for all else.</summary>
    public string Text { get; }

    /// <summary>An array's values; empty for all else.</summary>
    public IReadOnlyList<RowValue> Items { get; }

    /// <summary>An object's values by name; empty for all else.</summary>
    public IReadOnlyDictionary<string, RowValue> Properties { get; }

    /// <summary>The value in an error message, after "found".</summary>
    public string Description => Kind switch
    {
        JsonValueKind.String => Text.Length == 0 ? "an empty text" : $"the text \"{Shorten(Text)}\"",
        JsonValueKind.Number => "the number " + Shorten(Text),
        JsonValueKind.Array => string.Create(CultureInfo.InvariantCulture, $"an array of {Items.Count}"),
        JsonValueKind.Object => Properties.Count == 0 ? "an empty object" : "an object with " + Shorten(string.Join(", ", Properties.Keys)),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };

    internal static RowValue Scalar(JsonValueKind kind, int offset, string text = "") => new(kind, offset, text, [], NoProperties);

    internal static RowValue Array(int offset, IReadOnlyList<RowValue> items) => new(JsonValueKind.Array, offset, "", items, NoProperties);

    internal static RowValue Object(int offset, IReadOnlyDictionary<string, RowValue> properties) => new(JsonValueKind.Object, offset, "", [], properties);

    private static string Shorten(string text)
    {
        var length = Math.Min(text.Length, ShownCharacters);
        if (length < text.Length && char.IsHighSurrogate(text[length - 1]))
        {
            length--;
        }

        var shown = text[..length].Replace("\n", "\\n", StringComparison.Ordinal);
        return length < text.Length ? shown + "..." : shown;
    }
}
