using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What is done to the reward model's scores before they become rewards.</summary>
public enum ScoreNormalization
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>(score - mean) / sd of the SFT model's samples to the training prompts, measured once before the first step.</summary>
    SftSamples,

    /// <summary>(score - mean) / sd over all scores of the run so far.</summary>
    Running,
}

/// <summary>Step 3, PPO against the reward model. Defaults: InstructGPT (Ouyang 2022, App. C.4, E) where it gives one.</summary>
public sealed record PpoOptions : TrainingOptions
{
    /// <summary>InstructGPT's settings: constant learning rate after ten warm-up steps, the first at a tenth.</summary>
    public PpoOptions()
    {
        LearningRate = 5e-6;
        Schedule = ScheduleShape.Constant;
        WarmUpSteps = 10;
        Adam = new AdamOptions { WeightDecay = 0 };
        CheckpointEvery = 10;
    }

    /// <summary>Where the policy of round 2 and later starts: <c>sft</c> (a new policy, InstructGPT) or <c>previous</c> (the last round's policy). The KL
    /// reference is the SFT model either way.</summary>
    public PolicyStart StartFrom { get; init; }

    /// <summary>The reward model where the recipe trains none: a model folder or a name on the hub.</summary>
    public string? RewardModel { get; init; }

    /// <summary>PPO steps, each with one batch of rollouts (500 x 512 are InstructGPT's 256k episodes).</summary>
    public int Steps { get; init; } = 500;

    /// <summary>Rollouts (answers) per step.</summary>
    public int RolloutsPerStep { get; init; } = 512;

    /// <summary>Rollouts to each prompt: a step has <c>rollouts_per_step / rollouts_per_prompt</c> prompts. They share the prompt's part of every forward and
    /// backward pass.</summary>
    public int RolloutsPerPrompt { get; init; } = 1;

    /// <summary>Rollouts per optimizer step.</summary>
    public int Minibatch { get; init; } = 64;

    /// <summary>Passes over the rollouts of a step.</summary>
    public int InnerEpochs { get; init; } = 1;

    /// <summary>An answer is cut after this many tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Limits on the length of prompts (only <c>max_prompt_tokens</c> and <c>on_overlong</c>); the model's context length less <c>max_new_tokens</c>
    /// always limits.</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>Sampling temperature; also inside the log-probabilities.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Peak learning rate of the value network (same warm-up and schedule as the policy's).</summary>
    public double ValueLearningRate { get; init; } = 9e-6;

    /// <summary>Ratio clip: the policy's ratio is held in [1 - x, 1 + x].</summary>
    public double ClipRange { get; init; } = 0.2;

    /// <summary>Value clip (Ziegler 2019; InstructGPT gives none): a new value is held within x of the old one; <c>none</c> does not clip.</summary>
    public double? ValueClipRange { get; init; } = 0.2;

    /// <summary>Weight of the value loss beside the policy loss; only with <see cref="SharedTrunk"/>.</summary>
    public double ValueCoefficient { get; init; } = 0.1;

    /// <summary>Discount.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>GAE's lambda (Schulman 2015).</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>Advantages are whitened over the rollouts of a step.</summary>
    public bool WhitenAdvantages { get; init; } = true;

    /// <summary>Rewards are whitened, keeping their mean, before GAE (Ziegler 2019's code).</summary>
    public bool WhitenRewards { get; init; }

    /// <summary>Beta: reward per token = -beta x KL estimate (+ the score at the last token).</summary>
    public double KlCoefficient { get; init; } = 0.02;

    /// <summary>The KL estimate: <c>k1</c>, <c>k2</c> or <c>k3</c>.</summary>
    public KlEstimator KlEstimator { get; init; }

    /// <summary>Adapts beta to hold a target KL (Ziegler 2019); <c>none</c>: beta stays.</summary>
    public AdaptiveKlOptions? AdaptiveKl { get; init; }

    /// <summary>Weight of the mean entropy, which is added to the objective; 0: none.</summary>
    public double EntropyCoefficient { get; init; }

    /// <summary>Dual clip (Ye 2020): the loss of a token with a negative advantage is held below this times -A; above 1, or <c>none</c>.</summary>
    public double? DualClip { get; init; }

    /// <summary>Scores (normalised ones, if so) are clipped to [-x, x]; <c>none</c> does not clip.</summary>
    public double? ScoreClip { get; init; }

    /// <summary>Score normalisation: <c>none</c>, <c>sft_samples</c> or <c>running</c>.</summary>
    public ScoreNormalization ScoreNormalization { get; init; }

    /// <summary>Samples that measure the mean and sd for <c>score_normalization: sft_samples</c>; <c>none</c>: one to each training prompt, 1024 at
    /// most.</summary>
    public int? NormalizationSamples { get; init; }

    /// <summary>Taken off the reward of an answer that did not end by itself.</summary>
    public double MissingEosPenalty { get; init; }

    /// <summary>Steps at the start that train the value network only.</summary>
    public int ValueWarmUpSteps { get; init; }

    /// <summary>The value head sits on the policy's trunk instead of on a network of its own (started from the reward model).</summary>
    public bool SharedTrunk { get; init; }

    /// <summary>Decay of the running mean of the policy's weights, which is the model that is saved; <c>none</c> saves the last weights.</summary>
    public double? Ema { get; init; } = 0.992;

    /// <summary>A step's updates stop early when the approximate KL to the rollout policy goes above this; <c>none</c>: never.</summary>
    public double? TargetKl { get; init; }

    /// <summary>PPO-ptx: pretraining gradients mixed in (needs <c>data.text</c>); <c>none</c>: plain PPO.</summary>
    public PtxOptions? Ptx { get; init; }

    /// <summary>Steps between evaluations on the held-out prompts; 0: only before the first and after the last step.</summary>
    public int EvaluateEvery { get; init; } = 20;

    /// <summary>Held-out prompts of an evaluation at most.</summary>
    public int EvaluationPrompts { get; init; } = 128;

    /// <summary>Answers sampled to each evaluation prompt.</summary>
    public int EvaluationSamples { get; init; } = 4;

    /// <summary>Answers of each step written to samples.jsonl.</summary>
    public int SamplesPerStep { get; init; } = 4;

    /// <summary>When a run warns.</summary>
    public AlarmOptions Alarms { get; init; } = new();

    /// <summary>The value network's learning rates: the policy's schedule with a peak of its own.</summary>
    public LearningRateSchedule ValueLearningRates(long totalSteps) => LearningRates(ValueLearningRate, totalSteps);

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        ValidateRollouts(errors);
        ValidateRewards(errors);
        ValidateUpdate(errors);
        errors.NotNegative(EvaluateEvery);
        errors.Require(EvaluationPrompts >= 2, nameof(EvaluationPrompts),
            FormattableString.Invariant($"must be at least 2, as an interval needs two prompts, found {EvaluationPrompts}"));
        errors.Positive(EvaluationSamples);
        errors.NotNegative(SamplesPerStep);
        Alarms.Validate(errors.Below(nameof(Alarms)));
    }

    private void ValidateRollouts(OptionErrors errors)
    {
        errors.Positive(Steps);
        errors.Positive(RolloutsPerStep);
        errors.Within(Minibatch, 1, Math.Max(1, RolloutsPerStep));
        errors.Require(Minibatch < 1 || Minibatch > RolloutsPerStep || RolloutsPerStep % Minibatch == 0, nameof(Minibatch),
            $"must divide rollouts_per_step ({RolloutsPerStep}) without a rest, found {Minibatch}");
        errors.Positive(RolloutsPerPrompt);
        errors.Require(Minibatch < 1 || RolloutsPerPrompt < 1 || Minibatch % RolloutsPerPrompt == 0, nameof(RolloutsPerPrompt),
            $"must divide minibatch ({Minibatch}) without a rest, found {RolloutsPerPrompt}: the rollouts of a prompt belong to one optimizer step");
        errors.Positive(InnerEpochs);
        errors.Positive(MaxNewTokens);
        Limits.ValidateForPrompts(errors.Below(nameof(Limits)));
        errors.Positive(Temperature);
    }

    private void ValidateRewards(OptionErrors errors)
    {
        errors.Within(Gamma, 0, 1);
        errors.Within(Lambda, 0, 1);
        errors.NotNegative(KlCoefficient);
        AdaptiveKl?.Validate(errors.Below(nameof(AdaptiveKl)));
        errors.Require(AdaptiveKl is null || KlCoefficient > 0, nameof(AdaptiveKl), "has no effect with kl_coefficient: 0, which it multiplies");
        errors.Require(ScoreClip is null or > 0, nameof(ScoreClip), "must be above 0, or none");
        errors.Require(NormalizationSamples is null or > 1, nameof(NormalizationSamples), "must be above 1, or none");
        errors.NoEffect(ScoreNormalization == ScoreNormalization.SftSamples, nameof(NormalizationSamples), "without score_normalization: sft_samples");
        errors.NoEffect(KlCoefficient > 0, nameof(KlEstimator), "with kl_coefficient: 0");
        errors.NotNegative(MissingEosPenalty);
    }

    private void ValidateUpdate(OptionErrors errors)
    {
        errors.Positive(ValueLearningRate);
        errors.NoEffect(!SharedTrunk, nameof(ValueLearningRate), "with shared_trunk: true, where one learning rate serves both");
        errors.NoEffect(SharedTrunk, nameof(ValueCoefficient), "without shared_trunk: true; use value_learning_rate");
        errors.NotNegative(ValueCoefficient);
        errors.Positive(ClipRange);
        errors.Require(ValueClipRange is null or > 0, nameof(ValueClipRange), "must be above 0, or none");
        errors.NotNegative(EntropyCoefficient);
        errors.Require(DualClip is null or > 1, nameof(DualClip), "must be above 1, or none");
        errors.Within(ValueWarmUpSteps, 0, Math.Max(0, Steps - 1));
        errors.Require(Ema is null or (> 0 and < 1), nameof(Ema), "must be above 0 and below 1, or none");
        errors.Require(TargetKl is null or > 0, nameof(TargetKl), "must be above 0, or none");
        Ptx?.Validate(errors.Below(nameof(Ptx)));
    }
}

/// <summary>Ziegler 2019: beta is multiplied by 1 + clip(KL/target - 1, -0.2, 0.2) x rollouts / horizon after each step.</summary>
public sealed record AdaptiveKlOptions
{
    /// <summary>KL to hold, in nats per sequence.</summary>
    public double Target { get; init; } = 6;

    /// <summary>Rollouts in which beta may change by 20 %.</summary>
    public double Horizon { get; init; } = 10000;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Positive(Target);
        errors.Positive(Horizon);
    }
}

/// <summary>Pretraining gradients in PPO (Ouyang 2022, eq. 2, App. C.4).</summary>
public sealed record PtxOptions
{
    /// <summary>The paper's gamma: weight of the mean next-token loss of the pretraining text.</summary>
    public double Coefficient { get; init; } = 27.8;

    /// <summary>Pretraining sequences per rollout of a minibatch.</summary>
    public double BatchRatio { get; init; } = 8;

    /// <summary>Tokens of a pretraining sequence at most; <c>none</c>: the model's context length.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Positive(Coefficient);
        errors.Positive(BatchRatio);
        errors.Require(ContextTokens is null or > 1, nameof(ContextTokens), "must be above 1, or none");
    }
}
