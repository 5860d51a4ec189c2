using System.Text;
using System.Text.Json.Nodes;
using Rlhf.Sampling;
using Rlhf.Text;

namespace Rlhf.Web.Serving;

/// <summary>Log-probabilities and numbers of tokens in the two forms that the API has.</summary>
internal static class AnswerJson
{
    /// <summary>Of a chat answer: for each token its text, bytes, log-probability and the most probable ones in its place.</summary>
    public static JsonObject ChatLogProbabilities(Tokenizer tokenizer, IEnumerable<AnswerToken> tokens) => new()
    {
        ["content"] = new JsonArray([.. tokens.Select(token =>
        {
            var json = ChatToken(tokenizer, token.Drawn.Id, token.Drawn.LogProbability);
            json["top_logprobs"] = new JsonArray([.. token.Drawn.Top.Select(top => ChatToken(tokenizer, top.Id, top.LogProbability))]);
            return json;
        })]),
        ["refusal"] = null,
    };

    /// <summary>Of a text completion: lists with one entry a token, null for the first of an echoed prompt, which nothing predicts.</summary>
    public static JsonObject CompletionLogProbabilities(Tokenizer tokenizer, IReadOnlyList<AnswerToken> tokens, int? top) => new()
    {
        ["tokens"] = new JsonArray([.. tokens.Select(token => (JsonNode)TextOf(tokenizer.TokenBytes(token.Drawn.Id)))]),
        ["token_logprobs"] = new JsonArray([.. tokens.Select(token => token.IsFirst ? null : (JsonNode)Number(token.Drawn.LogProbability))]),
        ["top_logprobs"] = top is > 0 ? new JsonArray([.. tokens.Select(token => token.IsFirst ? null : Map(tokenizer, token.Drawn))]) : null,
        ["text_offset"] = new JsonArray([.. tokens.Select(token => (JsonNode)token.Start)]),
    };

    /// <summary>The numbers of tokens of a request.</summary>
    public static JsonObject Usage(IReadOnlyList<int[]> prompts, int completion)
    {
        var prompt = prompts.Sum(tokens => tokens.Length);
        return new JsonObject { ["prompt_tokens"] = prompt, ["completion_tokens"] = completion, ["total_tokens"] = prompt + completion };
    }

    private static JsonObject ChatToken(Tokenizer tokenizer, int id, float logProbability)
    {
        // A special token has a name, but is no part of the text.
        var (bytes, name) = (tokenizer.IsSpecial(id) ? [] : tokenizer.TokenBytes(id), tokenizer.TokenBytes(id));
        return new JsonObject
        {
            ["token"] = TextOf(name),
            ["logprob"] = Number(logProbability),
            ["bytes"] = new JsonArray([.. bytes.Select(value => (JsonNode)(int)value)]),
        };
    }

    // The token itself is there, too, as OpenAI has it. Two tokens that are parts of characters may have the same text: the more probable one stays.
    private static JsonObject Map(Tokenizer tokenizer, DrawnToken drawn)
    {
        var map = new JsonObject();
        foreach (var token in drawn.Top.Append(new TokenProbability(drawn.Id, drawn.LogProbability)))
        {
            map.TryAdd(TextOf(tokenizer.TokenBytes(token.Id)), Number(token.LogProbability));
        }

        return map;
    }

    // A part of a character alone is shown as U+FFFD; the bytes say which.
    private static string TextOf(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    // JSON has no minus infinity; OpenAI writes this number for it.
    private static float Number(float logProbability) => Math.Max(logProbability, -9999f);
}
