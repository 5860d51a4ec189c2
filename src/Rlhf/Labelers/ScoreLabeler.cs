using Rlhf.Model;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>Ranks by scores; answers with the same score share a tier.</summary>
/// <param name="name">The labeler's name in the rows.</param>
/// <param name="scoresOf">[K] the scores of the answers to one prompt.</param>
/// <param name="held">What is disposed of with the labeler.</param>
internal sealed class ScoreLabeler(string name, Func<CollectedAnswers, IReadOnlyList<double>> scoresOf, params IReadOnlyList<IDisposable> held) : ILabeler
{
    /// <summary>The gold rule of the built-in world.</summary>
    public static ScoreLabeler Gold()
    {
        var rule = new GoldRule();
        return new ScoreLabeler(rule.Name, row => rule.Scores(row.Prompt.Prompt, row.Texts));
    }

    /// <summary>A reward model, which the labeler disposes of.</summary>
    public static ScoreLabeler RewardModel(Decoder reward, int rowBudget)
    {
        var scorer = new Scorer(reward, rowBudget);
        return new ScoreLabeler(
            "reward model", row => [.. scorer.Rewards([.. row.Sequences], [.. row.Tokens.Select(_ => row.Encoded.Tokens.Length)])], scorer, reward);
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Figure> Rank(IReadOnlyList<CollectedAnswers> answers, RankingJob job)
    {
        RankingFile.Write(job.File, answers.Select(row => row.RankedBy(name, scoresOf(row))), job.Origin);
        return new Dictionary<string, Figure>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var one in held)
        {
            one.Dispose();
        }
    }
}
