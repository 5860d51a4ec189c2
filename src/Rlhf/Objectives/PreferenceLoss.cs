namespace Rlhf.Objectives;

/// <summary>One preference between two answers of a batch.</summary>
/// <param name="Better">Index of the better answer.</param>
/// <param name="Worse">Index of the worse one.</param>
/// <param name="Weight">Weight in the mean over pairs.</param>
/// <param name="Offset">Taken off x: a margin that the pair should have (Amini 2024, ODPO).</param>
public readonly record struct PreferencePair(int Better, int Worse, double Weight = 1, double Offset = 0);

/// <summary>What the loss of a part needs to know of the whole batch; parts add up with <c>+</c>.</summary>
/// <param name="Weight">Weights of all pairs together, which the mean divides by.</param>
/// <param name="LikelihoodTokens">Tokens of the better answers times the pairs' weights, for a likelihood over the batch's tokens.</param>
public readonly record struct PreferenceTotals(double Weight, double LikelihoodTokens)
{
    /// <summary>The totals of two parts of one batch together.</summary>
    public static PreferenceTotals operator +(PreferenceTotals a, PreferenceTotals b) => new(a.Weight + b.Weight, a.LikelihoodTokens + b.LikelihoodTokens);
}

/// <summary>The losses of <see cref="PreferenceObjective"/> that are means over pairs, each beside the likelihood of the better answers if it has a
/// weight.</summary>
public static class PreferenceLoss
{
    /// <summary>Loss and gradient of these pairs as a part of the whole batch. Implicit rewards are beta times what the loss sees of an answer.</summary>
    /// <param name="answers">A answers.</param>
    /// <param name="pairs">Preferences between them; an answer may stand in several.</param>
    /// <param name="totals">Of the whole batch.</param>
    /// <param name="options">Which loss, and its numbers.</param>
    /// <param name="gradient">[N] d loss / d log p of each token; replaced.</param>
    /// <param name="shift">BCO: what beta D is counted from.</param>
    public static PreferenceStatistics Compute(
        AnswerLogProbabilities answers, ReadOnlySpan<PreferencePair> pairs, PreferenceTotals totals, PreferenceLossOptions options, Span<float> gradient,
        double shift = 0)
    {
        answers.Check(gradient, options.HasReference);
        PackedRows.CheckDivisor(totals.Weight, nameof(totals));
        var slopes = new double[answers.Tokens];
        var statistics = default(PreferenceStatistics);
        foreach (var pair in pairs)
        {
            var shorter = Math.Min(answers.Length(pair.Better), answers.Length(pair.Worse));
            var (better, worse) = (answers.Value(pair.Better, shorter, options), answers.Value(pair.Worse, shorter, options));
            var share = pair.Weight / totals.Weight;
            var loss = PairLoss.Of(better, worse, pair.Offset, shift, options);
            answers.AddSlope(slopes, pair.Better, shorter, share * loss.BetterSlope, options);
            answers.AddSlope(slopes, pair.Worse, shorter, share * loss.WorseSlope, options);
            var likelihood = options.LikelihoodCoefficient > 0 ? Likelihood(answers, pair, totals, options, slopes) : 0;
            statistics += PreferenceStatistics.OfPair(
                (share * loss.Loss) + likelihood, options.Beta * better, options.Beta * worse, answers.LogProbability(pair.Better),
                answers.LogProbability(pair.Worse));
        }

        for (var token = 0; token < slopes.Length; token++)
        {
            gradient[token] = (float)slopes[token];
        }

        return statistics;
    }

    /// <summary>What AOT takes off each pair's x: beta times the difference of the reference's margin of the same rank and the pair's own.</summary>
    /// <param name="policyMargins">[P] sum of log p of the better answer minus that of the worse one.</param>
    /// <param name="referenceMargins">[P] the same of the reference.</param>
    /// <param name="beta">beta.</param>
    public static double[] SortedOffsets(ReadOnlySpan<double> policyMargins, ReadOnlySpan<double> referenceMargins, double beta)
    {
        PackedRows.CheckLength(policyMargins.Length, referenceMargins.Length, nameof(referenceMargins));
        var (policy, reference) = (policyMargins.ToArray(), referenceMargins.ToArray());
        int[] order = [.. Enumerable.Range(0, policy.Length).OrderBy(pair => policy[pair])];
        double[] sorted = [.. reference.Order()];
        var offsets = new double[policy.Length];
        for (var rank = 0; rank < order.Length; rank++)
        {
            offsets[order[rank]] = beta * (sorted[rank] - reference[order[rank]]);
        }

        return offsets;
    }

    private static double Likelihood(
        AnswerLogProbabilities answers, PreferencePair pair, PreferenceTotals totals, PreferenceLossOptions options, Span<double> slopes)
    {
        var share = options.LikelihoodCoefficient * pair.Weight;
        var slope = options.LikelihoodMean switch
        {
            LikelihoodMean.Answer => share / totals.Weight / answers.Length(pair.Better),
            LikelihoodMean.AnswerSum => share / totals.Weight,
            _ => share / totals.LikelihoodTokens,
        };
        if (options.LikelihoodMean == LikelihoodMean.BatchTokensWithPrompts)
        {
            answers.AddToAll(slopes, pair.Better, -slope);
            return -slope * answers.AllLogProbability(pair.Better);
        }

        answers.AddSlope(slopes, pair.Better, int.MaxValue, -slope, PlainSum);
        return -slope * answers.LogProbability(pair.Better);
    }

    private static readonly PreferenceLossOptions PlainSum = new();
}
