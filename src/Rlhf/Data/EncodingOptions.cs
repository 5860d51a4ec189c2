using System.Globalization;

namespace Rlhf.Data;

/// <summary>What becomes of a row with more tokens than a limit allows.</summary>
public enum OverlongPolicy
{
    /// <summary>The run ends and names the row.</summary>
    Error,

    /// <summary>The row is left out and counted in the ledger.</summary>
    Drop,

    /// <summary>A prompt loses its beginning (the last turns and the beginning-of-sequence token stay), a response its end and with it the end-of-sequence
    /// token; counted in the ledger.</summary>
    Truncate,
}

/// <summary>Limits on the length of encoded rows; none where absent.</summary>
public sealed record EncodingOptions
{
    /// <summary>The most tokens of a prompt, the beginning-of-sequence token included.</summary>
    public int? MaxPromptTokens { get; init; }

    /// <summary>The most tokens of a response, the end-of-sequence token included.</summary>
    public int? MaxResponseTokens { get; init; }

    /// <summary>The most tokens of prompt and response together; plain text is cut into pieces of this length, none of it lost.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>What becomes of a longer row.</summary>
    public OverlongPolicy OnOverlong { get; init; } = OverlongPolicy.Error;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Require(MaxPromptTokens is null or > 0, nameof(MaxPromptTokens), "must be above 0, or none");
        errors.Require(MaxResponseTokens is null or > 0, nameof(MaxResponseTokens), "must be above 0, or none");
        errors.Require(MaxTokens is null or > 1, nameof(MaxTokens), "must be above 1, or none");
    }

    /// <summary>The same for stages that read prompts only.</summary>
    public void ValidateForPrompts(OptionErrors errors)
    {
        Validate(errors);
        errors.NoEffect(false, nameof(MaxResponseTokens), "here, where answers are sampled; use max_new_tokens");
        errors.NoEffect(false, nameof(MaxTokens), "here, where answers are sampled; use max_prompt_tokens and max_new_tokens");
    }

    /// <summary>Limits that also keep prompt and response within the model's context.</summary>
    internal EncodingOptions Within(int contextLength) => this with { MaxTokens = Math.Min(MaxTokens ?? contextLength, contextLength) };

    /// <summary>Limits of prompts that leave room for an answer in the model's context.</summary>
    internal EncodingOptions ForPrompts(int contextLength, int maxNewTokens)
    {
        var room = contextLength - maxNewTokens;
        return room > 0
            ? this with { MaxPromptTokens = Math.Min(MaxPromptTokens ?? room, room) }
            : throw new InputException($"max_new_tokens {maxNewTokens} leaves no room for a prompt in the model's context of {contextLength} tokens");
    }
}

/// <summary>Decides how many tokens of a row's prompt and responses stay.</summary>
internal sealed class LengthLimits
{
    private readonly EncodingOptions _options;

    public LengthLimits(EncodingOptions options)
    {
        _options = options;
        Require(options.MaxPromptTokens, 1, "max_prompt_tokens");
        Require(options.MaxResponseTokens, 1, "max_response_tokens");
        Require(options.MaxTokens, 2, "max_tokens");
    }

    public int? MaxTokens => _options.MaxTokens;

    /// <summary>
    /// The most tokens of the prompt and of each response that stay; null when the row is to be dropped, for <paramref name="reason"/>. Where both together are
    /// over
    /// <c>max_tokens</c>, the prompt keeps what the longest response leaves, but at least half; the responses get the rest.
    /// </summary>
    public (int Prompt, int Response)? Fit(int prompt, int longestResponse, RowPosition where, out string? reason)
    {
        reason = null;
        var broken = Broken(prompt, longestResponse);
        if (broken is not { } limit)
        {
            return (prompt, longestResponse);
        }

        switch (_options.OnOverlong)
        {
            case OverlongPolicy.Error:
                throw new InputException(string.Create(CultureInfo.InvariantCulture,
                    $"{where}: {limit.What} has {limit.Tokens} tokens, more than {limit.Key} {limit.Limit}; raise it, or set on_overlong to drop or truncate."));
            case OverlongPolicy.Drop:
                reason = $"{limit.What} over {limit.Key}";
                return null;
            default:
                return Cut(prompt, longestResponse);
        }
    }

    /// <summary>Whether a row of this length breaks no limit.</summary>
    public bool Allow(int prompt, int response) => Broken(prompt, response) is null;

    private (string What, int Tokens, string Key, int Limit)? Broken(int prompt, int response)
    {
        if (prompt > _options.MaxPromptTokens)
        {
            return ("prompt", prompt, "max_prompt_tokens", _options.MaxPromptTokens.Value);
        }

        if (response > _options.MaxResponseTokens)
        {
            return ("response", response, "max_response_tokens", _options.MaxResponseTokens.Value);
        }

        return prompt + response > _options.MaxTokens ? ("prompt and response", prompt + response, "max_tokens", _options.MaxTokens.Value) : null;
    }

    private (int Prompt, int Response) Cut(int prompt, int response)
    {
        prompt = Math.Min(prompt, _options.MaxPromptTokens ?? prompt);
        response = Math.Min(response, _options.MaxResponseTokens ?? response);
        if (prompt + response > _options.MaxTokens)
        {
            var total = _options.MaxTokens.Value;
            prompt = Math.Min(prompt, Math.Max(total - response, (total + 1) / 2));
            response = total - prompt;
        }

        return (prompt, response);
    }

    private static void Require(int? value, int least, string key)
    {
        if (value < least)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{key}: expected at least {least}, found {value}."));
        }
    }
}
