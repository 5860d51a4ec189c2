namespace Rlhf.Model;

/// <summary>The heads on top of a decoder.</summary>
[Flags]
public enum HeadKind
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Token probabilities: the policy and the reference.</summary>
    Language = 1,

    /// <summary>One number for a row: the reward model and the value network.</summary>
    Scalar = 2,
}
