using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Dpo;

/// <summary>Measures under the present policy what some losses need of the whole batch before its first part: KTO's reference point, BCO's shift, AOT's order.
/// It is a pass of its own, so a batch may be split as memory asks.</summary>
internal sealed class BatchContexts(DpoOptions options, Scorer scorer)
{
    /// <summary>The context of a batch.</summary>
    public BatchContext Of(IReadOnlyList<PreferenceRow> rows)
    {
        var batch = new PreferenceBatch(options);
        foreach (var row in rows)
        {
            batch.Add(row);
        }

        var context = new BatchContext(batch.Totals);
        return options switch
        {
            { Loss: PreferenceObjective.Kto, ReferencePoint: true } => context with { Point = ReferencePoint(rows) },
            { Loss: PreferenceObjective.BcoPair, RewardShift: true } => context with { Point = Shift(batch, context, LogProbabilities(rows)) },
            { Loss: PreferenceObjective.Aot } => context with { Offsets = Offsets(batch, LogProbabilities(rows)) },
            _ => context,
        };
    }

    /// <summary>log p of the answers' tokens under the present policy, row by row.</summary>
    public float[] LogProbabilities(IReadOnlyList<PreferenceRow> rows) => LogProbabilities([.. rows.SelectMany(static row => row.Answers)]);

    /// <summary>log p of the sequences' response tokens, one sequence after another.</summary>
    public float[] LogProbabilities(EncodedSequence[] sequences) => scorer.ResponseLogProbabilities(
        [.. sequences.Select(static sequence => sequence.Tokens)], [.. sequences.Select(static sequence => sequence.PromptLength)]).LogProbabilities;

    private double ReferencePoint(IReadOnlyList<PreferenceRow> rows)
    {
        var policy = LogProbabilities([.. rows.SelectMany(static row => row.Mismatched)]);
        var (ratios, at) = (new List<double>(), 0);
        foreach (var row in rows)
        {
            var within = 0;
            foreach (var sequence in row.Mismatched)
            {
                var length = sequence.ResponseLength;
                ratios.Add(KlEstimators.LogRatio(policy.AsSpan(at, length), row.MismatchedReference.Span.Slice(within, length)));
                (at, within) = (at + length, within + length);
            }
        }

        return KtoLoss.ReferencePoint(ratios);
    }

    private double Shift(PreferenceBatch batch, BatchContext context, float[] policy)
    {
        var statistics = batch.Compute(policy, context, 0, new float[policy.Length]);
        return (statistics.BetterRewardSum + statistics.WorseRewardSum) / (statistics.Better + statistics.Worse);
    }

    private double[] Offsets(PreferenceBatch batch, float[] policy)
    {
        double[] Margins(ReadOnlySpan<float> values)
        {
            var sums = batch.Sums(values);
            return [.. batch.Pairs.Select(pair => sums[pair.Better] - sums[pair.Worse])];
        }

        return PreferenceLoss.SortedOffsets(Margins(policy), Margins(batch.Reference), options.ToLoss().Beta);
    }
}
