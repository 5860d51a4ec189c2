using System.Globalization;
using Rlhf.Evaluation;

namespace Rlhf.Labelers.Store;

/// <summary>Work of a day (UTC).</summary>
/// <param name="Day">The day, as 2026-01-31.</param>
/// <param name="Done">Judgements that were first handed in on it.</param>
/// <param name="Skipped">Tasks that were skipped on it.</param>
public sealed record DayFigure(string Day, int Done, int Skipped);

/// <summary>How far two labelers agree.</summary>
/// <param name="First">One of them.</param>
/// <param name="Second">The other.</param>
/// <param name="Agreement">Share of pairs of answers on which they say the same.</param>
public sealed record PairFigure(string First, string Second, Estimate Agreement);

/// <summary>How long a labeler takes for a task, in seconds.</summary>
/// <param name="Labeler">Who.</param>
/// <param name="Quantiles">The 10, 25, 50, 75 and 90 % quantiles.</param>
public sealed record TimeFigure(string Labeler, IReadOnlyList<double> Quantiles);

/// <summary>What became of the answers that stood at each place of the page.</summary>
/// <param name="Answers">K.</param>
/// <param name="Ranks">[K][K] how often the answer that stood at a place (row) got a rank (column); tied answers share the better rank.</param>
public sealed record PositionFigure(int Answers, IReadOnlyList<IReadOnlyList<int>> Ranks);

/// <summary>What the owner's page draws.</summary>
public sealed record LabelFigures
{
    private const int Days = 60;
    private const int MostPairs = 200;
    private static readonly double[] Shares = [0.1, 0.25, 0.5, 0.75, 0.9];

    /// <summary>The last days with work, oldest first.</summary>
    public required IReadOnlyList<DayFigure> ByDay { get; init; }

    /// <summary>Labelers who have ranked the same prompts.</summary>
    public required IReadOnlyList<PairFigure> ByPair { get; init; }

    /// <summary>Time by labeler.</summary>
    public required IReadOnlyList<TimeFigure> ByLabeler { get; init; }

    /// <summary>Ranks by place, one table for each K.</summary>
    public required IReadOnlyList<PositionFigure> ByPosition { get; init; }

    internal static LabelFigures Of(IReadOnlyList<StoredRanking> all, IReadOnlyList<IReadOnlyList<LabelerRanking>> prompts) => new()
    {
        ByDay = [.. all.GroupBy(ranking => DateTimeOffset.FromUnixTimeMilliseconds(ranking.CreatedAt).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))
            .OrderBy(day => day.Key, StringComparer.Ordinal).TakeLast(Days)
            .Select(day => new DayFigure(day.Key, day.Count(IsDone), day.Count(ranking => !IsDone(ranking))))],
        ByPair = PairsOf(prompts),
        ByLabeler = [.. all.Where(ranking => ranking.Seconds > 0).GroupBy(ranking => ranking.Labeler).OrderBy(own => own.Key, StringComparer.Ordinal)
            .Select(own => TimeOf(own.Key, [.. own.Select(ranking => ranking.Seconds).Order()]))],
        ByPosition = [.. all.Where(ranking => ranking is { Judgement.Tiers: not null, OrderShown.Count: > 1 })
            .GroupBy(ranking => ranking.OrderShown.Count).OrderBy(group => group.Key).Select(group => PositionsOf(group.Key, group))],
    };

    private static bool IsDone(StoredRanking ranking) => ranking.Judgement.CannotJudge is null;

    private static List<PairFigure> PairsOf(IReadOnlyList<IReadOnlyList<LabelerRanking>> prompts)
    {
        var met = prompts.SelectMany(rankings => rankings.SelectMany(one => rankings
                .Where(other => string.CompareOrdinal(one.Labeler, other.Labeler) < 0).Select(other => (First: one.Labeler, Second: other.Labeler))))
            .CountBy(pair => pair).OrderByDescending(pair => pair.Value).Take(MostPairs).Select(pair => pair.Key).Order();
        return [.. met.Select(pair => new PairFigure(pair.First, pair.Second, Agreement.Pairwise(
            [.. prompts.Select(IReadOnlyList<LabelerRanking> (rankings) => [.. rankings.Where(one => one.Labeler == pair.First || one.Labeler == pair.Second)])
                .Where(rankings => rankings.Count > 1)])!))];
    }

    private static TimeFigure TimeOf(string labeler, double[] sorted) =>
        new(labeler, [.. Shares.Select(share => sorted[(int)Math.Round(share * (sorted.Length - 1))])]);

    private static PositionFigure PositionsOf(int answers, IEnumerable<StoredRanking> rankings)
    {
        var ranks = Enumerable.Range(0, answers).Select(_ => new int[answers]).ToArray();
        foreach (var ranking in rankings)
        {
            var rank = 0;
            foreach (var tier in ranking.Judgement.Tiers!)
            {
                foreach (var answer in tier)
                {
                    ranks[ranking.OrderShown.IndexOf(answer)][rank]++;
                }

                rank += tier.Count;
            }
        }

        return new PositionFigure(answers, ranks);
    }
}

/// <summary>Lists that are read only.</summary>
internal static class ReadOnlyLists
{
    /// <summary>Where a value stands; -1 where it does not.</summary>
    public static int IndexOf(this IReadOnlyList<int> list, int value)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (list[i] == value)
            {
                return i;
            }
        }

        return -1;
    }
}
