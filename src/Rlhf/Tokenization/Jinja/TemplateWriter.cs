using System.Globalization;
using System.Text;

namespace Rlhf.Tokenization.Jinja;

/// <summary>A text that grows; each addition is counted first.</summary>
internal sealed class TemplateWriter
{
    private readonly TemplateBudget _budget;
    private readonly StringBuilder _text;

    /// <summary>An empty text.</summary>
    public TemplateWriter(TemplateBudget budget)
    {
        _budget = budget;
        budget.MakeWriter();
        _text = new StringBuilder();
    }

    /// <summary>Characters so far.</summary>
    public int Length => _text.Length;

    /// <summary>Adds a text.</summary>
    public void Write(ReadOnlySpan<char> text)
    {
        _budget.Write(_text.Length, text.Length);
        _text.Append(text);
    }

    /// <summary>Adds a character.</summary>
    public void Write(char unit)
    {
        _budget.Write(_text.Length, 1);
        _text.Append(unit);
    }

    /// <summary>Adds the same character several times.</summary>
    public void Write(char unit, int count)
    {
        _budget.Write(_text.Length, count);
        _text.Append(unit, count);
    }

    /// <summary>Adds a whole number, of as many digits as the format asks for.</summary>
    public void Write(long number, string? format = null)
    {
        Span<char> digits = stackalloc char[20];
        number.TryFormat(digits, out var count, format, CultureInfo.InvariantCulture);
        Write(digits[..count]);
    }

    /// <summary>The text.</summary>
    public override string ToString() => _text.ToString();
}
