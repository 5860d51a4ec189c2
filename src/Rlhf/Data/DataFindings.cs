namespace Rlhf.Data;

/// <summary>What reading every row of some files found.</summary>
/// <param name="Ledger">Rows in, kept and dropped, with reasons.</param>
/// <param name="Kinds">Rows by kind.</param>
/// <param name="PromptCharacters">Length of every prompt in UTF-16 units.</param>
/// <param name="ResponseCharacters">The same of every answer and every text.</param>
/// <param name="Answers">Rankings by their number of answers.</param>
/// <param name="Pairs">Preferences in all rankings.</param>
/// <param name="Ties">Ties in all rankings.</param>
public sealed record DataFindings(
    Ledger Ledger,
    IReadOnlyDictionary<RecordKind, int> Kinds,
    IReadOnlyList<int> PromptCharacters,
    IReadOnlyList<int> ResponseCharacters,
    IReadOnlyDictionary<int, int> Answers,
    long Pairs,
    long Ties)
{
    /// <summary>Reads every row as training does, going on after a bad one.</summary>
    /// <param name="source">The files, and how to read them.</param>
    /// <param name="baseFolder">The folder that their paths are relative to.</param>
    /// <param name="kind">What the rows are; for each file what its first row suggests where null.</param>
    public static DataFindings Of(DataSource source, string baseFolder, RecordKind? kind = null)
    {
        var ledger = new Ledger("check");
        SortedDictionary<RecordKind, int> kinds = [];
        SortedDictionary<int, int> answers = [];
        List<int> prompts = [], responses = [];
        long pairs = 0, ties = 0;
        foreach (var record in DataReader.Read(source with { OnBadRow = BadRowPolicy.Drop }, baseFolder, ledger, kind))
        {
            kinds[record.Kind] = kinds.GetValueOrDefault(record.Kind) + 1;
            var prompt = record.Demonstration?.Prompt ?? record.Ranking?.Prompt ?? record.Prompt?.Prompt;
            prompts.AddRange(prompt is null ? [] : [prompt.Text.Length]);
            responses.AddRange(ResponsesOf(record).Select(response => response.Length));
            if (record.Ranking is { } ranking)
            {
                answers[ranking.Responses.Count] = answers.GetValueOrDefault(ranking.Responses.Count) + 1;
                (pairs, ties) = (pairs + ranking.Pairs.Count, ties + ranking.Ties.Count);
            }
        }

        return new DataFindings(ledger, kinds, prompts, responses, answers, pairs, ties);
    }

    private static IReadOnlyList<string> ResponsesOf(AnyRecord record) =>
        record.Ranking?.Responses ?? (record.Demonstration is { } demonstration ? [demonstration.Response] : record.Text is { } text ? [text.Text] : []);
}
