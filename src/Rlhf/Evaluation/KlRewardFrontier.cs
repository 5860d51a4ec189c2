namespace Rlhf.Evaluation;

/// <summary>One policy of a PPO run: how far it went from the reference and what it gained by that.</summary>
/// <param name="Step">PPO step.</param>
/// <param name="Kl">KL to the reference in nats per answer.</param>
/// <param name="Score">Mean score by the reward model that PPO follows.</param>
/// <param name="SecondScore">Mean score by the second reward model.</param>
/// <param name="OnFrontier">No other point of the run has at least this score at a smaller KL, or a larger score at this KL.</param>
public sealed record KlRewardPoint(long Step, double Kl, double Score, double? SecondScore, bool OnFrontier);

/// <summary>The trade between KL and reward (Stiennon 2020, fig. 5; Gao 2022): a score is worth what it cost in KL.</summary>
public static class KlRewardFrontier
{
    /// <summary>Points from metric rows that hold <c>step</c>, <c>kl</c> and <c>score</c>, and perhaps <c>second_score</c>; others are passed over.</summary>
    public static IReadOnlyList<KlRewardPoint> Of(IEnumerable<IReadOnlyDictionary<string, double>> rows)
    {
        var points = new List<KlRewardPoint>();
        foreach (var row in rows)
        {
            if (row.TryGetValue("step", out var step) && row.TryGetValue("kl", out var kl) && row.TryGetValue("score", out var score))
                points.Add(new KlRewardPoint((long)step, kl, score, row.TryGetValue("second_score", out var second) ? second : null, false));
        }

        return Mark(points);
    }

    // From the smallest KL on (of equal ones the largest score first), a point is on the frontier where it raises the best score so far.
    private static KlRewardPoint[] Mark(List<KlRewardPoint> points)
    {
        var marked = points.ToArray();
        var best = double.NegativeInfinity;
        foreach (var i in Enumerable.Range(0, marked.Length).OrderBy(i => points[i].Kl).ThenByDescending(i => points[i].Score))
        {
            if (marked[i].Score <= best) continue;
            best = marked[i].Score;
            marked[i] = marked[i] with { OnFrontier = true };
        }

        return marked;
    }
}
