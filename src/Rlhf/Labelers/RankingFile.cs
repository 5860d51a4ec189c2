using System.Text;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Sampling;
using Rlhf.Text.Templates;

namespace Rlhf.Labelers;

/// <summary>K different answers to one prompt, and who ranked them how.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Encoded">Its tokens, as the answers were sampled after them.</param>
/// <param name="Texts">[K] the answers as people read them.</param>
/// <param name="Tokens">[K] the answers' tokens; a cut answer has no end-of-sequence token.</param>
/// <param name="Tiers">The ranking, best tier first; null where nobody ranked.</param>
/// <param name="Labeler">Who ranked.</param>
public sealed record CollectedAnswers(
    PromptRecord Prompt, EncodedPrompt Encoded, IReadOnlyList<string> Texts, IReadOnlyList<int[]> Tokens, IReadOnlyList<IReadOnlyList<int>>? Tiers,
    string? Labeler)
{
    /// <summary>[K] the prompt with each answer.</summary>
    public IEnumerable<int[]> Sequences => Tokens.Select(answer => (int[])[.. Encoded.Tokens, .. answer]);

    /// <summary>The same answers, ranked.</summary>
    public CollectedAnswers RankedBy(string labeler, IReadOnlyList<double> scores) => this with { Tiers = Data.Tiers.ByScore(scores), Labeler = labeler };
}

/// <summary>Where a stage's answers are from.</summary>
/// <param name="Round">Which round of collect, reward and ppo.</param>
/// <param name="ModelHash">Hash of the policy's folder.</param>
/// <param name="MaxNewTokens">An answer is cut after this many tokens.</param>
/// <param name="Sampling">How they were drawn.</param>
public sealed record AnswerOrigin(int Round, string? ModelHash, int MaxNewTokens, SamplingOptions Sampling);

/// <summary>
/// <c>rankings.jsonl</c> of a collect stage: rows that the data readers take as rankings, and beside the texts the very tokens that were sampled. The reward
/// model is trained on
/// those: encoding the text again may give other tokens, and would give answers that were cut at the limit an end that they did not have.
/// </summary>
public static class RankingFile
{
    /// <summary>The file's name in the folder of its stage.</summary>
    public const string Name = "rankings.jsonl";

    /// <summary>Writes the rows, whole or not at all.</summary>
    public static void Write(string path, IEnumerable<CollectedAnswers> rows, AnswerOrigin origin) =>
        PromptRow.Write(path, rows.Select(row => RowOf(row, origin)));

    /// <summary>Reads the ranked rows as the reward model sees them.</summary>
    /// <exception cref="InputException">A line is not a row that <see cref="Write"/> wrote.</exception>
    public static IEnumerable<EncodedRanking> Read(string path) => WholeFile.Lines(path, Limits.RowBytes).Select((line, at) => Parse(path, at + 1, line));

    private static EncodedRanking Parse(string path, int number, string line)
    {
        const string Row = "a row of collected answers";
        try
        {
            var bytes = Encoding.UTF8.GetBytes(line);
            var row = JsonObject.Create(StrictJson.Line(path, number, bytes, Row))!;
            var id = (string)row["id"]!;
            int[] prompt = IntegersOf(row["prompt_tokens"]);
            var answers = row["response_tokens"]!.AsArray()
                .Select(tokens => new EncodedSequence([.. prompt, .. IntegersOf(tokens)], prompt.Length, null, id, Truncated: false)).ToArray();
            IReadOnlyList<int>[] tiers = [.. row["ranking"]!.AsArray().Select(IntegersOf)];
            int[] ranked = [.. tiers.SelectMany(tier => tier)];
            if (ranked.Any(index => index < 0 || index >= answers.Length) || ranked.Distinct().Count() < ranked.Length)
            {
                throw new FormatException("ranking names an answer that is not there, or one twice");
            }

            if (answers.Any(answer => answer.Tokens.Any(token => token < 0)))
            {
                throw new FormatException("a token is negative");
            }

            var asked = RecordReader.ParsePrompt(new RowFields(new JsonRow(new RowPosition(path, number, 1), 0, bytes), new Dictionary<string, string>()));
            return new EncodedRanking(
                id, (string)row["prompt_text"]!, answers, Tiers.Pairs(tiers), Tiers.Ties(tiers), 1, (string?)row["labeler"], Margins: null)
            {
                SplitKey = asked.Prompt.SplitKey,
            };
        }
        catch (Exception exception)
            when (exception is InvalidOperationException or NullReferenceException or FormatException or ArgumentException)
        {
            throw InputException.At(path, number, 1, $"not {Row}: {FailureText.Of(exception)}");
        }
    }

    private static int[] IntegersOf(JsonNode? list) => [.. list!.AsArray().Select(value => (int)value!)];

    private static JsonObject RowOf(CollectedAnswers collected, AnswerOrigin origin)
    {
        var row = PromptRow.Of(collected.Prompt);
        row["responses"] = new JsonArray([.. collected.Texts.Select(text => JsonValue.Create(text))]);
        if (collected.Tiers is { } tiers)
        {
            row["ranking"] = new JsonArray([.. tiers.Select(PromptRow.ListOf)]);
            row["labeler"] = collected.Labeler;
        }

        row["round"] = origin.Round;
        row["model_hash"] = origin.ModelHash;
        row["sampling"] = SettingsOf(origin.Sampling, origin.MaxNewTokens);
        row["prompt_text"] = collected.Encoded.PromptText;
        row["prompt_tokens"] = PromptRow.ListOf(collected.Encoded.Tokens);
        row["response_tokens"] = new JsonArray([.. collected.Tokens.Select(PromptRow.ListOf)]);
        return row;
    }

    /// <summary>How answers were drawn, as it stands beside them.</summary>
    public static JsonObject SettingsOf(SamplingOptions sampling, int maxNewTokens) => new()
    {
        ["max_new_tokens"] = maxNewTokens,
        ["temperature"] = sampling.Temperature,
        ["top_k"] = sampling.TopK,
        ["top_p"] = sampling.TopP,
        ["min_p"] = sampling.MinP,
        ["repetition_penalty"] = sampling.RepetitionPenalty,
    };
}
