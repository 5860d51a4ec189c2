using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Text.Templates;

namespace Rlhf.Cli;

/// <summary>What reading every row of some files found.</summary>
/// <param name="Ledger">Rows in, kept and dropped, with reasons.</param>
/// <param name="Kinds">Rows by kind.</param>
/// <param name="PromptCharacters">Length of every prompt in UTF-16 units.</param>
/// <param name="ResponseCharacters">The same of every answer and every text.</param>
/// <param name="Answers">Rankings by their number of answers.</param>
/// <param name="Pairs">Preferences in all rankings.</param>
/// <param name="Ties">Ties in all rankings.</param>
internal sealed record DataFindings(
    Ledger Ledger,
    IReadOnlyDictionary<RecordKind, int> Kinds,
    IReadOnlyList<int> PromptCharacters,
    IReadOnlyList<int> ResponseCharacters,
    IReadOnlyDictionary<int, int> Answers,
    long Pairs,
    long Ties)
{
    /// <summary>The forms of the files' first rows.</summary>
    public IReadOnlyList<string> Forms { get; init; } = [];

    /// <summary>Rows that repeat or contradict earlier ones.</summary>
    public DataRepeats Repeats { get; init; } = new();

    /// <summary>The field that rows would be split by, and its values; null where none was named.</summary>
    public (string Field, DataGroups Values)? SplitBy { get; init; }

    /// <summary>Rows by the script that most of their letters have.</summary>
    public IReadOnlyDictionary<string, int> Scripts { get; init; } = new Dictionary<string, int>();

    /// <summary>Prompt tokens of every example, where a model's encoder was given.</summary>
    public IReadOnlyList<int> PromptTokens { get; init; } = [];

    /// <summary>Trained tokens of the same.</summary>
    public IReadOnlyList<int> TrainedTokens { get; init; } = [];

    /// <summary>Reads every row as training does, going on after a bad one.</summary>
    /// <param name="source">The files, and how to read them.</param>
    /// <param name="baseFolder">The folder that their paths are relative to.</param>
    /// <param name="kind">What the rows are; for each file what its first row suggests where null.</param>
    /// <param name="encoderOf">Makes what encodes a record as training does, counting in the ledger; null: rows are only read.</param>
    public static DataFindings Of(
        DataSource source, string baseFolder, RecordKind? kind = null, Func<Ledger, Func<AnyRecord, IReadOnlyList<EncodedSequence>>>? encoderOf = null)
    {
        var ledger = new Ledger("check");
        var encode = encoderOf?.Invoke(ledger);
        List<(int Prompt, int Trained)> examples = [];
        SortedDictionary<RecordKind, int> kinds = [];
        SortedDictionary<int, int> answers = [];
        List<int> prompts = [], responses = [];
        var repeats = new DataRepeats();
        var groups = source.SplitBy is null ? null : new DataGroups();
        SortedDictionary<string, int> scripts = new(StringComparer.Ordinal);
        long pairs = 0, ties = 0;
        foreach (var record in DataReader.Read(source with { OnBadRow = BadRowPolicy.Drop }, baseFolder, ledger, kind))
        {
            if (encode is not null && !TryEncode(encode, record, ledger, examples))
            {
                continue;
            }

            kinds[record.Kind] = kinds.GetValueOrDefault(record.Kind) + 1;
            var prompt = record.Asked;
            repeats.Add(record);
            groups?.Add(record);
            var script = TextScript.Of(string.Join('\n', [prompt?.Text ?? "", .. ResponsesOf(record)]));
            scripts[script] = scripts.GetValueOrDefault(script) + 1;
            prompts.AddRange(prompt is null ? [] : [prompt.Text.Length]);
            responses.AddRange(ResponsesOf(record).Select(response => response.Length));
            if (record.Ranking is { } ranking)
            {
                answers[ranking.Responses.Count] = answers.GetValueOrDefault(ranking.Responses.Count) + 1;
                (pairs, ties) = (pairs + ranking.Pairs.Count, ties + ranking.Ties.Count);
            }
        }

        return new DataFindings(ledger, kinds, prompts, responses, answers, pairs, ties)
        {
            Forms = FormsOf(source, baseFolder),
            Repeats = repeats,
            SplitBy = groups is null ? null : (source.SplitBy!, groups),
            Scripts = scripts,
            PromptTokens = [.. examples.Select(example => example.Prompt)],
            TrainedTokens = [.. examples.Select(example => example.Trained)],
        };
    }

    private static string[] FormsOf(DataSource source, string baseFolder) =>
        [.. DataFiles.Resolve(source.Path, baseFolder).Select(file => GroupedRows.Read(file.FullPath, file.Name, most: 1).FirstOrDefault())
            .Select(row => row is null ? null : FormName.Of(row, source)).OfType<string>().Distinct(StringComparer.Ordinal)];

    private static bool TryEncode(
        Func<AnyRecord, IReadOnlyList<EncodedSequence>> encode, AnyRecord record, Ledger ledger, List<(int Prompt, int Trained)> examples)
    {
        try
        {
            examples.AddRange(encode(record).Select(example => (example.PromptLength, example.ResponseLength)));
            return true;
        }
        catch (InputException e)
        {
            ledger.Drop(PositionOf(record), DataReader.CannotBeRead, e.Message);
            return false;
        }
    }

    private static RowPosition PositionOf(AnyRecord record) =>
        record.Demonstration?.Position ?? record.Ranking?.Position ?? record.Text?.Position ?? record.Labeled?.Position ?? record.Prompt!.Position;

    /// <summary>The answers of a record, or its text.</summary>
    public static IReadOnlyList<string> ResponsesOf(AnyRecord record) =>
        record.Ranking?.Responses ?? (record.Demonstration is { } demonstration ? [demonstration.Response] : record.Text is { } text ? [text.Text]
            : record.Labeled is { } labeled ? [labeled.Answer.Content] : []);
}
