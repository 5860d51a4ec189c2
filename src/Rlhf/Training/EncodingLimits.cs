using Rlhf.Data;

namespace Rlhf.Training;

/// <summary>Checks of the length limits that stages take.</summary>
internal static class EncodingLimits
{
    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public static void Validate(this EncodingOptions limits, OptionErrors errors)
    {
        errors.Require(limits.MaxPromptTokens is null or > 0, nameof(limits.MaxPromptTokens), "must be above 0, or none");
        errors.Require(limits.MaxResponseTokens is null or > 0, nameof(limits.MaxResponseTokens), "must be above 0, or none");
        errors.Require(limits.MaxTokens is null or > 1, nameof(limits.MaxTokens), "must be above 1, or none");
    }

    /// <summary>The same for stages that read prompts only.</summary>
    public static void ValidateForPrompts(this EncodingOptions limits, OptionErrors errors)
    {
        limits.Validate(errors);
        errors.NoEffect(false, nameof(limits.MaxResponseTokens), "here, where answers are sampled; use max_new_tokens");
        errors.NoEffect(false, nameof(limits.MaxTokens), "here, where answers are sampled; use max_prompt_tokens and max_new_tokens");
    }
}
