namespace Rlhf.Objectives;

/// <summary>Mean and standard deviation that a reward model's raw scores are measured in, such as those of SFT samples.</summary>
/// <param name="Mean">Subtracted.</param>
/// <param name="StandardDeviation">Divided by; positive.</param>
public readonly record struct ScoreScale(double Mean, double StandardDeviation)
{
    /// <summary>Scores as they are.</summary>
    public static ScoreScale None { get; } = new(0, 1);

    /// <summary>The scale of the given moments (variance divided by N); 1 instead of a deviation of 0, so that equal scores become 0.</summary>
    public static ScoreScale Of(RunningMoments moments) =>
        new(moments.Mean, moments.Variance > 0 ? Math.Sqrt(moments.Variance) : 1);

    /// <summary>(score - mean) / standard deviation.</summary>
    public double Apply(double score) => (score - Mean) / StandardDeviation;
}

/// <summary>What happens between the reward model's raw score and the score that PPO puts at the last token, in this order: scale, clip, missing-EOS
/// penalty.</summary>
public static class ScoreShaping
{
    /// <summary>Shapes the scores of a batch of answers.</summary>
    /// <param name="raw">[B] raw scores.</param>
    /// <param name="finished">[B] whether the answer ended by itself (EOS) and was not cut at the token limit.</param>
    /// <param name="scale">Mean and standard deviation to measure in.</param>
    /// <param name="clip">Scaled scores are held within +-clip; none for no clip.</param>
    /// <param name="missingEosPenalty">Taken off the score of every answer that did not finish (Ziegler 2019 has a fixed score instead); 0 for none.</param>
    /// <param name="destination">[B] shaped scores.</param>
    public static void Apply(
        ReadOnlySpan<float> raw, ReadOnlySpan<bool> finished, ScoreScale scale, double? clip, double missingEosPenalty, Span<float> destination)
    {
        PackedRows.CheckLength(raw.Length, finished.Length, nameof(finished));
        PackedRows.CheckLength(raw.Length, destination.Length, nameof(destination));
        PackedRows.CheckDivisor(scale.StandardDeviation, nameof(scale));
        for (var i = 0; i < raw.Length; i++)
        {
            var score = scale.Apply(raw[i]);
            if (clip is { } bound)
            {
                score = Math.Clamp(score, -bound, bound);
            }

            destination[i] = (float)(finished[i] ? score : score - missingEosPenalty);
        }
    }

    /// <summary>Soft punishment of overlong answers (Yu 2025, eq. 13): 0 up to the buffer, then falling by a straight line to -1 at the longest answer, and -1
    /// beyond.</summary>
    /// <param name="length">Tokens of the answer.</param>
    /// <param name="longest">Longest allowed answer in tokens.</param>
    /// <param name="buffer">The last tokens of it, in which the punishment grows; may be a fraction, and is positive.</param>
    public static double Overlong(int length, int longest, double buffer)
    {
        PackedRows.CheckDivisor(buffer, nameof(buffer));
        return Math.Clamp((longest - buffer - length) / buffer, -1, 0);
    }
}
