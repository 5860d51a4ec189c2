using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Rlhf.Sampling;
using Rlhf.Text.Grammars;

namespace Rlhf.Web.Serving;

/// <summary>What a request says about its answers; shared by both completion routes.</summary>
internal sealed record AnswerSettings
{
    /// <summary>How tokens are drawn.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>Bias and penalties; null for none.</summary>
    public required LogitChanges? Changes { get; init; }

    /// <summary>What the answers must be; null for anything.</summary>
    public TokenGrammar? Grammar { get; init; }

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

    /// <summary>Whether the prompt stands in front of its answers.</summary>
    public bool Echoes { get; init; }

    /// <summary>Whether the prompt's own log-probabilities are wanted.</summary>
    public bool ScoresPrompt => Echoes && (TopLogProbabilities is not null || MaxTokens == 0);

    public static AnswerSettings ReadChat(RequestBody body, ServedLanguageModel model)
    {
        var wanted = body.Flag("logprobs");
        var top = (int?)body.Whole("top_logprobs", 0, Limits.RequestTopLogProbabilities);
        if (top is not null && !wanted)
        {
            throw ApiException.Invalid("'top_logprobs' needs 'logprobs': true.", "top_logprobs");
        }

        var most = body.Whole("max_completion_tokens", 1, int.MaxValue);
        return Read(body, model, (int?)(most ?? body.Whole("max_tokens", 1, int.MaxValue)), wanted ? top ?? 0 : null);
    }

    public static AnswerSettings ReadCompletion(RequestBody body, ServedLanguageModel model)
    {
        var echoes = body.Flag("echo");
        var most = (int?)body.Whole("max_tokens", 0, int.MaxValue) ?? 16;
        if (most == 0 && !echoes)
        {
            throw ApiException.Invalid("'max_tokens': 0 gives nothing but the prompt, and needs 'echo': true.", "max_tokens", "invalid_value");
        }

        return Read(body, model, most, (int?)body.Whole("logprobs", 0, Limits.RequestTopLogProbabilities)) with { Echoes = echoes };
    }

    private static AnswerSettings Read(RequestBody body, ServedLanguageModel model, int? maxTokens, int? topLogProbabilities)
    {
        body.MayHave("max_tokens", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key");
        var streams = body.Flag("stream");
        return new AnswerSettings
        {
            Sampling = SamplingOf(body),
            Changes = ChangesOf(body, model.Decoder.Config.VocabularySize),
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
            TopK = (int?)body.Whole("top_k", -1, int.MaxValue) is > 0 and var k ? k : null,
            MinP = body.Number("min_p", 0, 0.999999) ?? 0,
            RepetitionPenalty = body.Number("repetition_penalty", 0.01, 100) ?? 1,
        };
    }

    private static LogitChanges? ChangesOf(RequestBody body, int vocabulary) => new LogitChanges
    {
        PresencePenalty = body.Number("presence_penalty", -2, 2) ?? 0,
        FrequencyPenalty = body.Number("frequency_penalty", -2, 2) ?? 0,
        Bias = BiasOf(body, vocabulary),
    }.OrNull();

    private static Dictionary<int, double> BiasOf(RequestBody body, int vocabulary)
    {
        const string Name = "logit_bias";
        var bias = new Dictionary<int, double>();
        if (body.Find(Name) is not { } value)
        {
            return bias;
        }

        if (value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() > Limits.RequestBiases)
        {
            throw RequestBody.Wrong(Name, $"an object of at most {Limits.RequestBiases} token ids with numbers from -100 to 100", value);
        }

        foreach (var entry in value.EnumerateObject())
        {
            var shown = entry.Name.Length > 60 ? entry.Name[..60] + "..." : entry.Name;
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id >= vocabulary)
            {
                throw ApiException.Invalid(
                    FormattableString.Invariant($"Invalid key in '{Name}': expected token ids from 0 to {vocabulary - 1}, found '{shown}'."), Name, "invalid_value");
            }

            bias[id] = entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetDouble(out var number) && number is >= -100 and <= 100
                ? number
                : throw RequestBody.Wrong($"{Name}.{shown}", "a number from -100 to 100", entry.Value, Name);
        }

        return bias;
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
