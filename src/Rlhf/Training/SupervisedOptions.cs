namespace Rlhf.Training;

/// <summary>What a <see cref="SupervisedOptions.Batch"/> counts.</summary>
public enum BatchUnit
{
    /// <summary>Sequences.</summary>
    Sequences,

    /// <summary>Tokens: sequences are added in order until the next one would go above the batch.</summary>
    Tokens,
}

/// <summary>By what the best model of a run is chosen.</summary>
public enum KeepBest
{
    /// <summary>Not at all: the last model is kept.</summary>
    None,

    /// <summary>The lowest validation loss.</summary>
    ValidationLoss,

    /// <summary>The highest mean score of a reward model on answers sampled to the validation prompts (InstructGPT App. C.1).</summary>
    Reward,
}

/// <summary>Next-token training, of responses (SFT) or of plain text (pretraining). One trainer serves both.</summary>
public abstract record SupervisedOptions : TrainingOptions
{
    /// <summary>Passes over the training rows.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Ends after this many optimizer steps, whatever <see cref="Epochs"/> says; the schedule ends there too. <c>none</c>: by epochs.</summary>
    public int? MaxSteps { get; init; }

    /// <summary>Size of one optimizer step, in <see cref="BatchUnit"/>s.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>What <see cref="Batch"/> counts: <c>sequences</c> or <c>tokens</c>.</summary>
    public BatchUnit BatchUnit { get; init; }

    /// <summary>Dropout on the residual branches and the embedding (0: none).</summary>
    public double Dropout { get; init; }

    /// <summary>The model that is kept: <c>none</c> (the last), <c>validation_loss</c> or <c>reward</c>.</summary>
    public KeepBest KeepBest { get; init; } = KeepBest.ValidationLoss;

    /// <summary>Steps between evaluations on the held-out rows; 0: at the end of each epoch.</summary>
    public int EvaluateEvery { get; init; }

    /// <summary>NEFTune's alpha; 0: no noise.</summary>
    internal virtual double EmbeddingNoise => 0;

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Positive(Epochs);
        errors.Require(MaxSteps is null or > 0, nameof(MaxSteps), "must be above 0, or none");
        errors.Positive(Batch);
        errors.Below(Dropout, 0, 1);
        errors.NotNegative(EvaluateEvery);
    }
}
