using Rlhf.Data;
using Rlhf.Generation;
using Rlhf.Training;

namespace Rlhf.Runs;

/// <summary>The stage between SFT and the reward model: K answers are sampled to each prompt and ranked by a labeler.</summary>
public sealed record CollectOptions
{
    /// <summary>The labeler that is the rule of the built-in quickstart world.</summary>
    public const string GoldLabeler = "gold";

    /// <summary>K, answers to each prompt (InstructGPT: 4 to 9).</summary>
    public int AnswersPerPrompt { get; init; } = 4;

    /// <summary>Prompts at most, in the data's order; <c>none</c>: all.</summary>
    public int? MaxPrompts { get; init; }

    /// <summary>An answer is cut after this many tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>
    /// How often a prompt is sampled again while fewer than <c>answers_per_prompt</c> of its answers differ; <c>none</c>: 3 where there is no <c>labeler</c> (people are to
    /// rank), else 0.
    /// </summary>
    public int? Resamples { get; init; }

    /// <summary>How answers are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Limits on the length of prompts (only <c>max_prompt_tokens</c> and <c>on_overlong</c>).</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>Who ranks the answers: <c>gold</c> (the rule of the built-in quickstart world) or the folder of a reward model.</summary>
    public string? Labeler { get; init; }

    /// <summary>Seed of the sampling; by default derived from the recipe's seed, the stage and the round.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Within(AnswersPerPrompt, 2, 64);
        errors.Require(MaxPrompts is null or > 0, nameof(MaxPrompts), "must be above 0, or none");
        errors.Positive(MaxNewTokens);
        errors.Require(Resamples is null or (>= 0 and <= 100), nameof(Resamples), "must be 0 to 100, or none");
        foreach (var error in Sampling.Errors())
        {
            errors.Add(nameof(Sampling), error);
        }

        errors.Require(!Sampling.IsGreedy, $"{nameof(Sampling)}.{nameof(Sampling.Temperature)}", "0 would give the same answer K times");
        Limits.ValidateForPrompts(errors.Below(nameof(Limits)));
    }
}
