using System.Runtime.CompilerServices;
using System.Text.Json;
using Rlhf.Data;
using Rlhf.Text.Jinja;

namespace Rlhf.Text;

/// <summary>
/// A chat template in the Jinja subset of tokenizer_config.json files: messages in, the text that the model sees out. Rendered text holds
/// its special tokens already: encode it without adding any. Safe for use from several threads.
/// </summary>
public sealed class ChatTemplate
{
    private readonly TemplateSource _source;
    private readonly Statement[] _body;
    private readonly string? _beginningOfSequence;
    private readonly string? _endOfSequence;

    private ChatTemplate(string name, string text, string? beginningOfSequence, string? endOfSequence)
    {
        Source = text;
        _source = new TemplateSource(name, text);
        _beginningOfSequence = beginningOfSequence;
        _endOfSequence = endOfSequence;
        _body = TemplateParser.Parse(_source);
    }

    private ChatTemplate(ChatTemplate other, TimeProvider clock)
    {
        (Source, _source, _body, _beginningOfSequence, _endOfSequence) =
            (other.Source, other._source, other._body, other._beginningOfSequence, other._endOfSequence);
        Clock = clock;
    }

    /// <summary>Names that <see cref="BuiltIn"/> takes.</summary>
    public static IReadOnlyList<string> BuiltInNames { get; } = ["chatml", "human-assistant"];

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>Whether the template marks with <c>{% generation %}</c> what the assistant writes.</summary>
    public bool HasGenerationBlocks => HasGeneration(_body);

    /// <summary>The clock of <c>strftime_now</c>: a run's is fixed, so that its ids do not depend on the day (<c>FixedDate</c>).</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Parses a template.</summary>
    /// <param name="template">Its text.</param>
    /// <param name="beginningOfSequence">The variable <c>bos_token</c>; null leaves it undefined.</param>
    /// <param name="endOfSequence">The variable <c>eos_token</c>; null leaves it undefined.</param>
    /// <param name="name">How errors call it.</param>
    /// <exception cref="InputException">Not valid, or not supported; with line and column.</exception>
    public static ChatTemplate Parse(string template, string? beginningOfSequence = null, string? endOfSequence = null, string name = "chat template") =>
        new(name, template, beginningOfSequence, endOfSequence);

    /// <summary>
    /// One of the templates that come with the program. <c>chatml</c>: turns between <c>&lt;|im_start|&gt;role</c> and <c>&lt;|im_end|&gt;</c>.
    /// <c>human-assistant</c>: the transcripts of hh-rlhf, <c>"\n\nHuman: ...\n\nAssistant: ..."</c>, a system message as a paragraph in front.
    /// </summary>
    public static ChatTemplate BuiltIn(string name) => name switch
    {
        "chatml" => Parse(BuiltInTemplates.ChatMl, endOfSequence: "<|im_end|>", name: name),
        "human-assistant" => Parse(BuiltInTemplates.HumanAssistant, name: name),
        _ => throw new InputException($"there is no built-in chat template \"{name}\" (there are: {string.Join(", ", BuiltInNames)})"),
    };

    /// <summary>The same template with its own clock.</summary>
    internal ChatTemplate With(TimeProvider clock) => new(this, clock);

    /// <summary>Renders a conversation.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="addGenerationPrompt">Ends with what stands in front of the assistant's next answer.</param>
    /// <param name="variables">Further variables of the template, such as enable_thinking; one that is not given is undefined.</param>
    /// <param name="tools">JSON schemas of tools; null leaves them none.</param>
    /// <exception cref="InputException">The template refuses the conversation or fails on it; with line and column.</exception>
    [OverloadResolutionPriority(1)]
    public string Render(
        IReadOnlyList<Message> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null,
        IReadOnlyList<JsonElement>? tools = null) =>
        Run(messages, addGenerationPrompt, variables, tools).Text;

    /// <summary>Renders a conversation whose messages are JSON objects (tool calls, reasoning_content ...).</summary>
    /// <inheritdoc cref="Render(IReadOnlyList{Message}, bool, IReadOnlyDictionary{string, object?}?, IReadOnlyList{JsonElement}?)"/>
    public string Render(
        IReadOnlyList<JsonElement> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null,
        IReadOnlyList<JsonElement>? tools = null) =>
        Run(messages, addGenerationPrompt, variables, tools).Text;

    /// <summary>
    /// Renders a conversation to its end and says which parts of the text (UTF-16 positions) stand in the template's <c>{% generation %}</c> blocks; none where
    /// it has no such
    /// blocks. Which tokens of a turn are trained is decided by <c>TurnFinder</c>.
    /// </summary>
    public (string Text, IReadOnlyList<(int Start, int Length)> Generated) RenderWithGeneration(
        IReadOnlyList<Message> messages, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null) =>
        Run(messages, addGenerationPrompt: false, variables, tools);

    /// <summary>An error about the whole template.</summary>
    internal InputException Error(string message) => _source.Error(0, message);

    private (string Text, List<(int Start, int Length)> Generated) Run<T>(
        IReadOnlyList<T> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables, IReadOnlyList<JsonElement>? tools)
    {
        var all = new Dictionary<string, object?>();
        if (_beginningOfSequence is not null)
        {
            all["bos_token"] = _beginningOfSequence;
        }

        if (_endOfSequence is not null)
        {
            all["eos_token"] = _endOfSequence;
        }

        foreach (var (name, value) in variables ?? new Dictionary<string, object?>())
        {
            all[name] = value;
        }

        all["messages"] = messages;
        all["tools"] = tools;
        all["add_generation_prompt"] = addGenerationPrompt;
        return TemplateInterpreter.Render(_source, _body, all, Clock);
    }

    private static bool HasGeneration(Statement[] body) => body.Any(statement => statement switch
    {
        GenerationBlock => true,
        If choice => choice.Branches.Any(branch => HasGeneration(branch.Body)),
        For loop => HasGeneration(loop.Body) || HasGeneration(loop.Otherwise),
        _ => false,
    });
}
