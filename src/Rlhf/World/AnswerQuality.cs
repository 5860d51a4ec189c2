namespace Rlhf.World;

/// <summary>The four qualities of answers that the grammar writes.</summary>
public enum AnswerQuality
{
    /// <summary>Right, a full sentence, polite.</summary>
    Good,

    /// <summary>Right, but only a word or two.</summary>
    Curt,

    /// <summary>A full sentence, often polite, with a wrong fact.</summary>
    Wrong,

    /// <summary>Insulting, mostly right.</summary>
    Rude,
}

/// <summary>Shares of the qualities among demonstrations; they sum to 1.</summary>
/// <param name="Good">Share of good answers.</param>
/// <param name="Curt">Share of curt answers.</param>
/// <param name="Wrong">Share of wrong answers.</param>
/// <param name="Rude">Share of rude answers.</param>
public sealed record QualityMix(double Good = 0.30, double Curt = 0.38, double Wrong = 0.02, double Rude = 0.30)
{
    /// <summary>The quality at a uniform number in [0, 1).</summary>
    internal AnswerQuality At(double uniform) =>
        uniform < Good ? AnswerQuality.Good
        : uniform < Good + Curt ? AnswerQuality.Curt
        : uniform < Good + Curt + Wrong ? AnswerQuality.Wrong
        : AnswerQuality.Rude;

    /// <summary>Refuses shares that are negative or do not sum to 1.</summary>
    internal QualityMix Checked() =>
        Good >= 0 && Curt >= 0 && Wrong >= 0 && Rude >= 0 && Math.Abs(Good + Curt + Wrong + Rude - 1) < 1e-6
            ? this
            : throw new InputException(FormattableString.Invariant(
                $"Shares of answer qualities must be at least 0 and sum to 1; they are {Good}, {Curt}, {Wrong}, {Rude}."));
}
