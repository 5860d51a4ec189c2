using Rlhf.Objectives;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Reward;

/// <summary>The pairs of several rankings, as indices into the rewards of all their answers, one ranking after another.</summary>
/// <param name="marginPerRank">Margin of a pair per step of rank between its answers, where the ranking brings no margins of its own.</param>
public sealed class RankingBatch(double marginPerRank)
{
    private readonly List<RankedPair> _pairs = [];
    private readonly List<int> _offsets = [0];
    private readonly List<float> _weights = [];

    /// <summary>Answers of all rankings.</summary>
    public int Answers { get; private set; }

    /// <summary>Adds a ranking.</summary>
    public void Add(EncodedRanking ranking)
    {
        var ranks = marginPerRank > 0 && ranking.Margins is null ? WinsOf(ranking) : [];
        for (var i = 0; i < ranking.Pairs.Count; i++)
        {
            var (better, worse) = ranking.Pairs[i];
            var margin = ranking.Margins is { } margins ? margins[i] : ranks.Length == 0 ? 0 : marginPerRank * Math.Max(1, ranks[better] - ranks[worse]);
            _pairs.Add(new RankedPair(Answers + better, Answers + worse, IsTie: false, (float)margin));
        }

        foreach (var (first, second) in ranking.Ties)
        {
            _pairs.Add(new RankedPair(Answers + first, Answers + second, IsTie: true));
        }

        _offsets.Add(_pairs.Count);
        _weights.Add((float)ranking.Weight);
        Answers += ranking.Answers.Length;
    }

    /// <summary><see cref="RankingLoss.Divisor"/> of these rankings; 0 where no pair counts.</summary>
    public double Divisor(TieRule ties) => RankingLoss.Divisor([.. _pairs], [.. _offsets], [.. _weights], ties);

    /// <summary><see cref="RankingLoss.Compute"/> of these rankings.</summary>
    public RankingStatistics Compute(ReadOnlySpan<float> rewards, double divisor, RankingLossOptions options, Span<float> gradient) =>
        RankingLoss.Compute(rewards, [.. _pairs], [.. _offsets], [.. _weights], divisor, options, gradient);

    /// <summary>How many answers each answer beat: the place in a ranking, also where pairs are intransitive.</summary>
    private static int[] WinsOf(EncodedRanking ranking)
    {
        var wins = new int[ranking.Answers.Length];
        foreach (var (better, _) in ranking.Pairs)
        {
            wins[better]++;
        }

        return wins;
    }
}
