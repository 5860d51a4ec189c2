using System.Security.Cryptography;
using System.Text.Json;
using Rlhf.Sampling;

namespace Rlhf.Web.Serving;

/// <summary>What a request says about its answers; shared by both completion routes.</summary>
internal sealed record AnswerSettings
{
    /// <summary>How tokens are drawn.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>The limit that the request names.</summary>
    public required int? MaxTokens { get; init; }

    /// <summary>Answers to each prompt.</summary>
    public required int Choices { get; init; }

    /// <summary>Texts that end an answer and are no part of it.</summary>
    public required IReadOnlyList<string> Stops { get; init; }

    /// <summary>The seed: the request's or a fresh one.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Whether the answers are sent while they are written.</summary>
    public required bool Streams { get; init; }

    /// <summary>Whether the stream ends with the numbers of tokens.</summary>
    public required bool StreamsUsage { get; init; }

    /// <summary>How many of the most probable tokens are wanted at each place; null for no log-probabilities at all.</summary>
    public required int? TopLogProbabilities { get; init; }

    public static AnswerSettings ReadChat(RequestBody body)
    {
        var wanted = body.Flag("logprobs");
        var top = (int?)body.Whole("top_logprobs", 0, Limits.RequestTopLogProbabilities);
        if (top is not null && !wanted)
        {
            throw ApiException.Invalid("'top_logprobs' needs 'logprobs': true.", "top_logprobs");
        }

        var most = body.Whole("max_completion_tokens", 1, int.MaxValue);
        return Read(body, (int?)(most ?? body.Whole("max_tokens", 1, int.MaxValue)), wanted ? top ?? 0 : null, "max_tokens");
    }

    public static AnswerSettings ReadCompletion(RequestBody body) =>
        Read(body, (int?)body.Whole("max_tokens", 1, int.MaxValue) ?? 16, (int?)body.Whole("logprobs", 0, Limits.RequestTopLogProbabilities), "max_tokens");

    private static AnswerSettings Read(RequestBody body, int? maxTokens, int? topLogProbabilities, string alsoKnown)
    {
        body.MayHave(alsoKnown, "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key");
        foreach (var name in (string[])["frequency_penalty", "presence_penalty"])
        {
            body.OnlyNeutral(name, value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0);
        }

        body.OnlyNeutral("logit_bias", value => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any());
        var streams = body.Flag("stream");
        return new AnswerSettings
        {
            Sampling = SamplingOf(body),
            MaxTokens = maxTokens,
            Choices = (int)(body.Whole("n", 1, Limits.RequestChoices) ?? 1),
            Stops = StopsOf(body),
            Seed = body.Whole("seed", long.MinValue, long.MaxValue) is { } seed
                ? unchecked((ulong)seed)
                : BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)),
            Streams = streams,
            StreamsUsage = StreamsUsageOf(body, streams),
            TopLogProbabilities = topLogProbabilities,
        };
    }

    private static SamplingOptions SamplingOf(RequestBody body)
    {
        var topP = body.Number("top_p", 0, 1) ?? 1;
        return new SamplingOptions
        {
            Temperature = body.Number("temperature", 0, 2) ?? 1,
            // OpenAI allows 0, which leaves the most probable token alone.
            TopP = Math.Max(topP, 1e-9),
            TopK = (int?)body.Whole("top_k", 0, int.MaxValue) is > 0 and var k ? k : null,
            MinP = body.Number("min_p", 0, 0.999999) ?? 0,
            RepetitionPenalty = body.Number("repetition_penalty", 0.01, 100) ?? 1,
        };
    }

    private static IReadOnlyList<string> StopsOf(RequestBody body)
    {
        if (body.Find("stop") is not { } value)
        {
            return [];
        }

        string[] stops = value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => RequestBody.TextOf(item, "stop"))]
            : [RequestBody.TextOf(value, "stop")];
        return stops.Length <= Limits.RequestStops && stops.All(stop => stop.Length is > 0 and <= Limits.RequestStopCharacters)
            ? stops
            : throw ApiException.Invalid(
                $"Invalid value for 'stop': expected at most {Limits.RequestStops} texts of 1 to {Limits.RequestStopCharacters} characters.", "stop",
                "invalid_value");
    }

    private static bool StreamsUsageOf(RequestBody body, bool streams)
    {
        if (body.Find("stream_options") is not { } options)
        {
            return false;
        }

        if (!streams || options.ValueKind != JsonValueKind.Object)
        {
            throw ApiException.Invalid("'stream_options' is an object, and only for requests with 'stream': true.", "stream_options");
        }

        foreach (var property in options.EnumerateObject())
        {
            if (property.Name is not ("include_usage" or "include_obfuscation"))
            {
                throw ApiException.Invalid($"Unknown parameter: 'stream_options.{property.Name}'.", "stream_options", "unknown_parameter");
            }
        }

        return options.TryGetProperty("include_usage", out var wanted) && wanted.ValueKind == JsonValueKind.True;
    }
}
