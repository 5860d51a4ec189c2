namespace Rlhf.Text.Jinja;

/// <summary>A template's text with its name, so that errors can say where they are.</summary>
internal sealed class TemplateSource(string name, string text)
{
    /// <summary>The text, line breaks as '\n'.</summary>
    public string Text { get; } = Normalize(text);

    /// <summary>An error at a position of <see cref="Text"/>; line and column count from 1.</summary>
    public InputException Error(int position, string message)
    {
        var before = Text.AsSpan(0, Math.Min(position, Text.Length));
        var shown = message.Length <= Limits.MessageCharacters ? message : message[..Limits.MessageCharacters] + " ...";
        return InputException.At(name, before.Count('\n') + 1, before.Length - before.LastIndexOf('\n'), shown);
    }

    /// <summary>Refuses a template that is longer than any in use: parsing takes memory in proportion.</summary>
    public void CheckLength()
    {
        if (Text.Length > Limits.TemplateCharacters)
        {
            throw Error(0, FormattableString.Invariant($"the template has {Text.Length} characters; at most {Limits.TemplateCharacters} are read"));
        }
    }

    // As Jinja does: one line break at the very end is dropped.
    private static string Normalize(string text)
    {
        text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        return text.EndsWith('\n') ? text[..^1] : text;
    }
}
