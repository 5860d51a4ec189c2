using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Sampling;
using Rlhf.Training;

namespace Rlhf.Stages.Rejection;

/// <summary>Rejection sampling: the best of several answers to each prompt become demonstrations, on which the policy is trained (Touvron 2023, section
/// 3.2.3; RAFT, Dong 2023).</summary>
public sealed record RejectionOptions : SupervisedOptions, IRewardList, ISamplingOptions
{
    /// <summary>Nothing is held out of what was chosen, so the last model is kept.</summary>
    public RejectionOptions()
    {
        LearningRate = 1e-5;
        KeepBest = KeepBest.None;
    }

    /// <summary>The model that is trained: <c>previous</c>, the one that was sampled (the last round's policy), or <c>sft</c>.</summary>
    public RoundStart StartFrom { get; init; } = RoundStart.Previous;

    /// <summary>n, answers to each prompt.</summary>
    public int AnswersPerPrompt { get; init; } = 16;

    /// <summary>Prompts at most, in the data's order; <c>none</c>: all.</summary>
    public int? MaxPrompts { get; init; }

    /// <summary>An answer is cut after this many tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>How answers are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Limits on the length of prompts (only <c>max_prompt_tokens</c> and <c>on_overlong</c>).</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>What answers are chosen by; empty: the reward model of the recipe's reward stage.</summary>
    public IReadOnlyList<RewardSourceOptions> Rewards { get; init; } = [];

    /// <summary>How the numbers of several rewards become one.</summary>
    public RewardCombination Combine { get; init; }

    /// <summary>With <c>combine: mean_minus_spread</c>: what the variance over the rewards is multiplied by; Coste 2023 takes 0.5 where the best of n is
    /// chosen.</summary>
    public double SpreadCoefficient { get; init; } = 0.5;

    /// <summary>Only answers that ended by themselves may be chosen: who learns from cut ones learns not to end.</summary>
    public bool FinishedOnly { get; init; } = true;

    /// <summary>A best answer with a lower score is left out; <c>none</c>: none is.</summary>
    public double? MinScore { get; init; }

    /// <summary>Share of the best answers, by their scores, that is trained on; <c>none</c>: all.</summary>
    public double? TopShare { get; init; }

    /// <summary>Held-out prompts that the policy is judged on, before training, at the end of each epoch (or every <c>evaluate_every</c> steps) and at the
    /// end; 0: none.</summary>
    public int EvaluationPrompts { get; init; } = 128;

    /// <summary>Answers sampled to each evaluation prompt, at the temperature of <c>sampling</c> and without its other settings.</summary>
    public int EvaluationSamples { get; init; } = 1;

    /// <summary>Sets the best of 1, 4, 16, ... up to this many answers of the SFT model to each held-out prompt beside the policy: what its KL has to be
    /// worth; <c>none</c>: not.</summary>
    public int? BestOf { get; init; }

    /// <summary>Answers of each evaluation written to samples.jsonl.</summary>
    public int SamplesPerEvaluation { get; init; } = 4;

    /// <summary>When an evaluation warns that the policy drifts: away from SFT, or in length or entropy since the stage began.</summary>
    public DriftAlarmOptions Alarms { get; init; } = new();

    /// <summary>What only an evaluation reads.</summary>
    internal static IReadOnlyList<string> EvaluationKeys { get; } =
    [
        nameof(EvaluateEvery), nameof(EvaluationSamples), nameof(BestOf), nameof(SamplesPerEvaluation), nameof(Alarms),
        $"{nameof(Alarms)}.{nameof(DriftAlarmOptions.Kl)}", $"{nameof(Alarms)}.{nameof(DriftAlarmOptions.LengthChange)}",
        $"{nameof(Alarms)}.{nameof(DriftAlarmOptions.EntropyFall)}",
    ];

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Within(AnswersPerPrompt, 2, 1024);
        errors.Require(MaxPrompts is null or > 0, nameof(MaxPrompts), "must be above 0, or none");
        errors.Positive(MaxNewTokens);
        foreach (var error in Sampling.Errors())
        {
            errors.Add(nameof(Sampling), error);
        }

        errors.Require(!Sampling.IsGreedy, $"{nameof(Sampling)}.{nameof(Sampling.Temperature)}", "0 would give the same answer n times");
        Limits.ValidateForPrompts(errors.Below(nameof(Limits)));
        errors.Require(MinScore is null || double.IsFinite(MinScore.Value), nameof(MinScore), "must be a finite number, or none");
        errors.Require(TopShare is null or (> 0 and < 1), nameof(TopShare), "must be above 0 and below 1, or none");
        errors.Require(KeepBest == KeepBest.None, nameof(KeepBest), "must be none: nothing of the chosen answers is held out");
        errors.Require(EvaluationPrompts is 0 or >= 2, nameof(EvaluationPrompts),
            FormattableString.Invariant($"must be 0, or at least 2, as an interval needs two prompts, found {EvaluationPrompts}"));
        errors.Positive(EvaluationSamples);
        errors.NotNegative(SamplesPerEvaluation);
        BestOfSft.Validate(BestOf, nameof(BestOf), errors);
        foreach (var key in EvaluationKeys)
        {
            errors.NoEffect(EvaluationPrompts > 0, key, "with evaluation_prompts: 0");
        }

        Alarms.Validate(errors.Below(nameof(Alarms)));
        RewardList.Validate(this, errors);
        foreach (var (i, source) in Rewards.Index())
        {
            errors.Below($"{nameof(Rewards)}[{i}]").Require(source.Normalize != RewardNormalization.SftSamples, nameof(source.Normalize),
                "sft_samples is measured by ppo alone; here running or none");
        }
    }
}
