namespace Rlhf.Stages;

/// <summary>What the model that a later round trains starts from.</summary>
public enum RoundStart
{
    /// <summary>The SFT model.</summary>
    Sft,

    /// <summary>The same model of the round before.</summary>
    Previous,
}
