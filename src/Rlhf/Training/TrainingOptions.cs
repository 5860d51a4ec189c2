namespace Rlhf.Training;

/// <summary>What every stage that trains has in common: the optimizer, its learning rate, memory, checkpoints.</summary>
public abstract record TrainingOptions : IStageOptions
{
    /// <summary>Peak learning rate: that of the warm-up's last step and of the first step after it.</summary>
    public double LearningRate { get; init; }

    /// <summary>Shape of the learning rate after the warm-up: <c>constant</c>, <c>linear</c> or <c>cosine</c>.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Cosine;

    /// <summary>What the schedule falls towards, as a fraction of <see cref="LearningRate"/>: it would be reached one step after the last. No effect with a
    /// constant schedule.</summary>
    public double FinalLearningRateFraction { get; init; }

    /// <summary>Optimizer steps of linear warm-up (step s of w has s/w of the peak). Give this or <see cref="WarmUpFraction"/>, not both.</summary>
    public int WarmUpSteps { get; init; }

    /// <summary>Warm-up as a fraction of all optimizer steps.</summary>
    public double WarmUpFraction { get; init; }

    /// <summary>Trains an adapter on frozen weights instead of all parameters; <c>none</c>: all of them.</summary>
    public AdapterOptions? Adapter { get; init; }

    /// <summary>The AdamW settings.</summary>
    public AdamOptions Adam { get; init; } = new();

    /// <summary>The global gradient norm is clipped to this; <c>none</c> does not clip.</summary>
    public double? MaxGradientNorm { get; init; } = 1.0;

    /// <summary>Tokens that go through the model at once. It decides memory and speed, never the loss: gradients are accumulated.</summary>
    public int MicroBatchTokens { get; init; } = 4096;

    /// <summary>Keeps only each block's input from forward to backward and computes the rest again: a fraction of the memory, a third more arithmetic, the same
    /// numbers.</summary>
    public bool RecomputeActivations { get; init; }

    /// <summary>Steps between checkpoints; 0 writes one only when the run is interrupted.</summary>
    public int CheckpointEvery { get; init; } = 50;

    /// <summary>Checkpoints kept, at least 2: where the newest is damaged, a resumed run goes on from the one before. Older ones are deleted.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Seed of everything random in this stage; by default derived from the recipe's seed, the stage and the round.</summary>
    public ulong? Seed { get; init; }

    /// <summary>The learning rate of each of <paramref name="totalSteps"/> optimizer steps.</summary>
    public LearningRateSchedule LearningRates(long totalSteps) => LearningRates(LearningRate, totalSteps);

    /// <summary>The same schedule with another peak.</summary>
    protected LearningRateSchedule LearningRates(double peak, long totalSteps)
    {
        var warmUp = WarmUpSteps > 0 ? WarmUpSteps : (long)Math.Round(WarmUpFraction * totalSteps);
        return new LearningRateSchedule(Schedule, peak, peak * FinalLearningRateFraction, Math.Min(warmUp, totalSteps), totalSteps);
    }

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public virtual void Validate(OptionErrors errors)
    {
        errors.Positive(LearningRate);
        errors.Within(FinalLearningRateFraction, 0, 1);
        errors.NoEffect(Schedule != ScheduleShape.Constant, nameof(FinalLearningRateFraction), "with schedule: constant; remove it or choose cosine or linear");
        errors.NotNegative(WarmUpSteps);
        errors.Below(WarmUpFraction, 0, 1);
        errors.Require(WarmUpSteps == 0 || WarmUpFraction == 0, nameof(WarmUpFraction), "has no effect beside warm_up_steps; set one of the two to 0");
        Adapter?.Validate(errors.Below(nameof(Adapter)));
        Adam.Validate(errors.Below(nameof(Adam)));
        errors.Require(MaxGradientNorm is null or > 0, nameof(MaxGradientNorm), "must be above 0, or none");
        errors.Positive(MicroBatchTokens);
        errors.NotNegative(CheckpointEvery);
        errors.Require(KeepCheckpoints >= TrainerCheckpoints.FewestKept, nameof(KeepCheckpoints),
            $"must be {TrainerCheckpoints.FewestKept} or more, found {KeepCheckpoints}: the one before the newest is needed when that is damaged");
    }
}
