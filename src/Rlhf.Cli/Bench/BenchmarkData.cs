using Rlhf.Text.Templates;

namespace Rlhf.Cli.Bench;

/// <summary>Random tokens in the shapes of a benchmark.</summary>
internal sealed class BenchmarkData(BenchmarkShape shape, ulong seed)
{
    private enum Stream : ulong
    {
        Sft,
        Prompts,
        RankedPrompts,
        RankedAnswers,
    }

    /// <summary>Sequences of an SFT step; every token but the first is a target.</summary>
    public EncodedSequence[] Sft() =>
        [.. Enumerable.Range(0, shape.SftRows)
            .Select(row => new EncodedSequence(Tokens(Stream.Sft, row, shape.SftTokens), 1, null, Name(row), Truncated: false))];

    /// <summary>Prompts of a PPO step.</summary>
    public int[][] Prompts() => [.. shape.PromptLengths.Select((length, row) => Tokens(Stream.Prompts, row, length))];

    /// <summary>
    /// Rankings of K answers without ties, the first answer the best. Half of each sequence is the prompt: the same for all answers of a ranking, or one for
    /// each answer.
    /// </summary>
    public EncodedRanking[] Rankings(bool samePrompt) => [.. Enumerable.Range(0, shape.RankedPrompts).Select(prompt => Ranking(prompt, samePrompt))];

    private EncodedRanking Ranking(int prompt, bool samePrompt)
    {
        var (k, promptLength) = (shape.RankedAnswers, shape.RankedTokens / 2);
        EncodedSequence[] answers = [.. Enumerable.Range(prompt * k, k).Select(row =>
        {
            var promptTokens = Tokens(Stream.RankedPrompts, samePrompt ? prompt * k : row, promptLength);
            return new EncodedSequence(
                [.. promptTokens, .. Tokens(Stream.RankedAnswers, row, shape.RankedTokens - promptLength)], promptLength, null, Name(row), Truncated: false);
        })];
        (int, int)[] pairs = [.. Enumerable.Range(0, k).SelectMany(better => Enumerable.Range(better + 1, k - better - 1).Select(worse => (better, worse)))];
        return new EncodedRanking(Name(prompt), "", answers, pairs, [], 1, null, null);
    }

    private int[] Tokens(Stream stream, int row, int count) =>
        [.. Enumerable.Range(0, count).Select(t => (int)(Philox.Uniform(seed, (ulong)stream, (uint)row, (uint)t) * shape.Vocabulary))];

    private static string Name(int row) => FormattableString.Invariant($"random {row}");
}
