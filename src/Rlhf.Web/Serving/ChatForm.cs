using System.Text.Json;
using Rlhf.Data;
using Rlhf.Text.Templates;

namespace Rlhf.Web.Serving;

/// <summary>The conversation of a chat request, and how it becomes the prompt: what vLLM and Hugging Face's <c>apply_chat_template</c> call by these
/// names.</summary>
/// <param name="Messages">The turns.</param>
/// <param name="Asks">Whether the prompt ends with what stands in front of an answer.</param>
/// <param name="Continues">Whether the last message is the answer's beginning.</param>
/// <param name="MayLeaveOut">Whether the oldest turns may be left out.</param>
/// <param name="Encoder">Writes it.</param>
internal sealed record ChatForm(IReadOnlyList<Message> Messages, bool Asks, bool Continues, bool MayLeaveOut, SequenceEncoder Encoder)
{
    private const string Kwargs = "chat_template_kwargs";
    private static readonly string[] Ours = ["messages", "tools", "add_generation_prompt", "continue_final_message", "bos_token", "eos_token"];

    public static ChatForm Read(RequestBody body, ServedLanguageModel model)
    {
        var continues = body.Flag("continue_final_message");
        var asks = body.Find("add_generation_prompt") is null ? !continues : body.Flag("add_generation_prompt");
        if (asks && continues)
        {
            throw ApiException.Invalid(
                "'continue_final_message' goes on with the last message, and 'add_generation_prompt' begins another one: only one of them can be true.",
                "continue_final_message", "invalid_value");
        }

        if (!asks && !continues && model.Encoder.Template is FormatTemplate.Plain or FormatTemplate.Custom)
        {
            throw ApiException.Invalid(
                "'add_generation_prompt': false has no meaning here: the model's prompt format is no chat template.", "add_generation_prompt", "invalid_value");
        }

        var messages = MessageReader.Read(body.Get("messages"), "messages", continues, mayEndAnyhow: !asks);
        if (continues && messages.Count == 1)
        {
            throw ApiException.Invalid("'continue_final_message' needs a message in front of the assistant's.", "messages", "invalid_value");
        }

        return new ChatForm(messages, asks, continues, TruncationOf(body), EncoderOf(body, model));
    }

    /// <summary>The prompt of turns; null where it has more tokens than the context, which ends the work.</summary>
    public int[]? Tokens(IReadOnlyList<Message> turns) => ServedLanguageModel.UpToContext(
        () => Continues ? Encoder.EncodeUnfinished(Prompt.FromConversation([.. turns.SkipLast(1)]), turns[^1])
            : Asks ? Encoder.Encode(new PromptRecord("messages", Prompt.FromConversation(turns), new RowPosition("messages", 1, 1)))!.Tokens
            : Encoder.EncodeTold(Prompt.FromConversation(turns)), "messages");

    private static bool TruncationOf(RequestBody body) => body.Find("truncation") is { } value && RequestBody.TextOf(value, "truncation") switch
    {
        "none" => false,
        "oldest_turns" => true,
        _ => throw RequestBody.Wrong("truncation", "\"none\" or \"oldest_turns\"", value),
    };

    private static SequenceEncoder EncoderOf(RequestBody body, ServedLanguageModel model)
    {
        if (body.Find(Kwargs) is not { } value)
        {
            return model.Encoder;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            throw RequestBody.Wrong(Kwargs, "an object of variables of the chat template", value);
        }

        var variables = value.EnumerateObject().ToDictionary(static variable => variable.Name, variable => ValueOf(variable, model), StringComparer.Ordinal);
        try
        {
            return variables.Count == 0 ? model.Encoder : model.EncoderWith(variables);
        }
        catch (InputException exception)
        {
            throw ApiException.Invalid(exception.Message, Kwargs, "invalid_value");
        }
    }

    private static string ValueOf(JsonProperty variable, ServedLanguageModel model)
    {
        var place = $"{Kwargs}.{variable.Name}";
        if (Ours.Contains(variable.Name))
        {
            throw ApiException.Invalid($"'{place}' cannot be set: the server sets it.", Kwargs, "invalid_value");
        }

        // Of a template that does not know the variable the answer would be what it is without it.
        var template = model.Encoder.Template == FormatTemplate.Tokenizer ? model.Tokenizer.ChatTemplate : null;
        if (template?.Source.Contains(variable.Name, StringComparison.Ordinal) != true)
        {
            throw ApiException.Invalid($"'{place}' has no effect: the model's chat template has no such variable.", Kwargs, "unknown_parameter");
        }

        return variable.Value.ValueKind switch
        {
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            JsonValueKind.Null => "null",
            JsonValueKind.Number => variable.Value.GetRawText(),
            JsonValueKind.String => variable.Value.GetString()!,
            _ => throw RequestBody.Wrong(place, "true, false, a number or a text", variable.Value, Kwargs),
        };
    }
}
