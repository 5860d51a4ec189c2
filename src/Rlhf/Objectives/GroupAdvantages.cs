namespace Rlhf.Objectives;

/// <summary>Advantages of answers from the rewards of the other answers to the same prompt, in place of a value network.</summary>
public static class GroupAdvantages
{
    private const double Epsilon = 1e-4;
    private const double EpsilonOfOthers = 1e-6;

    /// <summary>GRPO (Shao 2024): (r - mean) / (std + 1e-4) within the group; std divides by G - 1 unless <paramref name="biased"/>.</summary>
    /// <param name="rewards">[P * G] rewards; a prompt's answers are consecutive.</param>
    /// <param name="groupSize">G, answers per prompt, at least 2.</param>
    /// <param name="destination">[P * G] advantages.</param>
    /// <param name="biased">The standard deviation divides by G.</param>
    public static void Normalised(ReadOnlySpan<float> rewards, int groupSize, Span<float> destination, bool biased = false)
    {
        Check(rewards, groupSize, destination);
        for (var start = 0; start < rewards.Length; start += groupSize)
        {
            var moments = RunningMoments.Of(rewards.Slice(start, groupSize));
            var divisor = Math.Sqrt(biased ? moments.Variance : moments.UnbiasedVariance) + Epsilon;
            for (var i = start; i < start + groupSize; i++)
            {
                destination[i] = (float)((rewards[i] - moments.Mean) / divisor);
            }
        }
    }

    /// <summary>Dr. GRPO (Liu 2025): r - mean within the group.</summary>
    /// <param name="rewards">[P * G] rewards; a prompt's answers are consecutive.</param>
    /// <param name="groupSize">G, answers per prompt, at least 2.</param>
    /// <param name="destination">[P * G] advantages.</param>
    public static void MeanOnly(ReadOnlySpan<float> rewards, int groupSize, Span<float> destination)
    {
        Check(rewards, groupSize, destination);
        for (var start = 0; start < rewards.Length; start += groupSize)
        {
            var mean = RunningMoments.Of(rewards.Slice(start, groupSize)).Mean;
            for (var i = start; i < start + groupSize; i++)
            {
                destination[i] = (float)(rewards[i] - mean);
            }
        }
    }

    /// <summary>The mean of the group and the deviation of the batch: (r - mean) / (std + 1e-4), std of all rewards dividing by their number - 1.</summary>
    /// <param name="rewards">[P * G] rewards, at least two; a prompt's answers are consecutive.</param>
    /// <param name="groupSize">G, answers per prompt, at least 2.</param>
    /// <param name="destination">[P * G] advantages.</param>
    public static void BatchNormalised(ReadOnlySpan<float> rewards, int groupSize, Span<float> destination)
    {
        MeanOnly(rewards, groupSize, destination);
        var divisor = Math.Sqrt(RunningMoments.Of(rewards).UnbiasedVariance) + Epsilon;
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = (float)(destination[i] / divisor);
        }
    }

    /// <summary>Leave-one-out mean and deviation: r minus the mean of the group's other rewards, by (their std + 1e-6), which divides by G - 2.</summary>
    /// <param name="rewards">[P * G] rewards; a prompt's answers are consecutive.</param>
    /// <param name="groupSize">G, answers per prompt, at least 3.</param>
    /// <param name="destination">[P * G] advantages.</param>
    public static void LeaveOneOutNormalised(ReadOnlySpan<float> rewards, int groupSize, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 3);
        LeaveOneOut(rewards, groupSize, destination);
        for (var i = 0; i < rewards.Length; i++)
        {
            var start = i - (i % groupSize);
            var others = RunningMoments.Of(rewards[start..i]) + RunningMoments.Of(rewards[(i + 1)..(start + groupSize)]);
            destination[i] = (float)(destination[i] / (Math.Sqrt(others.UnbiasedVariance) + EpsilonOfOthers));
        }
    }

    /// <summary>RLOO (Ahmadian 2024): r minus the mean of the group's other rewards.</summary>
    /// <param name="rewards">[P * G] rewards (with the KL penalty taken off, if any); a prompt's answers are consecutive.</param>
    /// <param name="groupSize">G, answers per prompt, at least 2.</param>
    /// <param name="destination">[P * G] advantages.</param>
    public static void LeaveOneOut(ReadOnlySpan<float> rewards, int groupSize, Span<float> destination)
    {
        Check(rewards, groupSize, destination);
        // r - (G mean - r) / (G - 1) = (r - mean) G / (G - 1)
        var factor = (double)groupSize / (groupSize - 1);
        for (var start = 0; start < rewards.Length; start += groupSize)
        {
            var mean = RunningMoments.Of(rewards.Slice(start, groupSize)).Mean;
            for (var i = start; i < start + groupSize; i++)
            {
                destination[i] = (float)((rewards[i] - mean) * factor);
            }
        }
    }

    private static void Check(ReadOnlySpan<float> rewards, int groupSize, Span<float> destination)
    {
        PackedRows.CheckLength(rewards.Length, destination.Length, nameof(destination));
        if (groupSize < 2 || rewards.Length % groupSize != 0)
        {
            throw new ArgumentException($"{rewards.Length} rewards do not make groups of {groupSize} (at least 2).", nameof(groupSize));
        }
    }
}
