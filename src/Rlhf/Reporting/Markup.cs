using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Rlhf.Reporting;

/// <summary>A piece of finished HTML or SVG. It can be made only from literals and escaped holes: <c>Markup.Of($"&lt;td&gt;{text}&lt;/td&gt;")</c>.</summary>
internal readonly record struct Markup
{
    private readonly string? text;

    private Markup(string text) => this.text = text;

    public static Markup Empty => default;

    public bool IsEmpty => string.IsNullOrEmpty(text);

    /// <summary>Markup from an interpolated string whose holes are escaped, unless they are markup themselves.</summary>
    public static Markup Of(MarkupHandler handler) => new(handler.Take());

    /// <summary>Markup from a constant of the program; never from data.</summary>
    public static Markup Literal([ConstantExpected] string constant) => new(constant);

    public static Markup Join(IEnumerable<Markup> pieces) => new(string.Concat(pieces));

    public override string ToString() => text ?? "";
}

/// <summary>Escapes every hole of an interpolated string; attribute values must stand in double quotes.</summary>
[InterpolatedStringHandler]
internal readonly ref struct MarkupHandler
{
    private readonly StringBuilder text;

    public MarkupHandler(int literalLength, int formattedCount) => text = new StringBuilder(literalLength + (16 * formattedCount));

    public void AppendLiteral(string value) => text.Append(value);

    public void AppendFormatted(Markup value) => text.Append(value.ToString());

    public void AppendFormatted(IEnumerable<Markup> values) => text.AppendJoin("", values);

    public void AppendFormatted(string? value) => VisibleText.AppendEscaped(text, value);

    public void AppendFormatted(long value) => text.Append(value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A coordinate: at most two decimals.</summary>
    public void AppendFormatted(double value) => text.Append(value.ToString("0.##", CultureInfo.InvariantCulture));

    public string Take() => text.ToString();
}
