using System.Text.Json;

namespace Rlhf.Web.Serving;

/// <summary>Reads the <c>prompt</c> of a text completion: a text, token ids, or a list of either.</summary>
internal static class PromptReader
{
    private const string Name = "prompt";

    /// <summary>The prompts.</summary>
    public static IReadOnlyList<CompletionPrompt> Read(JsonElement? given, ServedLanguageModel model, CancellationToken cancellation)
    {
        if (given is not { } value)
        {
            return [Text("", model)];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return [Text(RequestBody.TextOf(value, Name), model)];
        }

        var count = value.GetArrayLength();
        if (count > 0 && value[0].ValueKind == JsonValueKind.Number)
        {
            return [Ids(value, model)];
        }

        return count is > 0 and <= Limits.RequestPrompts
            ? [.. value.EnumerateArray().Select(item => One(item, model, cancellation))]
            : throw ApiException.Invalid($"Invalid value for 'prompt': expected 1 to {Limits.RequestPrompts} prompts, found {count}.", Name, "invalid_value");
    }

    private static CompletionPrompt Text(string text, ServedLanguageModel model) => new(model.Encode(text), text);

    private static CompletionPrompt One(JsonElement item, ServedLanguageModel model, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return item.ValueKind == JsonValueKind.Array ? Ids(item, model) : Text(RequestBody.TextOf(item, Name), model);
    }

    private static CompletionPrompt Ids(JsonElement value, ServedLanguageModel model)
    {
        if (value.GetArrayLength() > model.Worker.Capacity)
        {
            throw model.TooLong(Name);
        }

        int[] ids = [.. value.EnumerateArray()
            .Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) && id >= 0 && id < model.Decoder.Config.VocabularySize
            ? id
            : throw RequestBody.Wrong(Name, FormattableString.Invariant($"token ids from 0 to {model.Decoder.Config.VocabularySize - 1}"), item))];
        return ids.Length > 0 ? new CompletionPrompt(ids)
            : throw ApiException.Invalid("Invalid value for 'prompt': expected at least one token id.", Name, "invalid_value");
    }
}
