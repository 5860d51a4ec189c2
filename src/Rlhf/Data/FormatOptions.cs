namespace Rlhf.Data;

/// <summary>How a prompt becomes text.</summary>
public enum FormatTemplate
{
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
    public FormatTemplate Template { get; init; } = FormatTemplate.Plain;

    /// <summary>
    /// Only for <c>custom</c>: the prompt's text with the row's fields in braces. What stands in <c>[[ ]]</c> vanishes when a field in it is empty or absent:
    /// <c>"Instruction: {instruction}\n[[Input: {input}\n]]Answer:"</c>.
    /// </summary>
    public string? Prompt { get; init; }

    /// <summary>
    /// Only for <c>custom</c>: the response's text, with <c>{response}</c> in it. A space in front is right for byte-level tokenizers and harmless for
    /// those that put one in front of every text themselves.
    /// </summary>
    public string Response { get; init; } = "{response}";

    /// <summary>Whether the beginning-of-sequence token is put in front of the prompt, once.</summary>
    public BeginningOfSequence AddBos { get; init; } = BeginningOfSequence.Auto;

    /// <summary>Whether a response ends in the end-of-sequence token, once.</summary>
    public bool AddEos { get; init; } = true;
}
