using System.Globalization;
using Rlhf.Model;
using Rlhf.Text.Templates;

namespace Rlhf.Evaluation;

/// <summary>Scores compared answers with a reward model, for <see cref="TrustReport"/>.</summary>
public static class RewardEvaluator
{
    // Rankings between two reports of progress.
    private const int Group = 32;

    /// <summary>The rankings with the model's scores, in their order.</summary>
    /// <param name="reward">A decoder with a scalar head.</param>
    /// <param name="rankings">Encoded answers; their sequences fit the model.</param>
    /// <param name="rowBudget">Tokens that go through the model at once.</param>
    /// <param name="onScored">Told how many more rankings are done.</param>
    /// <param name="cancellation">Ends the work between groups.</param>
    public static IReadOnlyList<HeldOutRanking> Score(
        Decoder reward, IReadOnlyList<EncodedRanking> rankings, int rowBudget, Action<int>? onScored = null, CancellationToken cancellation = default)
    {
        using var scorer = new Scorer(reward, rowBudget);
        var scored = new List<HeldOutRanking>(rankings.Count);
        foreach (var group in rankings.Chunk(Group))
        {
            cancellation.ThrowIfCancellationRequested();
            EncodedSequence[] answers = [.. group.SelectMany(ranking => ranking.Answers)];
            var scores = scorer.Rewards([.. answers.Select(answer => answer.Tokens)], [.. answers.Select(answer => answer.PromptLength)]);
            var at = 0;
            foreach (var ranking in group)
            {
                var count = ranking.Answers.Length;
                scored.Add(new HeldOutRanking
                {
                    Prompt = NameOf(ranking.PromptText),
                    Labeler = ranking.Labeler,
                    Scores = [.. scores[at..(at + count)].Select(score => (double)score)],
                    Lengths = [.. ranking.Answers.Select(answer => answer.ResponseLength)],
                    Answers = [.. ranking.Answers.Select(answer => NameOf(string.Join(',', answer.Tokens.AsSpan(answer.PromptLength).ToArray())))],
                    Pairs = ranking.Pairs,
                });
                at += count;
            }

            onScored?.Invoke(group.Length);
        }

        return scored;
    }

    /// <summary>Texts are compared, not shown: of many rankings these names take less room.</summary>
    private static string NameOf(string text) => TextHash.Of(text).ToString("x32", CultureInfo.InvariantCulture);
}

/// <summary>How far two reward models say the same of the same answers.</summary>
/// <param name="ScoreCorrelation">Pearson's correlation of their scores; absent where one does not vary.</param>
/// <param name="SamePreference">Share of the decided pairs in which both prefer the same answer; a model without a preference agrees half.</param>
public sealed record RewardAgreement(double? ScoreCorrelation, Estimate SamePreference)
{
    /// <summary>Compares the scores of the same rankings.</summary>
    public static RewardAgreement Of(IReadOnlyList<HeldOutRanking> first, IReadOnlyList<HeldOutRanking> second)
    {
        if (first.Count != second.Count)
        {
            throw new ArgumentException("Both models score the same rankings.", nameof(second));
        }

        var clusters = first.Zip(second, (a, b) => (a.Prompt, Agreed: a.Pairs.Sum(pair => Agreement(a, b, pair)), Pairs: (long)a.Pairs.Count))
            .GroupBy(ranking => ranking.Prompt,
                (_, own) => own.Aggregate((Agreed: 0.0, Pairs: 0L), (sum, ranking) => (sum.Agreed + ranking.Agreed, sum.Pairs + ranking.Pairs)));
        return new RewardAgreement(
            Correlation.Pearson([.. first.SelectMany(ranking => ranking.Scores)], [.. second.SelectMany(ranking => ranking.Scores)]),
            Intervals.ClusteredWilson([.. clusters]));
    }

    private static double Agreement(HeldOutRanking a, HeldOutRanking b, (int Better, int Worse) pair) =>
        (Preference(a, pair) * Preference(b, pair)) switch { > 0 => 1, < 0 => 0, _ => 0.5 };

    private static int Preference(HeldOutRanking ranking, (int Better, int Worse) pair) => Math.Sign(ranking.Scores[pair.Better] - ranking.Scores[pair.Worse]);
}
