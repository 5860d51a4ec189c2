using System.Text;

namespace Rlhf.Text.Jinja;

/// <summary>A text that grows; each addition is counted first.</summary>
internal sealed class TemplateWriter(TemplateBudget budget)
{
    private readonly StringBuilder _text = new();

    /// <summary>Characters so far.</summary>
    public int Length => _text.Length;

    /// <summary>Adds a text.</summary>
    public void Write(ReadOnlySpan<char> text)
    {
        budget.Write(_text.Length, text.Length);
        _text.Append(text);
    }

    /// <summary>Adds a character.</summary>
    public void Write(char unit)
    {
        budget.Write(_text.Length, 1);
        _text.Append(unit);
    }

    /// <summary>Adds the same character several times.</summary>
    public void Write(char unit, int count)
    {
        budget.Write(_text.Length, count);
        _text.Append(unit, count);
    }

    /// <summary>The text.</summary>
    public override string ToString() => _text.ToString();
}
