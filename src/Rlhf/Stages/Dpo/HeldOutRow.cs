using Rlhf.Evaluation;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Training;

namespace Rlhf.Stages.Dpo;

/// <summary>A held-out row under a policy.</summary>
/// <param name="PromptText">The prompt: intervals go by prompts.</param>
/// <param name="Statistics">What the loss saw; its loss is a share of the loss of all held-out rows.</param>
/// <param name="ChosenChanges">Of each better answer the change of log p since the start, nats a token.</param>
/// <param name="RejectedChanges">The same of each worse answer.</param>
public sealed record HeldOutRow(string PromptText, PreferenceStatistics Statistics, IReadOnlyList<double> ChosenChanges, IReadOnlyList<double> RejectedChanges)
{
    /// <summary>A row with what came of it.</summary>
    /// <param name="row">The row, with the start's log-probabilities.</param>
    /// <param name="statistics">What the loss saw.</param>
    /// <param name="policy">log p of the answers' tokens, one answer after another.</param>
    public static HeldOutRow Of(PreferenceRow row, PreferenceStatistics statistics, ReadOnlySpan<float> policy)
    {
        var (changes, at) = (new double[row.Answers.Length], 0);
        for (var i = 0; i < changes.Length && !row.Start.IsEmpty; i++)
        {
            var length = row.Answers[i].ResponseLength;
            changes[i] = KlEstimators.LogRatio(policy.Slice(at, length), row.Start.Span.Slice(at, length)) / length;
            at += length;
        }

        var (better, worse) = Sides(row);
        return row.Start.IsEmpty
            ? new HeldOutRow(row.PromptText, statistics, [], [])
            : new HeldOutRow(row.PromptText, statistics, [.. better.Select(i => changes[i])], [.. worse.Select(i => changes[i])]);
    }

    /// <summary>The better answers, once for each pair, and the worse ones.</summary>
    private static (IEnumerable<int> Better, IEnumerable<int> Worse) Sides(PreferenceRow row)
    {
        if (row.Desirable.Count > 0)
        {
            var all = Enumerable.Range(0, row.Answers.Length);
            return (all.Where(i => row.Desirable[i]), all.Where(i => !row.Desirable[i]));
        }

        var pairs = row.Tiers.Count == 0
            ? row.Pairs.Select(static pair => (pair.Better, pair.Worse))
            : from better in Enumerable.Range(0, row.Tiers.Count)
              from worse in Enumerable.Range(0, row.Tiers.Count)
              where row.Tiers[better] < row.Tiers[worse]
              select (better, worse);
        return (pairs.Select(static pair => pair.Item1), pairs.Select(static pair => pair.Item2));
    }
}

/// <summary>All held-out rows together.</summary>
/// <param name="Rows">The rows.</param>
/// <param name="Whole">Their statistics added up.</param>
internal sealed record HeldOutSummary(IReadOnlyList<HeldOutRow> Rows, PreferenceStatistics Whole)
{
    /// <summary>Adds the rows up.</summary>
    public static HeldOutSummary Of(IReadOnlyList<HeldOutRow> rows) =>
        new(rows, rows.Aggregate(default(PreferenceStatistics), static (sum, row) => sum + row.Statistics));

    /// <summary>What is logged.</summary>
    public IEnumerable<(Metric Metric, double Value)> ToMetrics() => new (Metric Metric, double Value)[]
    {
        (TrainingMetrics.ValidationLoss, Whole.Loss), (DpoMetrics.HeldoutAccuracy, Whole.Accuracy), (DpoMetrics.HeldoutMargin, Whole.MeanMargin),
        (DpoMetrics.HeldoutChosenLogProbability, Whole.BetterLogProbability), (DpoMetrics.HeldoutRejectedLogProbability, Whole.WorseLogProbability),
        (DpoMetrics.HeldoutChosenChange, MeanOf(static row => row.ChosenChanges)),
        (DpoMetrics.HeldoutRejectedChange, MeanOf(static row => row.RejectedChanges)),
    }.Where(static value => !double.IsNaN(value.Value));

    /// <summary>The final figures, with intervals over prompts.</summary>
    public void AddTo(FigureTable figures)
    {
        var prompts = Rows.GroupBy(static row => row.PromptText, StringComparer.Ordinal).Select(static group => group.ToArray()).ToArray();
        figures[TrainingMetrics.ValidationLoss] = new Figure(Whole.Loss, Unit: "nats");
        figures[DpoMetrics.HeldoutAccuracy] = Intervals.ClusteredWilson(
            [.. prompts.Select(static rows => (rows.Sum(row => row.Statistics.Correct), rows.Sum(row => row.Statistics.Compared)))]).ToFigure("share");
        Add(DpoMetrics.HeldoutMargin, Whole.MeanMargin, prompts.Select(static rows => Of(rows).Whole.MeanMargin));
        Add(DpoMetrics.HeldoutChosenChange, MeanOf(static row => row.ChosenChanges), prompts.Select(static rows => Of(rows).MeanOf(row => row.ChosenChanges)));
        Add(DpoMetrics.HeldoutRejectedChange, MeanOf(static row => row.RejectedChanges),
            prompts.Select(static rows => Of(rows).MeanOf(row => row.RejectedChanges)));

        void Add(Metric metric, double value, IEnumerable<double> byPrompt)
        {
            double[] known = [.. byPrompt.Where(static one => !double.IsNaN(one))];
            if (known.Length > 1)
            {
                figures[metric] = Intervals.Mean(known).ToFigure();
            }
            else if (!double.IsNaN(value))
            {
                figures[metric] = new Figure(value);
            }
        }
    }

    private double MeanOf(Func<HeldOutRow, IReadOnlyList<double>> changes)
    {
        double[] all = [.. Rows.SelectMany(changes)];
        return all.Length == 0 ? double.NaN : all.Average();
    }
}
