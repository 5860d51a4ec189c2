using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Reward;

/// <summary>How the scalar head starts.</summary>
public enum HeadInitialization
{
    /// <summary>Normal with variance 1/(width + 1) (Stiennon 2020).</summary>
    Normal,

    /// <summary>All zero: every first score is 0.</summary>
    Zero,
}

/// <summary>Where the scores' zero lies after training.</summary>
public enum NormalizeOn
{
    /// <summary>The shift stays as trained (a pairwise loss never moves it).</summary>
    None,

    /// <summary>The shift is set so that, with it, demonstrations score 0 on average (Ouyang 2022).</summary>
    Demonstrations,
}

/// <summary>Step 2, the reward model. Defaults: InstructGPT (Ouyang 2022, App. C.2).</summary>
public sealed record RewardOptions : TrainingOptions, IRankingOptions
{
    /// <summary>InstructGPT's settings.</summary>
    public RewardOptions()
    {
        LearningRate = 9e-6;
        FinalLearningRateFraction = 0.1;
    }

    /// <summary>Passes over the rankings ("multiple epochs quickly overfit").</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>The most optimizer steps of each model, where the epochs have more; their rows are drawn from all of the data. <c>none</c>: the epochs
    /// decide.</summary>
    public int? MaxSteps { get; init; }

    /// <summary>Prompts of one optimizer step; each brings all of its K answers and C(K,2) pairs.</summary>
    public int Batch { get; init; } = 64;

    /// <summary>Residual dropout (0: none).</summary>
    public double Dropout { get; init; }

    /// <summary>Margin per step of rank between two answers: -log sigmoid(r_w - r_l - margin x rank difference) (Touvron 2023).</summary>
    public double Margin { get; init; }

    /// <summary>Coefficient of the mean of (r_w + r_l)^2, which holds scores near zero.</summary>
    public double Centering { get; init; }

    /// <summary>Share of each label given to the other answer.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Ties: <c>drop</c> (left out), <c>drop_pooled</c> (left out, one mean over all pairs) or <c>half</c>.</summary>
    public TieRule Ties { get; init; }

    /// <summary>Where the reward models of round 2 and later start: <c>sft</c> (new models, InstructGPT) or <c>previous</c> (each from its own last round, with
    /// its head).</summary>
    public RoundStart StartFrom { get; init; }

    /// <summary>How the scalar head of a new model starts: <c>normal</c> or <c>zero</c>.</summary>
    public HeadInitialization HeadInitialization { get; init; }

    /// <summary>What has 0 on average where PPO measures scores: <c>demonstrations</c> or <c>none</c>.</summary>
    public NormalizeOn NormalizeOn { get; init; } = NormalizeOn.Demonstrations;

    /// <summary>Trains a second reward model beside, as a check on the first (PPO never sees it as a reward); <c>none</c> leaves it out.</summary>
    public SecondModelOptions? SecondModel { get; init; }

    /// <summary>Share of the collected rankings' prompts, by hash, that is held out; <c>data.comparisons</c> has a <c>held_out</c> of its own.</summary>
    public double CollectedHeldOut { get; init; } = 0.1;

    /// <summary>
    /// Labelers whose rankings are never trained on, by name or as a share of them by hash: the trust report then shows how well the model follows people whom
    /// it did not learn from. Their rankings of prompts
    /// that others' rankings train on are left out. A name that no ranking bears is an error; with a collect stage, where they may rank later, a line of the
    /// log.
    /// </summary>
    public HeldOutRule HeldOutLabelers { get; init; } = HeldOutRule.None;

    /// <summary>
    /// Weights of the collected rankings by round, the newest round's last: <c>[0.5, 1]</c> halves those of the round before. Rounds further back have the
    /// first weight; 0 leaves a
    /// round out; empty: 1 for all.
    /// </summary>
    public IReadOnlyList<double> RoundWeights { get; init; } = [];

    /// <summary>Limits on the length of prompts and answers and what becomes of longer ones; the model's context length always limits.</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>Steps between evaluations on the held-out rankings; 0: at the end of each epoch.</summary>
    public int EvaluateEvery { get; init; }

    /// <summary>Optimizer steps on so many rankings.</summary>
    public long StepsOn(double rankings)
    {
        var steps = (long)Math.Ceiling(rankings / Batch) * Epochs;
        return MaxSteps is { } most ? Math.Min(most, steps) : steps;
    }

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Positive(Epochs);
        errors.Require(MaxSteps is null or > 0, nameof(MaxSteps), "must be above 0, or none");
        errors.Positive(Batch);
        errors.Below(Dropout, 0, 1);
        errors.NotNegative(Margin);
        errors.NotNegative(Centering);
        errors.Below(LabelSmoothing, 0, 0.5);
        RankedRows.Validate(this, errors);
        SecondModel?.Validate(errors.Below(nameof(SecondModel)));
        errors.NotNegative(EvaluateEvery);
    }
}

/// <summary>The check model: another seed, trained without a part of the prompts.</summary>
public sealed record SecondModelOptions
{
    /// <summary>Whether a recipe trains one.</summary>
    internal static bool IsIn(Recipe recipe) => recipe.Find<RewardOptions>()?.SecondModel is not null;

    /// <summary>The newest one before a stage; null where the recipe has none.</summary>
    internal static ModelPlace? NewestOf(StageContext context) => IsIn(context.Recipe) ? context.Models.SecondReward : null;

    /// <summary>Its own seed; by default derived from the stage's.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Share of the training prompts, chosen by hash, that it does not see; with <c>split_by</c> share of the field's values.</summary>
    public double DropFraction { get; init; } = 0.1;

    /// <summary>What it does not see by name instead: values of the field that <c>data.comparisons.split_by</c> names, where <c>*</c> stands for any
    /// text.</summary>
    public IReadOnlyList<string> DropValues { get; init; } = [];

    /// <summary>The first model is then trained on that share alone: the two have no prompt, or value of <c>split_by</c>, in common. A gain that both see is
    /// none of what they learned by heart.</summary>
    public bool Disjoint { get; init; }

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Below(DropFraction, 0, 1);
        errors.NoEffect(DropValues.Count == 0, nameof(DropFraction), "beside drop_values");
        errors.Require(!Disjoint || DropFraction > 0 || DropValues.Count > 0, nameof(DropFraction), "must be above 0 with disjoint: it is what the first model is trained on");
    }
}
