using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Rejection;

/// <summary>The best answer to a prompt.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="PromptTokens">Its tokens.</param>
/// <param name="Text">The answer as a person reads it.</param>
/// <param name="Tokens">Its tokens as they were sampled.</param>
/// <param name="Score">Its score.</param>
/// <param name="Scores">Its numbers by source.</param>
/// <param name="MeanScore">The mean score of all answers to the prompt.</param>
internal sealed record ChosenAnswer(
    PromptRecord Prompt, int[] PromptTokens, string Text, int[] Tokens, float Score, IReadOnlyList<(string Source, float Number)> Scores, double MeanScore);

/// <summary>
/// <c>chosen.jsonl</c> of a rejection stage: rows with prompt and response as the data readers take them, the scores, and the very tokens that were sampled:
/// those are trained on.
/// </summary>
internal static class ChosenFile
{
    /// <summary>The file's name in the folder of its stage.</summary>
    public const string Name = "chosen.jsonl";

    /// <summary>Writes the rows, whole or not at all.</summary>
    public static void Write(string path, IEnumerable<ChosenAnswer> rows, int round) => PromptRow.Write(path, rows.Select(row => RowOf(row, round)));

    /// <summary>Reads the rows as they are trained on.</summary>
    /// <exception cref="InputException">A line is not one that <see cref="Write"/> wrote.</exception>
    public static IEnumerable<EncodedSequence> Read(string path) => WholeFile.Lines(path, Limits.RowBytes).Select((line, at) =>
    {
        var row = StrictJson.Line(path, at + 1, Encoding.UTF8.GetBytes(line), "a chosen answer");
        try
        {
            int[] prompt = IntegersOf(row.GetProperty("prompt_tokens"));
            return new EncodedSequence(
                [.. prompt, .. IntegersOf(row.GetProperty("response_tokens"))], prompt.Length, null, row.GetProperty("id").GetString()!, Truncated: false);
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw InputException.At(path, at + 1, 1, $"not a chosen answer: {FailureText.Of(exception)}");
        }
    });

    private static int[] IntegersOf(JsonElement tokens) => [.. tokens.EnumerateArray().Select(static token => token.GetInt32())];

    private static JsonObject RowOf(ChosenAnswer chosen, int round)
    {
        var row = PromptRow.Of(chosen.Prompt);
        row["response"] = chosen.Text;
        row["score"] = chosen.Score;
        row["mean_score"] = chosen.MeanScore;
        row["scores"] = new JsonObject(chosen.Scores.Select(static score => KeyValuePair.Create(score.Source, (JsonNode?)score.Number)));
        row["round"] = round;
        row["prompt_tokens"] = PromptRow.ListOf(chosen.PromptTokens);
        row["response_tokens"] = PromptRow.ListOf(chosen.Tokens);
        return row;
    }
}
