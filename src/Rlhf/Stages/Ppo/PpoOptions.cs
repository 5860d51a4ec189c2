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
public sealed partial record PpoOptions : TrainingOptions, ISamplingOptions
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

    /// <summary>A paper's settings, or <c>none</c>. What contradicts them is an error; the run folder's recipe has them written out.</summary>
    public PpoPreset? Preset
    {
        get;
        init
        {
            field = value;
            if (value is { } preset)
            {
                var own = PpoPresets.Of(preset);
                (Advantage, Deviation, GroupBaseline, DropEqualGroups) = (own.Advantage, own.Deviation, own.GroupBaseline, own.DropEqualGroups);
                (Surrogate, Ratio, Aggregation) = (own.Surrogate, own.Ratio, own.Aggregation);
                (ClipRange, ClipRangeHigh, Overlong, RolloutsPerPrompt) = (own.ClipRange, own.ClipRangeHigh, own.Overlong, own.RolloutsPerPrompt);
                (KlIn, KlEstimator, KlCoefficient) = (own.KlIn, own.KlEstimator, own.KlCoefficient);
            }
        }
    }

    /// <summary>Where advantages come from: <c>gae</c> has a value network; the others compare an answer with others and have none.</summary>
    public AdvantageEstimator Advantage { get; init; }

    /// <summary>Where the policy of round 2 and later starts: <c>sft</c> (a new policy, InstructGPT) or <c>previous</c> (the last round's policy). The KL
    /// reference is the SFT model either way.</summary>
    public RoundStart StartFrom { get; init; }

    /// <summary>The reward model where the recipe trains none: a model folder or a name on the hub.</summary>
    public string? RewardModel { get; init; }

    /// <summary>PPO steps, each with one batch of rollouts (500 x 512 are InstructGPT's 256k episodes).</summary>
    public int Steps { get; init; } = 500;

    /// <summary>Rollouts (answers) per step.</summary>
    public int RolloutsPerStep { get; init; } = 512;

    /// <summary>Rollouts to each prompt: a step has <c>rollouts_per_step / rollouts_per_prompt</c> prompts. They share the prompt's part of every forward and
    /// backward pass.</summary>
    public int RolloutsPerPrompt { get; init; } = 1;

    /// <summary>With <c>group</c>: what differences from the mean are divided by.</summary>
    public RewardDeviation Deviation { get; init; }

    /// <summary>With <c>leave_one_out</c>: divides by the standard deviation of the group's other rewards + 1e-6 (what other programs do).</summary>
    public bool OthersDeviation { get; init; }

    /// <summary>With <c>batch</c>: the mean of the group is taken off first (Hu 2025, the baseline form).</summary>
    public bool GroupBaseline { get; init; }

    /// <summary>Groups whose rewards are all equal are left out (Yu 2025).</summary>
    public bool DropEqualGroups { get; init; }

    /// <summary>Times that a step samples more groups in the place of dropped ones, at most; then it has fewer.</summary>
    public int Resamplings { get; init; } = 10;

    /// <summary>Punishment of answers near the token limit (Yu 2025); <c>none</c>: none.</summary>
    public OverlongOptions? Overlong { get; init; }

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

    /// <summary>Parts in which a step's rollouts are trained, one after another: all but the first are stale, and importance weights make up for it.</summary>
    public int OffPolicySteps { get; init; } = 1;

    /// <summary>Bound of the importance weights p_old / p_sampler of stale rollouts; <c>none</c>: no weights.</summary>
    public double? ImportanceCap { get; init; } = 2;

    /// <summary>One importance weight an answer, the product over its tokens, instead of one a token.</summary>
    public bool ImportanceOfAnswers { get; init; }

    /// <summary>What becomes of a weight above the bound.</summary>
    public ImportanceExcess ImportanceExcess { get; init; }

    /// <summary>What is minimised without a value network.</summary>
    public PolicySurrogate Surrogate { get; init; }

    /// <summary>What a ratio p_new / p_old stands for: a token or a whole answer.</summary>
    public RatioUnit Ratio { get; init; }

    /// <summary>How the losses of tokens become one number; <c>constant</c> divides by the answers times <c>max_new_tokens</c>.</summary>
    public LossAggregation Aggregation { get; init; }

    /// <summary>Ratio clip: the policy's ratio is held in [1 - x, 1 + x].</summary>
    public double ClipRange { get; init; } = 0.2;

    /// <summary>The upper bound's distance from 1 where it is another (Yu 2025); <c>none</c>: <see cref="ClipRange"/>.</summary>
    public double? ClipRangeHigh { get; init; }

    /// <summary>Value clip (Ziegler 2019; InstructGPT gives none): a new value is held within x of the old one; <c>none</c> does not clip.</summary>
    public double? ValueClipRange { get; init; } = 0.2;

    /// <summary>Weight of the value loss beside the policy loss; only with <see cref="SharedTrunk"/>.</summary>
    public double ValueCoefficient { get; init; } = 0.1;

    /// <summary>Discount.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>GAE's lambda (Schulman 2015).</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>Advantages are whitened over the rollouts of a step (<c>gae</c> and <c>batch</c>).</summary>
    public bool WhitenAdvantages { get; init; } = true;

    /// <summary>Rewards are whitened, keeping their mean, before GAE (Ziegler 2019's code).</summary>
    public bool WhitenRewards { get; init; }

    /// <summary>Beta: reward per token = -beta x KL estimate (+ the score at the last token).</summary>
    public double KlCoefficient { get; init; } = 0.02;

    /// <summary>The KL estimate: <c>k1</c>, <c>k2</c> or <c>k3</c>.</summary>
    public KlEstimator KlEstimator { get; init; }

    /// <summary>Where the KL penalty stands, without a value network; in the loss it has the estimate's gradient, so <c>k2</c> or <c>k3</c>.</summary>
    public KlPlace KlIn { get; init; }

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

    /// <summary>Whether a value network judges the states; without one, answers are compared with each other.</summary>
    internal bool HasValues => Advantage == AdvantageEstimator.Gae;

    /// <summary>Whether the value head sits on the policy.</summary>
    internal bool HasSharedTrunk => HasValues && SharedTrunk;

    /// <summary>The loss without a value network.</summary>
    internal GroupLossOptions ToLoss(double klCoefficient) => new()
    {
        Surrogate = Surrogate,
        Ratio = Ratio,
        Aggregation = Aggregation,
        MaximumLength = MaxNewTokens,
        ClipLow = ClipRange,
        ClipHigh = ClipRangeHigh ?? ClipRange,
        DualClip = DualClip,
        KlCoefficient = KlIn == KlPlace.Loss ? klCoefficient : 0,
        KlEstimator = KlEstimator,
        EntropyCoefficient = EntropyCoefficient,
        ImportanceCap = OffPolicySteps > 1 ? ImportanceCap : null,
        ImportanceOfAnswers = ImportanceOfAnswers,
        ImportanceExcess = ImportanceExcess,
    };

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        ValidateRewardList(errors);
        PpoValidation.Validate(this, errors);
        GroupValidation.Validate(this, errors);
        PpoPresets.Validate(this, errors);
    }
}
