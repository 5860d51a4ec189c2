using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Labelers.Store;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>One prompt that the report follows through all stages: a held-out one, so that no model has seen what it is judged on.</summary>
internal static class WorkedExamples
{
    private const int LookedAt = 200;

    /// <summary>The example of a reward stage: of the first held-out rankings the first with most answers and tiers. Null where none is whole.</summary>
    /// <param name="rankings">The held-out rankings.</param>
    /// <param name="scored">Their scores, in the same order.</param>
    /// <param name="tokenizer">Turns answers into text.</param>
    /// <param name="endIds">Tokens that end an answer, which people do not read.</param>
    public static WorkedExample? OfRankings(
        IReadOnlyList<EncodedRanking> rankings, IReadOnlyList<HeldOutRanking> scored, Tokenizer tokenizer, IReadOnlyList<int> endIds)
    {
        var (best, ranking) = (-1, (IReadOnlyList<IReadOnlyList<int>>)[]);
        for (var at = 0; at < Math.Min(LookedAt, rankings.Count); at++)
        {
            if (TiersOf(rankings[at]) is { Count: > 1 } tiers && SizeOf(tiers).CompareTo(SizeOf(ranking)) > 0)
            {
                (best, ranking) = (at, tiers);
            }
        }

        if (best < 0)
        {
            return null;
        }

        var row = rankings[best];
        var answers = row.Answers.Select((answer, i) =>
        {
            var response = answer.Tokens.AsSpan(answer.PromptLength);
            var finished = response.Length > 0 && endIds.Contains(response[^1]);
            return new ModelAnswer(
                RankingNotation.LetterOf(i), tokenizer.Decode(finished ? response[..^1] : response), scored[best].Scores[i], Tokens: response.Length,
                Finished: finished);
        });
        return new WorkedExample(row.PromptText, row.Answers[0].Tokens[..row.Answers[0].PromptLength], [.. answers], ranking, row.Labeler);
    }

    /// <summary>The example of the last reward stage before a stage; null where there is none.</summary>
    public static WorkedExample? Before(StageContext context) => StageStep.Of(context.Recipe)
        .LastOrDefault(step => step.Number < context.Step.Number && step.Stage.Makes == StageProduct.RewardModel) is { } reward && context.Run.IsDone(reward)
            ? SummaryFiles.ReadStage(context.Run.StageFolder(reward)).Example
            : null;

    private static (int Answers, int Tiers) SizeOf(IReadOnlyList<IReadOnlyList<int>> tiers) => (tiers.Sum(static tier => tier.Count), tiers.Count);

    // Pairs of a whole ranking say how many answers are better than each; other pairs leave some open, or go in circles.
    private static IReadOnlyList<IReadOnlyList<int>>? TiersOf(EncodedRanking ranking)
    {
        if (ranking.Pairs.Count == 0)
        {
            return null;
        }

        var tiers = Tiers.ByScore([.. Enumerable.Range(0, ranking.Answers.Length).Select(i => -(double)ranking.Pairs.Count(pair => pair.Worse == i))]);
        return Tiers.Pairs(tiers).ToHashSet().SetEquals(ranking.Pairs) ? tiers : null;
    }
}
