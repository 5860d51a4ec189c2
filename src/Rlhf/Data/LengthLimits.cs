using System.Globalization;

namespace Rlhf.Data;

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
    /// The most tokens of the prompt and of each response that stay; null when the row is to be dropped, for <paramref name="reason"/>. Where both together are over
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
