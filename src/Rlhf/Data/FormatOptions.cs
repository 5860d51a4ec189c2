using System.Globalization;

namespace Rlhf.Data;

/// <summary>How a prompt becomes text.</summary>
public enum FormatTemplate
{
    /// <summary>What the model's folder says (<c>prompt_format.json</c>), else its chat template, else <c>plain</c>.</summary>
    Auto,

    /// <summary>The prompt's text as it is; the response follows after one space unless white space stands there already.</summary>
    Plain,

    /// <summary>The chat template in the tokenizer's folder.</summary>
    Tokenizer,

    /// <summary>ChatML: <c>&lt;|im_start|>user … &lt;|im_end|></c>.</summary>
    Chatml,

    /// <summary>A transcript: <c>\n\nHuman: … \n\nAssistant: …</c>, a system message as a paragraph in front.</summary>
    HumanAssistant,

    /// <summary>The texts of <see cref="FormatOptions.Prompt"/> and <see cref="FormatOptions.Response"/>.</summary>
    Custom,
}

/// <summary>Whether the beginning-of-sequence token is put in front.</summary>
public enum BeginningOfSequence
{
    /// <summary>Where the tokenizer itself adds it.</summary>
    Auto,

    /// <summary>Always.</summary>
    True,

    /// <summary>Never.</summary>
    False,
}

/// <summary>How rows become the text that the model sees.</summary>
public sealed record FormatOptions
{
    /// <summary>The form of prompt and response.</summary>
    public FormatTemplate Template { get; init; } = FormatTemplate.Auto;

    /// <summary>
    /// Only for <c>custom</c>: the prompt's text with the row's fields in braces. What stands in <c>[[ ]]</c> vanishes when a field in it is empty or absent:
    /// <c>"Instruction: {instruction}\n[[Input: {input}\n]]Answer:"</c>.
    /// </summary>
    public string? Prompt { get; init; }

    /// <summary>
    /// Only for <c>custom</c>: the response's text, with <c>{response}</c> in it. The model sees the prompt's text and this one joined as they stand: where a
    /// space belongs between them,
    /// it is written here, <c>" {response}"</c>.
    /// </summary>
    public string Response { get; init; } = "{response}";

    /// <summary>Whether the beginning-of-sequence token is put in front of the prompt, once.</summary>
    public BeginningOfSequence AddBos { get; init; } = BeginningOfSequence.Auto;

    /// <summary>Whether a response ends in the end-of-sequence token, once.</summary>
    public bool AddEos { get; init; } = true;

    /// <summary>Variables of the chat template, as in <c>{enable_thinking: false}</c>: true, false, whole numbers and numbers are taken as such, all else as
    /// text.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The day that a chat template's <c>strftime_now</c> writes, as <c>2026-01-31</c>; of a run the day that it began on, where absent.</summary>
    public string? Date { get; init; }

    /// <summary><see cref="Variables"/> as values of a template.</summary>
    internal IReadOnlyDictionary<string, object?> TemplateVariables() =>
        Variables.ToDictionary(pair => pair.Key, pair => ValueOf(pair.Value), StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool Equals(FormatOptions? other) =>
        other is not null
            && (Template, Prompt, Response, AddBos, AddEos, Date) == (other.Template, other.Prompt, other.Response, other.AddBos, other.AddEos, other.Date)
        && Variables.Count == other.Variables.Count && Variables.All(pair => other.Variables.TryGetValue(pair.Key, out var value) && value == pair.Value);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Template, Prompt, Response, AddBos, AddEos, Date, Variables.Count);

    private static object? ValueOf(string text) => text switch
    {
        "true" => true,
        "false" => false,
        "null" or "none" => null,
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        _ => text,
    };
}
