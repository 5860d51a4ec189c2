using Rlhf.Text.Templates;

namespace Rlhf.Tests.Text.Templates;

public sealed class EncodedCodecsTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly SpillFile _file;

    public EncodedCodecsTests() => _file = new SpillFile(_folder.PathOf("rows.spill"));

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Sequences_come_back_as_they_were()
    {
        EncodedSequence[] rows =
        [
            new([1, 2, 300, 70_000, int.MaxValue, 0], 2, [true, false, true, true], "a.jsonl:1", true),
            new([5, 6], 1, null, "é \0 \U0001F600", false),
            new([5], 1, [], "", false),
        ];
        var stored = Stored(EncodedCodecs.Sequence, rows);
        Assert.Equal(rows.Length, stored.Count);
        Assert.All(rows.Zip(stored), pair => AssertSame(pair.First, pair.Second));
        AssertSame(rows[1], stored[1]);
    }

    [Fact]
    public void Rankings_come_back_as_they_were()
    {
        EncodedSequence[] answers = [Answer(1, 2, 3, 4), Answer(1, 2, 3, 9, 9), Answer(1, 2), Answer(7)];
        EncodedRanking[] rows =
        [
            new("1", "What?", answers, [(0, 1), (2, 0)], [(1, 2)], 0.1, "ann", [0.25, -3]),
            new("2", "", [answers[1], answers[1]], [], [(0, 1)], 1, null, null),
            new("3", "x", [], [], [], 1, "", []) { SplitKey = "topic" },
        ];
        foreach (var (row, back) in rows.Zip(Stored(EncodedCodecs.Ranking, rows)))
        {
            Assert.Equal((row.RowId, row.PromptText, row.SplitKey), (back.RowId, back.PromptText, back.SplitKey));
            Assert.Equal((row.Weight, row.Labeler), (back.Weight, back.Labeler));
            Assert.Equal(row.Pairs, back.Pairs);
            Assert.Equal(row.Ties, back.Ties);
            Assert.Equal(row.Margins, back.Margins);
            Assert.Equal(row.Answers.Length, back.Answers.Length);
            Assert.All(row.Answers.Zip(back.Answers), pair => AssertSame(pair.First, pair.Second));
        }
    }

    [Fact]
    public void Prompts_and_tokens_come_back_as_they_were()
    {
        var prompt = new EncodedPrompt("id", "text\n", [3, 1, 200_000], true);
        var back = Assert.Single(Stored(EncodedCodecs.Prompt, [prompt]));
        Assert.Equal((prompt.RowId, prompt.PromptText, prompt.Truncated), (back.RowId, back.PromptText, back.Truncated));
        Assert.Equal(prompt.Tokens, back.Tokens);
        Assert.Equal([[1, 2], []], Stored(EncodedCodecs.Tokens, [[1, 2], Array.Empty<int>()]));
    }

    [Fact]
    public void The_prompt_of_a_ranking_is_stored_once()
    {
        int[] prompt = [.. Enumerable.Repeat(100, 10_000)];
        Stored(EncodedCodecs.Ranking, new EncodedRanking("", "", [.. Enumerable.Range(0, 9).Select(i => Answer([.. prompt, i]))], [], [], 1, null, null));
        Assert.InRange(_file.Length, 10_000, 10_500);
    }

    [Fact]
    public void Lists_of_one_file_are_chosen_from_and_joined()
    {
        var (first, second) = (Stored(EncodedCodecs.Tokens, [1], [2], [3], [4]), Stored(EncodedCodecs.Tokens, [5]));
        Assert.Equal([[2], [4]], first.Keeping(tokens => tokens[0] % 2 == 0));
        Assert.Equal([[1], [2]], first.First(2));
        Assert.Equal([[1], [2], [3], [4], [5], [5]], first.With([second, second]));
        Assert.Equal((4, 1), (first.Count, second.Count));
    }

    private StoredRows<T> Stored<T>(RowCodec<T> codec, params T[] rows)
    {
        var stored = new StoredRows<T>(_file, codec);
        stored.AddRange(rows);
        return stored;
    }

    private static EncodedSequence Answer(params int[] tokens) => new(tokens, 1, null, "row", false);

    private static void AssertSame(EncodedSequence expected, EncodedSequence found)
    {
        Assert.Equal(expected.Tokens, found.Tokens);
        Assert.Equal(expected.TrainOn, found.TrainOn);
        Assert.Equal((expected.PromptLength, expected.RowId, expected.Truncated), (found.PromptLength, found.RowId, found.Truncated));
    }
}
