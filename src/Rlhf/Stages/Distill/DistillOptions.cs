using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Distill;

/// <summary>On-policy distillation: a student learns a teacher's whole next-token distributions, on answers that it writes itself (Agarwal 2023, GKD; Gu 2023,
/// MiniLLM).</summary>
public sealed record DistillOptions : TrainingOptions, ISamplingOptions
{
    /// <summary>Settings for adapters on small models; the paper's are for T5.</summary>
    public DistillOptions()
    {
        LearningRate = 1e-5;
        Schedule = ScheduleShape.Linear;
        WarmUpFraction = 0.05;
        Adam = new AdamOptions { WeightDecay = 0 };
    }

    /// <summary>The teacher: a model folder, a GGUF file or a name on the hub, with the same vocabulary as the student. It answers no prompts: it reads what
    /// the student writes.</summary>
    public string? Teacher { get; init; }

    /// <summary>What the teacher's matrices are kept in; <c>none</c>: as those of other models that are only read.</summary>
    public WeightStorage? TeacherStorage { get; init; }

    /// <summary>Where the student of round 2 and later, or after another policy stage, starts: <c>previous</c> (the newest policy) or <c>sft</c>.</summary>
    public RoundStart StartFrom { get; init; } = RoundStart.Previous;

    /// <summary>Which divergence: 1 is the reverse KL(student || teacher), 0 the forward KL(teacher || student), between them the generalised Jensen-Shannon
    /// divergence (Agarwal 2023, eq. 1).</summary>
    public double Beta { get; init; } = 1;

    /// <summary>The paper's lambda: probability that a step's answers are the student's own; else they are demonstrations
    /// (<c>data.demonstrations</c>).</summary>
    public double OnPolicyShare { get; init; } = 1;

    /// <summary>What the loss is a mean over: <c>answers</c> (of the mean over an answer's tokens, as in the paper) or <c>tokens</c> (as in TRL).</summary>
    public LossAggregation Aggregation { get; init; }

    /// <summary>Steps: a batch of answers and one update each.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>Answers of one step.</summary>
    public int Batch { get; init; } = 64;

    /// <summary>An answer is cut after this many tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Divides the logits, where answers are drawn and in the divergence.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Limits on the length of prompts and demonstrations and what becomes of longer ones.</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>Answers of each step written to samples.jsonl.</summary>
    public int SamplesPerStep { get; init; } = 2;

    /// <summary>Steps between evaluations on held-out prompts; 0: only before and after.</summary>
    public int EvaluateEvery { get; init; } = 25;

    /// <summary>Held-out prompts that are answered in an evaluation at most.</summary>
    public int EvaluationPrompts { get; init; } = 128;

    /// <summary>Answers sampled to each evaluation prompt.</summary>
    public int EvaluationSamples { get; init; } = 1;

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Require(Teacher is not null, nameof(Teacher), "is missing: a model folder, a GGUF file or a name on the hub");
        errors.Within(Beta, 0, 1);
        errors.Within(OnPolicyShare, 0, 1);
        errors.Require(Aggregation != LossAggregation.Constant, nameof(Aggregation), "constant is for rewards; write answers or tokens");
        errors.Positive(Steps);
        errors.Positive(Batch);
        errors.Positive(MaxNewTokens);
        errors.Positive(Temperature);
        if (OnPolicyShare < 1)
        {
            Limits.Validate(errors.Below(nameof(Limits)));
        }
        else
        {
            Limits.ValidateForPrompts(errors.Below(nameof(Limits)));
        }

        errors.NotNegative(SamplesPerStep);
        errors.NotNegative(EvaluateEvery);
        errors.Require(EvaluationPrompts >= 2, nameof(EvaluationPrompts),
            FormattableString.Invariant($"must be at least 2, as an interval needs two prompts, found {EvaluationPrompts}"));
        errors.Positive(EvaluationSamples);
    }
}
