using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Dpo;

/// <summary>What a ranking of more than two answers is to the loss.</summary>
public enum RankingForm
{
    /// <summary>All its pairs; a ranking counts as much as any other.</summary>
    Pairs,

    /// <summary>One order of all answers (Rafailov 2023, App. A.3).</summary>
    PlackettLuce,
}

/// <summary>Preference optimisation without rollouts: the policy learns from ranked answers themselves. Defaults: each loss's paper where it gives one; the
/// learning rate, warm-up and batch are DPO's (Rafailov 2023).</summary>
public sealed record DpoOptions : TrainingOptions, IRankingOptions
{
    /// <summary>DPO's settings.</summary>
    public DpoOptions()
    {
        LearningRate = 1e-6;
        Schedule = ScheduleShape.Constant;
        WarmUpSteps = 150;
        Adam = new AdamOptions { WeightDecay = 0 };
    }

    /// <summary>The loss: over pairs, or, with <c>kto</c>, over single answers marked good or bad (<c>data.labeled</c>; pairs are split).</summary>
    public PreferenceObjective Loss { get; init; }

    /// <summary>Strength of the tie to the reference; IPO's tau and ORPO's lambda. <c>none</c>: 0.1, with <c>simpo</c> 2.5, <c>exo_pair</c> 0.5,
    /// <c>nca_pair</c> and <c>bco_pair</c> 0.01, <c>sppo_hard</c> 0.001.</summary>
    public double? Beta { get; init; }

    /// <summary>Share e of the labels that is taken for wrong, with <c>cdpo</c> and <c>robust</c>, and what <c>exo_pair</c> gives the worse answer.
    /// <c>none</c>: 0.1, with <c>exo_pair</c> 0.001.</summary>
    public double? LabelSmoothing { get; init; }

    /// <summary>With <c>simpo</c>: by how much beta times the difference should be above 0. <c>none</c>: 1.375.</summary>
    public double? Gamma { get; init; }

    /// <summary>An answer counts by the mean of its tokens' log-ratios instead of the sum (Lambert 2024; with <c>ipo</c> what other programs do).</summary>
    public bool LengthNormalized { get; init; }

    /// <summary>Weight of an answer's tokens beyond the length of the pair's shorter answer (Liu 2024, LD-DPO's alpha).</summary>
    public double ExtraTokenWeight { get; init; } = 1;

    /// <summary>Weight of the better answers' negative log-likelihood beside the loss (Pang 2024). <c>none</c>: 1 with <c>cpo</c> and <c>orpo</c>, else
    /// 0.</summary>
    public double? LikelihoodCoefficient { get; init; }

    /// <summary>What that likelihood is a mean over: <c>answer</c>, <c>answer_sum</c>, <c>batch_tokens</c> or <c>batch_tokens_with_prompts</c>. <c>none</c>:
    /// <c>answer</c>, with <c>cpo</c>: <c>answer_sum</c>.</summary>
    public LikelihoodMean? LikelihoodMean { get; init; }

    /// <summary>With <c>bco_pair</c>: implicit rewards are counted from the batch's mean; <c>false</c>: from 0.</summary>
    public bool RewardShift { get; init; } = true;

    /// <summary>What a ranking of more than two answers is: <c>pairs</c> or, with <c>loss: dpo</c>, <c>plackett_luce</c>.</summary>
    public RankingForm Rankings { get; init; }

    /// <summary>Margin per step of rank between two answers, taken off x (Amini 2024, ODPO); a row's own <c>margin</c> comes first.</summary>
    public double Margin { get; init; }

    /// <summary>With <c>kto</c>: weight of good answers, the paper's lambda_D.</summary>
    public double DesirableWeight { get; init; } = 1;

    /// <summary>With <c>kto</c>: weight of bad answers, the paper's lambda_U.</summary>
    public double UndesirableWeight { get; init; } = 1;

    /// <summary>With <c>kto</c>: answers are measured against z, the batch's estimate of the KL to the reference; <c>false</c>: against 0, which is APO-zero of
    /// single answers and takes no pass over mismatched answers.</summary>
    public bool ReferencePoint { get; init; } = true;

    /// <summary>Where the policy of round 2 and later starts, which is also its reference: <c>sft</c> or <c>previous</c> (the last round's policy).</summary>
    public RoundStart StartFrom { get; init; }

    /// <summary>Passes over the rankings.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>The most optimizer steps, where the epochs have more; their rows are drawn from all of the data. <c>none</c>: the epochs decide.</summary>
    public int? MaxSteps { get; init; }

    /// <summary>Prompts of one optimizer step; each brings all of its answers.</summary>
    public int Batch { get; init; } = 64;

    /// <summary>Residual dropout (0: none).</summary>
    public double Dropout { get; init; }

    /// <summary>Share of the collected rankings' prompts, by hash, that is held out; sources of data have a <c>held_out</c> of their own.</summary>
    public double CollectedHeldOut { get; init; } = 0.1;

    /// <summary>Labelers whose rankings are never trained on, by name or as a share of them by hash. Their rankings of prompts that others' rankings train on
    /// are left out.</summary>
    public HeldOutRule HeldOutLabelers { get; init; } = HeldOutRule.None;

    /// <summary>Weights of the collected rankings by round, the newest round's last: <c>[0.5, 1]</c> halves those of the round before. Rounds further back
    /// have the first weight; 0 leaves a round out; empty: 1 for all.</summary>
    public IReadOnlyList<double> RoundWeights { get; init; } = [];

    /// <summary>Limits on the length of prompts and answers and what becomes of longer ones; the model's context length always limits.</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>Steps between evaluations; 0: at the end of each epoch.</summary>
    public int EvaluateEvery { get; init; }

    /// <summary>Held-out prompts that are answered in an evaluation at most: those of <c>data.prompts</c>, else those of the held-out rankings; 0:
    /// none.</summary>
    public int EvaluationPrompts { get; init; } = 128;

    /// <summary>Answers sampled to each evaluation prompt.</summary>
    public int EvaluationSamples { get; init; } = 1;

    /// <summary>Such an answer is cut after this many tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Temperature of these answers.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Sets the best of 1, 4, 16, ... up to this many answers of the SFT model to each held-out prompt beside DPO, by the recipe's reward model or
    /// else by the gold rule: what its KL has to be worth; <c>none</c>: not.</summary>
    public int? BestOf { get; init; }

    /// <summary>Answers of each evaluation written to samples.jsonl.</summary>
    public int SamplesPerEvaluation { get; init; } = 4;

    /// <summary>When a run warns.</summary>
    public DpoAlarmOptions Alarms { get; init; } = new();

    /// <summary>Optimizer steps on so many rows.</summary>
    public long StepsOn(double rows)
    {
        var steps = (long)Math.Ceiling(rows / Batch) * Epochs;
        return MaxSteps is { } most ? Math.Min(most, steps) : steps;
    }

    /// <summary>The loss with its numbers, defaults in place.</summary>
    internal PreferenceLossOptions ToLoss() => new()
    {
        Objective = Loss,
        Beta = Beta ?? Loss switch
        {
            PreferenceObjective.Simpo => 2.5,
            PreferenceObjective.ExoPair => 0.5,
            PreferenceObjective.NcaPair or PreferenceObjective.BcoPair => 0.01,
            PreferenceObjective.SppoHard => 0.001,
            _ => 0.1,
        },
        LabelSmoothing = LabelSmoothing ?? (Loss is PreferenceObjective.ExoPair ? 0.001 : 0.1),
        Gamma = Gamma ?? 1.375,
        LengthNormalized = LengthNormalized,
        ExtraTokenWeight = ExtraTokenWeight,
        LikelihoodCoefficient = LikelihoodCoefficient ?? (Loss is PreferenceObjective.Cpo or PreferenceObjective.Orpo ? 1 : 0),
        LikelihoodMean = LikelihoodMean ?? (Loss is PreferenceObjective.Cpo ? Objectives.LikelihoodMean.AnswerSum : Objectives.LikelihoodMean.Answer),
    };

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        DpoValidation.Validate(this, errors);
        RankedRows.Validate(this, errors);
        errors.Positive(Epochs);
        errors.Require(MaxSteps is null or > 0, nameof(MaxSteps), "must be above 0, or none");
        errors.Positive(Batch);
        errors.Below(Dropout, 0, 1);
        errors.NotNegative(EvaluateEvery);
        errors.Require(EvaluationPrompts is 0 or >= 2, nameof(EvaluationPrompts),
            FormattableString.Invariant($"must be 0, or at least 2, as an interval needs two prompts, found {EvaluationPrompts}"));
        errors.Positive(EvaluationSamples);
        errors.Positive(MaxNewTokens);
        errors.Positive(Temperature);
        errors.NotNegative(SamplesPerEvaluation);
        BestOfSft.Validate(BestOf, nameof(BestOf), errors);
        foreach (var key in (string[])[nameof(EvaluationSamples), nameof(MaxNewTokens), nameof(Temperature), nameof(SamplesPerEvaluation), nameof(BestOf)])
        {
            errors.NoEffect(EvaluationPrompts > 0, key, "with evaluation_prompts: 0");
        }

        Alarms.Validate(errors.Below(nameof(Alarms)));
    }
}

/// <summary>Bounds beyond which a run warns; a bound of <c>none</c> is not watched.</summary>
public sealed record DpoAlarmOptions
{
    /// <summary>Fall of the held-out better answers' log p since the start, in nats a token: the policy leaves what it is shown.</summary>
    public double? ChosenFall { get; init; } = 0.1;

    /// <summary>KL to the SFT model in nats an answer.</summary>
    public double? Kl { get; init; } = 20;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Require(ChosenFall is null or > 0, nameof(ChosenFall), "must be above 0, or none");
        errors.Require(Kl is null or > 0, nameof(Kl), "must be above 0, or none");
    }
}
