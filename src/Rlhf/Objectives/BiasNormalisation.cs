namespace Rlhf.Objectives;

/// <summary>
/// A pairwise loss leaves the reward's zero open; InstructGPT closes it by a bias with which the demonstrations score 0 on
/// average (Ouyang 2022, section 3.5).
/// </summary>
public static class BiasNormalisation
{
    /// <summary>The number to add to the reward head's bias: minus the mean reward of the demonstrations.</summary>
    /// <param name="demonstrationRewards">[N] rewards of the demonstrations, at least one.</param>
    public static double BiasToAdd(ReadOnlySpan<float> demonstrationRewards)
    {
        PackedRows.CheckDivisor(demonstrationRewards.Length, nameof(demonstrationRewards));
        return -RunningMoments.Of(demonstrationRewards).Mean;
    }
}
