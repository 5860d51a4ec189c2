namespace Rlhf.Objectives;

/// <summary>One compared pair of answers of a prompt.</summary>
/// <param name="Winner">Index of the preferred answer in the span of rewards (of a tie: either).</param>
/// <param name="Loser">Index of the other answer.</param>
/// <param name="IsTie">The labeler held them for equally good.</param>
/// <param name="Margin">By how much the rewards should differ (Touvron 2023, Llama 2); 0 for none; of no effect in a tie.</param>
public readonly record struct RankedPair(int Winner, int Loser, bool IsTie = false, float Margin = 0f)
{
    /// <summary>C(K,2), the number of pairs among <paramref name="answers"/> answers.</summary>
    public static int Count(int answers) => answers * (answers - 1) / 2;

    /// <summary>
    /// All C(K,2) pairs of one prompt's ranked answers in the order (0,1), (0,2), ... (1,2), ...; equal ranks are ties.
    /// </summary>
    /// <param name="ranks">[K] rank of each answer, 0 = best; equal ranks share a tier.</param>
    /// <param name="firstAnswer">Index of the prompt's first answer in the span of rewards.</param>
    /// <param name="marginPerRank">The margin is this times the difference of the ranks.</param>
    /// <param name="destination">[C(K,2)] the pairs.</param>
    public static void FromRanks(ReadOnlySpan<int> ranks, int firstAnswer, float marginPerRank, Span<RankedPair> destination)
    {
        PackedRows.CheckLength(Count(ranks.Length), destination.Length, nameof(destination));
        var next = 0;
        for (var i = 0; i < ranks.Length; i++)
        {
            for (var j = i + 1; j < ranks.Length; j++)
            {
                var (winner, loser) = ranks[i] <= ranks[j] ? (i, j) : (j, i);
                destination[next++] = new RankedPair(
                    firstAnswer + winner, firstAnswer + loser, ranks[i] == ranks[j], marginPerRank * (ranks[loser] - ranks[winner]));
            }
        }
    }
}
