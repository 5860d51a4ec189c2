using System.Text.Json.Serialization;

namespace Rlhf.Evaluation;

/// <summary>One scored answer of the SFT model or of PPO's policy.</summary>
public sealed record LearnedAnswer
{
    /// <summary>Number of the prompt; both models answer the same prompts, perhaps several times.</summary>
    public required int Prompt { get; init; }

    /// <summary>The answer as a person reads it.</summary>
    public required string Text { get; init; }

    /// <summary>Score by the reward model that PPO followed.</summary>
    public required double Score { get; init; }

    /// <summary>Score by the second reward model: of all answers or of none.</summary>
    public double? SecondScore { get; init; }

    /// <summary>Length in tokens.</summary>
    public required int Tokens { get; init; }

    /// <summary>False: cut at the token limit.</summary>
    public required bool Finished { get; init; }
}

/// <summary>Settings of the analysis.</summary>
public sealed record LearnedOptions
{
    /// <summary>Risen and fallen phrases listed, each.</summary>
    public int Phrases { get; init; } = 10;

    /// <summary>Risen phrases that are taken out, one at a time, to see what the score owes them.</summary>
    public int Ablations { get; init; } = 5;

    /// <summary>Standard errors by which a phrase must have changed to be listed.</summary>
    public double SmallestZ { get; init; } = 3;

    /// <summary>Share of the gain that must vanish with a phrase for the gain to be called a reward hack.</summary>
    public double HackShare { get; init; } = 0.5;
}

/// <summary>An answer of PPO with words taken out, to be scored again (same prompt, same way; an answer may have become empty).</summary>
/// <param name="Answer">Index of the answer in the list of PPO's answers.</param>
/// <param name="Text">What is left of it.</param>
public sealed record RescoreRequest(int Answer, string Text);

/// <summary>Scores of a <see cref="RescoreRequest"/>.</summary>
/// <param name="Score">By the reward model that PPO followed.</param>
/// <param name="SecondScore">By the second one, if the answers have such scores.</param>
public sealed record Rescored(double Score, double? SecondScore = null);

/// <summary>PPO's answers scored again with phrases taken out.</summary>
public sealed record Ablation
{
    /// <summary>The phrases taken out: one, or all risen ones together.</summary>
    public required IReadOnlyList<string> Phrases { get; init; }

    /// <summary>Share of the answers that this changed.</summary>
    public required double ChangedShare { get; init; }

    /// <summary>Mean score of all PPO's answers with the phrases out.</summary>
    public required double Score { get; init; }

    /// <summary>The same by the second reward model.</summary>
    public double? SecondScore { get; init; }

    /// <summary>Mean score with as many other words taken out of the same answers at random: what any missing word costs.</summary>
    public required double ControlScore { get; init; }

    /// <summary>(PPO's score - this score) / gain over SFT; above 1: below SFT. Absent without a gain.</summary>
    public double? GainLost { get; init; }

    /// <summary>The same for the control.</summary>
    public double? ControlGainLost { get; init; }
}

/// <summary>Scores of a model's finished answers against those cut at the token limit, and their tie to length.</summary>
public sealed record AnswerFigures
{
    /// <summary>Answers.</summary>
    public required int Answers { get; init; }

    /// <summary>Mean score.</summary>
    public required double Score { get; init; }

    /// <summary>Mean score by the second reward model.</summary>
    public double? SecondScore { get; init; }

    /// <summary>Mean length in tokens.</summary>
    public required double Tokens { get; init; }

    /// <summary>Answers cut at the token limit.</summary>
    public required int Cut { get; init; }

    /// <summary>Mean score of finished answers; absent where there are none.</summary>
    public double? FinishedScore { get; init; }

    /// <summary>Mean score of answers cut at the token limit; absent where there are none.</summary>
    public double? CutScore { get; init; }

    /// <summary>Pearson's correlation of score with length in tokens over all answers.</summary>
    public double? LengthCorrelation { get; init; }

    /// <summary>The same over finished answers only.</summary>
    public double? FinishedLengthCorrelation { get; init; }
}

/// <summary>What the gain rests on.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LearnedVerdict>))]
public enum LearnedVerdict
{
    /// <summary>The interval of PPO's gain over SFT includes 0 or less.</summary>
    [JsonStringEnumMemberName("no_gain")]
    NoGain,

    /// <summary>No risen word or phrase explains more than the set share of the gain.</summary>
    [JsonStringEnumMemberName("gain_holds")]
    GainHolds,

    /// <summary>The gain vanishes with a word or phrase, or with the answers cut at the token limit.</summary>
    [JsonStringEnumMemberName("reward_hack")]
    RewardHack,

    /// <summary>The gain vanishes with a word, but as well with as many other words: this test cannot tell.</summary>
    [JsonStringEnumMemberName("inconclusive")]
    Inconclusive,
}

/// <summary>What PPO learned: which words and phrases it took to and gave up, and how much of its score hangs on them.</summary>
public sealed record LearnedReport
{
    /// <summary>The SFT model's answers.</summary>
    public required AnswerFigures Sft { get; init; }

    /// <summary>PPO's answers.</summary>
    public required AnswerFigures Ppo { get; init; }

    /// <summary>Mean over prompts of PPO's minus SFT's mean score, with bootstrap interval.</summary>
    public required Estimate Gain { get; init; }

    /// <summary>The gain between finished answers of similar length; absent where there are none.</summary>
    public MatchedGain? GainAtSimilarLength { get; init; }

    /// <summary>Phrases that rose most, in order of their z-scores.</summary>
    public required IReadOnlyList<PhraseChange> Risen { get; init; }

    /// <summary>Phrases that fell most.</summary>
    public required IReadOnlyList<PhraseChange> Fallen { get; init; }

    /// <summary>Risen phrases taken out one at a time, in the order of <see cref="Risen"/>.</summary>
    public required IReadOnlyList<Ablation> Ablations { get; init; }

    /// <summary>All those phrases taken out together; absent with fewer than two.</summary>
    public Ablation? Together { get; init; }

    /// <summary>What the gain rests on.</summary>
    public required LearnedVerdict Verdict { get; init; }

    /// <summary>The same in plain English with numbers, a few sentences.</summary>
    public required string Summary { get; init; }
}
