namespace Rlhf.Objectives;

/// <summary>
/// What is minimised over a better answer c and a worse one r. D is an answer's sum over tokens of log p - log p of the reference, m the mean log p of its
/// tokens, s the logistic function, x = beta (D_c - D_r).
/// </summary>
public enum PreferenceObjective
{
    /// <summary>-log s(x) (Rafailov 2023, eq. 7).</summary>
    Dpo,

    /// <summary>-(1 - e) log s(x) - e log s(-x), where a share e of the labels is wrong (Mitchell 2023).</summary>
    Cdpo,

    /// <summary>(-(1 - e) log s(x) + e log s(-x)) / (1 - 2 e): cDPO without its bias (Chowdhury 2024).</summary>
    Robust,

    /// <summary>(D_c - D_r - 1 / (2 beta))^2, beta being the paper's tau (Azar 2023, eq. 17).</summary>
    Ipo,

    /// <summary>max(0, 1 - x) (Zhao 2023, as Liu 2023 normalises it).</summary>
    Hinge,

    /// <summary>(D_c - 1 / (2 beta))^2 + (D_r + 1 / (2 beta))^2 (Wu 2024, with the labels as probabilities 1 and 0).</summary>
    SppoHard,

    /// <summary>-s(beta D_c) + s(beta D_r): raises better answers, lowers worse ones (D'Oosterlinck 2024, eq. 7).</summary>
    ApoZero,

    /// <summary>s(beta D_c) - s(x): lowers both, the worse one more (D'Oosterlinck 2024, eq. 8).</summary>
    ApoDown,

    /// <summary>-log s(beta D_c) - 1/2 log s(-beta D_c) - 1/2 log s(-beta D_r) (Chen 2024, NCA).</summary>
    NcaPair,

    /// <summary>KL of (s(x), s(-x)) to (1 - e, e) (Ji 2024, eq. 16).</summary>
    ExoPair,

    /// <summary>-log s(beta D_c - d) - log s(d - beta D_r), d the batch's mean beta D (Jung 2024).</summary>
    BcoPair,

    /// <summary>-log s(beta (p_i - q_i)), the margins p of the policy and q of the reference sorted over the batch (Melnyk 2024, paired).</summary>
    Aot,

    /// <summary>-log s(beta (m_c - m_r) - gamma), without a reference (Meng 2024, eq. 6).</summary>
    Simpo,

    /// <summary>-log s(beta (log p_c - log p_r)) - log p_c, without a reference (Xu 2024, eqs. 3 and 4).</summary>
    Cpo,

    /// <summary>-m_c - beta log s(log odds_c - log odds_r), log odds = m - log(1 - e^m), without a reference; beta is the paper's lambda (Hong 2024, eq.
    /// 6).</summary>
    Orpo,

    /// <summary>Single answers, good or bad, instead of pairs (Ethayarajh 2024).</summary>
    Kto,
}

/// <summary>What the likelihood of better answers is a mean over.</summary>
public enum LikelihoodMean
{
    /// <summary>Of an answer over its tokens, then over the pairs.</summary>
    Answer,

    /// <summary>Of an answer the sum over its tokens, then the mean over the pairs.</summary>
    AnswerSum,

    /// <summary>All tokens of the batch's better answers at once: long answers weigh more.</summary>
    BatchTokens,

    /// <summary>The same with the tokens of their prompts, which are then learned, too.</summary>
    BatchTokensWithPrompts,
}

/// <summary>A loss over pairs with its numbers.</summary>
public sealed record PreferenceLossOptions
{
    /// <summary>Which loss; not <see cref="PreferenceObjective.Kto"/>.</summary>
    public PreferenceObjective Objective { get; init; }

    /// <summary>beta.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>e.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>SimPO's gamma.</summary>
    public double Gamma { get; init; }

    /// <summary>D is the mean over an answer's tokens instead of the sum.</summary>
    public bool LengthNormalized { get; init; }

    /// <summary>Weight in D of an answer's tokens beyond the length of the pair's shorter answer (Liu 2024, LD-DPO's alpha).</summary>
    public double ExtraTokenWeight { get; init; } = 1;

    /// <summary>Weight of the better answers' negative log-likelihood beside the loss.</summary>
    public double LikelihoodCoefficient { get; init; }

    /// <summary>What that likelihood is a mean over.</summary>
    public LikelihoodMean LikelihoodMean { get; init; }

    /// <summary>Whether the loss compares the policy with a reference.</summary>
    public bool HasReference => UsesReference(Objective);

    /// <summary>Whether an answer counts by the mean over its tokens.</summary>
    internal bool IsMean => LengthNormalized || Objective is PreferenceObjective.Simpo or PreferenceObjective.Orpo;

    /// <summary>Whether a loss compares the policy with a reference.</summary>
    public static bool UsesReference(PreferenceObjective objective) =>
        objective is not (PreferenceObjective.Simpo or PreferenceObjective.Cpo or PreferenceObjective.Orpo);
}
