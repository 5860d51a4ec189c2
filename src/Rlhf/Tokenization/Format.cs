using Rlhf.Data;

namespace Rlhf.Tokenization;

/// <summary>A stretch of a sequence's text.</summary>
/// <param name="Text">The text; never empty.</param>
/// <param name="Trained">Whether its tokens count in the loss.</param>
public sealed record Segment(string Text, bool Trained);

/// <summary>How prompts and answers become text, by <see cref="FormatOptions"/>.</summary>
public sealed class Format
{
    private readonly FormatTemplate _kind;
    private readonly ChatTemplate? _chat;
    private readonly TextTemplate? _prompt;
    private readonly TextTemplate? _response;

    /// <summary>Creates the format.</summary>
    /// <param name="options">The options.</param>
    /// <param name="chatTemplate">The tokenizer's chat template, for <c>tokenizer</c>; null where it has none.</param>
    /// <exception cref="InputException">The options contradict each other, or the chat template is absent.</exception>
    public Format(FormatOptions options, ChatTemplate? chatTemplate)
    {
        _kind = options.Template;
        if (_kind == FormatTemplate.Custom)
        {
            _prompt = new TextTemplate(options.Prompt ?? throw new InputException("format.prompt: the template custom needs the prompt's text."), "format.prompt");
            _response = new TextTemplate(options.Response, "format.response");
            if (!_response.Fields.SequenceEqual(["response"]))
            {
                throw new InputException("format.response: expected a text with the field {response} and no other.");
            }
        }
        else if (options.Prompt is not null || options.Response != new FormatOptions().Response)
        {
            throw new InputException("format.prompt and format.response have an effect only with the template custom.");
        }

        _chat = _kind switch
        {
            FormatTemplate.Tokenizer => chatTemplate ?? throw new InputException(
                "format.template: the tokenizer's folder has no chat template; choose plain, chatml, human-assistant or custom."),
            FormatTemplate.Chatml => ChatTemplate.BuiltIn("chatml"),
            FormatTemplate.HumanAssistant => ChatTemplate.BuiltIn("human-assistant"),
            _ => null,
        };
    }

    /// <summary>The text that the model is to continue.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="where">The row, for messages.</param>
    public string PromptText(Prompt prompt, string where) => _kind switch
    {
        FormatTemplate.Plain => prompt.Text,
        FormatTemplate.Custom => _prompt!.Render(name => prompt.Fields.GetValueOrDefault(name) ?? (name == "prompt" ? prompt.Text : null), where),
        _ => Rendered(where, () => _chat!.Render(prompt.AsMessages(), addGenerationPrompt: true)),
    };

    /// <summary>The text of an answer as it follows <see cref="PromptText"/>.</summary>
    public string ResponseText(Prompt prompt, string response, string where)
    {
        var promptText = PromptText(prompt, where);
        switch (_kind)
        {
            case FormatTemplate.Plain:
                return Joined(promptText, response);
            case FormatTemplate.Custom:
                return _response!.Render(_ => response, where);
            default:
                var whole = Rendered(where, () => _chat!.Render([.. prompt.AsMessages(), new Message("assistant", response)], addGenerationPrompt: false));
                return whole.StartsWith(promptText, StringComparison.Ordinal)
                    ? whole[promptText.Length..].TrimEnd()
                    : throw new InputException($"{where}: the chat template renders this conversation differently with its answer than when it asks for one, so the answer's place cannot be told.");
        }
    }

    /// <summary>
    /// The text of a demonstration, prompt first. With <see cref="Demonstration.TrainOnAllTurns"/> each turn of the assistant is a trained
    /// segment, but for <c>custom</c>, which knows one prompt and one response.
    /// </summary>
    public IReadOnlyList<Segment> Segments(Demonstration demonstration)
    {
        var (prompt, where) = (demonstration.Prompt, demonstration.Position.ToString());
        if (!demonstration.TrainOnAllTurns || _kind == FormatTemplate.Custom || !prompt.AsMessages().Any(message => message.Role == "assistant"))
        {
            return Nonempty([new(PromptText(prompt, where), false), new(ResponseText(prompt, demonstration.Response, where), true)]);
        }

        Message[] messages = [.. prompt.AsMessages(), demonstration.Answer];
        return Nonempty(_chat is null ? TranscriptSegments(messages) : TemplateSegments(messages, where));
    }

    private static List<Segment> TranscriptSegments(Message[] messages)
    {
        List<Segment> segments = [];
        var from = 0;
        for (var i = 0; i < messages.Length; i++)
        {
            if (messages[i].Role == "assistant")
            {
                var asked = Transcript.Write(messages[from..i]);
                segments.Add(new(asked, false));
                segments.Add(new(Joined(asked, messages[i].Content), true));
                from = i + 1;
            }
        }

        return segments;
    }

    /// <summary>White space after a turn is not the assistant's to write; the last turn ends the text.</summary>
    private List<Segment> TemplateSegments(Message[] messages, string where)
    {
        var (text, spans) = Rendered(where, () => _chat!.RenderWithAssistantSpans(messages));
        var end = text.TrimEnd().Length;
        List<Segment> segments = [];
        var from = 0;
        for (var i = 0; i < spans.Count; i++)
        {
            var start = spans[i].Start;
            var stop = i == spans.Count - 1 ? end : start + text.AsSpan(start, spans[i].Length).TrimEnd().Length;
            segments.Add(new(text[from..start], false));
            segments.Add(new(text[start..Math.Max(start, stop)], true));
            from = Math.Max(start, stop);
        }

        return segments;
    }

    /// <summary>The prompt stays also where its text is empty: a beginning-of-sequence token may stand for it.</summary>
    private static List<Segment> Nonempty(IEnumerable<Segment> segments) => [.. segments.Where((segment, i) => i == 0 || segment.Text.Length > 0)];

    private static string Joined(string prompt, string response) =>
        prompt.Length == 0 || char.IsWhiteSpace(prompt[^1]) || (response.Length > 0 && char.IsWhiteSpace(response[0])) ? response : " " + response;

    private static T Rendered<T>(string where, Func<T> render)
    {
        try
        {
            return render();
        }
        catch (InputException e)
        {
            throw new InputException($"{where}: {e.Message}", e);
        }
    }
}
