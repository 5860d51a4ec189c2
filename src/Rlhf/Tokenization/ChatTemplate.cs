using System.Text.Json;
using Rlhf.Data;

namespace Rlhf.Tokenization;

/// <summary>A chat template in the Jinja subset of tokenizer_config.json files: messages in, the text that the model sees out.</summary>
public sealed class ChatTemplate
{
    private ChatTemplate(string source) => Source = source;

    /// <summary>Names that <see cref="BuiltIn"/> takes.</summary>
    public static IReadOnlyList<string> BuiltInNames { get; } = ["chatml", "human-assistant"];

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>Parses a template.</summary>
    /// <exception cref="InputException">Not valid, or not supported; with line and column.</exception>
    public static ChatTemplate Parse(string template, string? beginningOfSequence = null, string? endOfSequence = null, string name = "chat template") =>
        throw new NotImplementedException();

    /// <summary>One of the templates that come with the program: <c>chatml</c> or <c>human-assistant</c>.</summary>
    public static ChatTemplate BuiltIn(string name) => throw new NotImplementedException();

    /// <summary>Renders a conversation.</summary>
    public string Render(
        IReadOnlyList<Message> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null) =>
        throw new NotImplementedException();

    /// <summary>Renders a conversation whose messages are JSON objects (tool calls, reasoning_content ...).</summary>
    public string Render(
        IReadOnlyList<JsonElement> messages, bool addGenerationPrompt, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null) =>
        throw new NotImplementedException();

    /// <summary>
    /// Renders a conversation and says which parts the assistant wrote (UTF-16 positions in Text): the template's <c>{% generation %}</c>
    /// blocks, or, where it has none, what each assistant message adds to the rendering of the messages before it.
    /// </summary>
    /// <exception cref="InputException">The spans cannot be told from the renderings.</exception>
    public (string Text, IReadOnlyList<(int Start, int Length)> AssistantSpans) RenderWithAssistantSpans(
        IReadOnlyList<Message> messages, IReadOnlyDictionary<string, object?>? variables = null, IReadOnlyList<JsonElement>? tools = null) =>
        throw new NotImplementedException();
}
