using Rlhf.Data;

namespace Rlhf.Text.Templates;

/// <summary>How prompts and answers become text, by <see cref="FormatOptions"/>: the one place for single turns, conversations, comparisons and
/// prompts.</summary>
public sealed class Format
{
    private readonly FormatTemplate _kind;
    private readonly TurnFinder? _turns;
    private readonly TextTemplate? _prompt;
    private readonly TextTemplate? _response;
    private readonly string _lead = ""; // white space that _response writes in front of an answer

    /// <summary>Creates the format.</summary>
    /// <param name="options">The options; with <c>auto</c> the chat template is used where there is one, else plain text.</param>
    /// <param name="chatTemplate">The tokenizer's chat template, for <c>tokenizer</c>; null where it has none.</param>
    /// <exception cref="InputException">The options contradict each other, or the chat template is absent.</exception>
    public Format(FormatOptions options, ChatTemplate? chatTemplate)
    {
        _kind = options.Template != FormatTemplate.Auto ? options.Template : chatTemplate is null ? FormatTemplate.Plain : FormatTemplate.Tokenizer;
        if (_kind == FormatTemplate.Custom)
        {
            _prompt = new TextTemplate(
                options.Prompt ?? throw new InputException("format.prompt: the template custom needs the prompt's text."), "format.prompt");
            _response = new TextTemplate(options.Response, "format.response");
            if (!_response.Fields.SequenceEqual(["response"]))
            {
                throw new InputException("format.response: expected a text with the field {response} and no other.");
            }

            _lead = LeadOf(_response);
        }
        else if (options.Prompt is not null || options.Response != new FormatOptions().Response)
        {
            throw new InputException("format.prompt and format.response have an effect only with the template custom.");
        }

        var chat = _kind switch
        {
            FormatTemplate.Tokenizer => chatTemplate ?? throw new InputException(
                "format.template: the tokenizer's folder has no chat template; choose plain, chatml, human_assistant or custom."),
            FormatTemplate.Chatml => ChatTemplate.BuiltIn("chatml"),
            FormatTemplate.HumanAssistant => ChatTemplate.BuiltIn("human-assistant"),
            _ => null,
        };
        _turns = chat is null ? null : new TurnFinder(ClockOf(options) is { } clock ? chat.With(clock) : chat, options.TemplateVariables());
    }

    /// <summary>The form in use: never <c>auto</c>.</summary>
    internal FormatTemplate Template => _kind;

    /// <summary>The text that the model is to continue.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="where">The row, for messages.</param>
    public string PromptText(Prompt prompt, string where) => _kind switch
    {
        FormatTemplate.Plain => prompt.Text,
        FormatTemplate.Custom => _prompt!.Render(name => prompt.Fields.GetValueOrDefault(name) ?? (name == "prompt" ? prompt.Text : null), where),
        _ => Rendered(where, () => _turns!.PromptText(prompt.AsMessages(), prompt.Tools)),
    };

    /// <summary>The text of a conversation to its end, without what the chat template writes in front of an answer.</summary>
    /// <exception cref="InputException">The format has no chat template, or the template refuses the conversation.</exception>
    internal string ToldText(Prompt prompt, string where) => _turns is null
        ? throw new InputException("The model's prompt format is no chat template: it always ends with what stands in front of an answer.")
        : Rendered(where, () => _turns.PromptText(prompt.AsMessages(), prompt.Tools, asks: false));

    /// <summary>
    /// The trained turns of a demonstration, each a training example of its own that begins with everything in front of the turn. <c>custom</c>, which knows
    /// one prompt and one
    /// response, has the last turn alone. <paramref name="unmarked"/> counts turns that a template with generation blocks does not mark.
    /// </summary>
    public IReadOnlyList<AssistantTurn> Turns(Demonstration demonstration, TrainedTurns which, string where, out int unmarked)
    {
        var messages = demonstration.Prompt.AsMessages();
        List<AssistantTurn> turns = [];
        unmarked = 0;
        for (var i = 0; demonstration.TrainOnAllTurns && which == TrainedTurns.All && _kind != FormatTemplate.Custom && i < messages.Count; i++)
        {
            if (messages[i] is { Role: "assistant", IsTrained: true } answer)
            {
                Add(Earlier(demonstration.Prompt, [.. messages.Take(i)], answer, where), turns, ref unmarked);
            }
        }

        if (demonstration.Answer.IsTrained)
        {
            Add(Turn(demonstration.Prompt, demonstration.Answer, where), turns, ref unmarked);
        }

        return turns;
    }

    /// <summary>An answer to a prompt; null where a template with generation blocks does not mark it.</summary>
    public AssistantTurn? Turn(Prompt prompt, Message answer, string where)
    {
        if (_turns is not null)
        {
            return Rendered(where, () => _turns.Find(prompt.AsMessages(), answer, prompt.Tools));
        }

        var text = PromptText(prompt, where);
        return Plain(text, _kind == FormatTemplate.Custom ? Custom(answer.Content, where) : Joined(text, answer.Content), answer);
    }

    /// <summary>A demonstration as one text, prompt and answer.</summary>
    internal string Text(Demonstration demonstration) =>
        Turn(demonstration.Prompt, demonstration.Answer, demonstration.Position.ToString()) is { } turn ? turn.Prompt + turn.Answer : "";

    /// <summary>What a chat template writes behind an answer, within a conversation and at its end; null for other formats.</summary>
    internal (string Within, string AtEnd)? Endings() => _turns?.Endings();

    private AssistantTurn? Earlier(Prompt prompt, Message[] before, Message answer, string where)
    {
        if (_turns is not null)
        {
            return Rendered(where, () => _turns.Find(before, answer, prompt.Tools));
        }

        var asked = Transcript.Write(before);
        return Plain(asked, Joined(asked, answer.Content), answer);
    }

    private static void Add(AssistantTurn? turn, List<AssistantTurn> turns, ref int unmarked)
    {
        if (turn is null)
        {
            unmarked++;
        }
        else
        {
            turns.Add(turn);
        }
    }

    private static AssistantTurn Plain(string prompt, string answer, Message message) => new(prompt, answer, TurnPlace.Prompt) { Content = message.Content };

    private static TimeProvider? ClockOf(FormatOptions options) => options.Date is not { } date ? null : FixedDate.Parse(date)
        ?? throw new InputException($"format.date: expected a day as {FixedDate.Form}, found '{date}'.");

    /// <summary>White space that a custom response's text has in front of the answer; empty where it has anything else there.</summary>
    internal static string LeadOf(TextTemplate response)
    {
        const char Place = '\u0001';
        var text = response.Render(static _ => Place.ToString(), "");
        var lead = text[..text.IndexOf(Place, StringComparison.Ordinal)];
        return string.IsNullOrWhiteSpace(lead) ? lead : "";
    }

    // A sampled answer, read back, begins with the white space that the format writes: it stands once.
    private string Custom(string answer, string where)
    {
        var text = _response!.Render(_ => answer, where);
        return answer is [' ' or '\n' or '\r' or '\t', ..] ? text[_lead.Length..] : text;
    }

    private static string Joined(string prompt, string response) =>
        prompt.Length == 0 || response.Length == 0 || char.IsWhiteSpace(prompt[^1]) || char.IsWhiteSpace(response[0]) ? response : " " + response;

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
