using System.Text;

namespace Rlhf.Data;

/// <summary>
/// A text with fields in braces and optional parts in double brackets: <c>"Instruction: {instruction}\n[[Input: {input}\n]]Answer:"</c>. An optional
/// part vanishes when a field in it is empty or absent; elsewhere an absent field is an error. <c>{{</c> and <c>}}</c> stand for braces.
/// </summary>
public sealed class TextTemplate
{
    private readonly string _template;
    private readonly List<Part> _parts = [];

    /// <summary>Parses a template.</summary>
    /// <param name="template">The text.</param>
    /// <param name="key">The option it stands in, for messages.</param>
    /// <exception cref="InputException">Brackets or braces do not match, or an optional part has no field.</exception>
    public TextTemplate(string template, string key)
    {
        _template = template;
        Parse(key);
    }

    /// <summary>The fields that the template names.</summary>
    public IEnumerable<string> Fields => _parts.Where(part => part.IsField).Select(part => part.Text).Distinct(StringComparer.Ordinal);

    /// <summary>The fields that a format's texts name; none unless it is a custom one.</summary>
    public static IEnumerable<string> FieldsOf(FormatOptions format) =>
        format is { Template: FormatTemplate.Custom, Prompt: { } prompt } ? new TextTemplate(prompt, "format.prompt").Fields : [];

    /// <summary>The text with the fields of a row.</summary>
    /// <param name="find">A field's text; null where it is absent.</param>
    /// <param name="where">The row, for the message about an absent field.</param>
    public string Render(Func<string, string?> find, string where)
    {
        var text = new StringBuilder();
        foreach (var part in _parts)
        {
            if (part.Group > 0 && _parts.Any(other => other.Group == part.Group && other.IsField && string.IsNullOrEmpty(find(other.Text))))
            {
                continue;
            }

            text.Append(part.IsField
                ? find(part.Text) ?? throw new InputException(
                    $"{where}: the format's text names the field {part.Text}, which this row lacks; put it in [[ ]] if it may be absent.")
                : part.Text);
        }

        return text.ToString();
    }

    private void Parse(string key)
    {
        var literal = new StringBuilder();
        var (group, groups) = (0, 0);
        for (var i = 0; i < _template.Length;)
        {
            var rest = _template.AsSpan(i);
            if (rest.StartsWith("{{") || rest.StartsWith("}}"))
            {
                literal.Append(rest[0]);
                i += 2;
            }
            else if (rest[0] == '{')
            {
                Flush(literal, group);
                var end = rest.IndexOf('}');
                var name = end < 0 ? "" : rest[1..end].Trim().ToString();
                _parts.Add(name.Length > 0 ? new Part(name, true, group) : throw Wrong(key, i, "expected a field's name and '}' after '{'"));
                i += end + 1;
            }
            else if (rest[0] == '}')
            {
                throw Wrong(key, i, "found '}' without '{' before it; write }} for a brace");
            }
            else if (rest.StartsWith("[[") && group == 0)
            {
                Flush(literal, group);
                group = ++groups;
                i += 2;
            }
            else if (rest.StartsWith("]]") && group > 0)
            {
                Flush(literal, group);
                group = _parts.Any(part => part.IsField && part.Group == group) ? 0 : throw Wrong(key, i, "found [[ ]] without a field in it");
                i += 2;
            }
            else
            {
                literal.Append(rest[0]);
                i++;
            }
        }

        Flush(literal, group);
        if (group > 0)
        {
            throw Wrong(key, _template.Length, "expected ']]' for the '[[' before");
        }
    }

    private void Flush(StringBuilder literal, int group)
    {
        if (literal.Length > 0)
        {
            _parts.Add(new Part(literal.ToString(), false, group));
            literal.Clear();
        }
    }

    private static InputException Wrong(string key, int index, string message) => new($"{key}: character {index + 1}: {message}.");

    /// <summary>A literal text or a field's name.</summary>
    /// <param name="Text">The text or the name.</param>
    /// <param name="IsField">Which of the two.</param>
    /// <param name="Group">Number of the optional part it belongs to, from 1; 0 for none.</param>
    private sealed record Part(string Text, bool IsField, int Group);
}
