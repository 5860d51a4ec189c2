namespace Rlhf.Stages;

/// <summary>The model that a later round's policy starts from.</summary>
public enum PolicyStart
{
    /// <summary>The SFT model.</summary>
    Sft,

    /// <summary>The policy of the round before.</summary>
    Previous,
}
