using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Rlhf.Reports;

/// <summary>A piece of finished HTML or SVG. It can be made only from literals and escaped holes: <c>Markup.Of($"&lt;td&gt;{text}&lt;/td&gt;")</c>.</summary>
internal readonly record struct Markup
{
    private readonly string? _text;

    private Markup(string text) => _text = text;

    public static Markup Empty => default;

    public bool IsEmpty => string.IsNullOrEmpty(_text);

    /// <summary>Markup from an interpolated string whose holes are escaped, unless they are markup themselves.</summary>
    public static Markup Of(MarkupHandler handler) => new(handler.Take());

    /// <summary>Markup from a constant of the program; never from data.</summary>
    public static Markup Literal([ConstantExpected] string constant) => new(constant);

    public static Markup Join(IEnumerable<Markup> pieces) => new(string.Concat(pieces));

    public override string ToString() => _text ?? "";
}

/// <summary>Escapes every hole of an interpolated string; attribute values must stand in double quotes.</summary>
[InterpolatedStringHandler]
internal readonly ref struct MarkupHandler
{
    private readonly StringBuilder _text;

    public MarkupHandler(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + (16 * formattedCount));

    public void AppendLiteral(string value) => _text.Append(value);

    public void AppendFormatted(Markup value) => _text.Append(value.ToString());

    public void AppendFormatted(IEnumerable<Markup> values) => _text.AppendJoin("", values);

    public void AppendFormatted(string? value) => VisibleText.AppendEscaped(_text, value);

    public void AppendFormatted(long value) => _text.Append(value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A coordinate: at most two decimals.</summary>
    public void AppendFormatted(double value) => _text.Append(value.ToString("0.##", CultureInfo.InvariantCulture));

    public string Take() => _text.ToString();
}
