using Rlhf.Data;

namespace Rlhf.Labelers;

/// <summary>A model behind the OpenAI chat API, and how it is asked.</summary>
public abstract record ChatOptions
{
    private const string ChatPath = "/chat/completions";

    /// <summary>The API's address, as <c>https://host/v1</c>; requests go to <c>/chat/completions</c> below it.</summary>
    public string Url { get; init; } = "";

    /// <summary>The model's name there.</summary>
    public string Model { get; init; } = "";

    /// <summary>The name of the environment variable that holds the API key; <c>none</c>: no key is sent. The key itself is never written anywhere.</summary>
    public string? ApiKeyVariable { get; init; }

    /// <summary>A system message before the question; <c>none</c>: there is none.</summary>
    public string? System { get; init; }

    /// <summary>The judge's sampling temperature.</summary>
    public double Temperature { get; init; }

    /// <summary>The judge's reply is cut after this many tokens.</summary>
    public int MaxTokens { get; init; } = 16;

    /// <summary>Requests under way at once.</summary>
    public int Parallel { get; init; } = 4;

    /// <summary>A request that takes longer has failed.</summary>
    public double TimeoutSeconds { get; init; } = 60;

    /// <summary>How often a request that failed (no connection, time-out, status 408, 429 or 5xx) is repeated.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>The pause before the first repetition; doubled before each further one, and longer where the server says so (<c>Retry-After</c>).</summary>
    public double BackoffSeconds { get; init; } = 1;

    /// <summary>How often a question is asked again whose reply cannot be read; after that a comparison counts as a tie, a mark as the lowest.</summary>
    public int AskAgain { get; init; } = 1;

    /// <summary>Price of a million tokens sent, for the count of cost.</summary>
    public double PromptPrice { get; init; }

    /// <summary>Price of a million tokens received.</summary>
    public double ReplyPrice { get; init; }

    /// <summary>Where requests go.</summary>
    internal Uri Endpoint => new(Url.TrimEnd('/').EndsWith(ChatPath, StringComparison.Ordinal) ? Url.TrimEnd('/') : Url.TrimEnd('/') + ChatPath);

    /// <summary>The API key; null where none is to be sent.</summary>
    /// <param name="key">The judge's key in the recipe, for messages.</param>
    /// <exception cref="InputException">The environment variable is not set, or holds no key.</exception>
    internal string? ReadApiKey(string key)
    {
        if (ApiKeyVariable is null)
        {
            return null;
        }

        var secret = Environment.GetEnvironmentVariable(ApiKeyVariable)?.Trim();
        return secret is { Length: > 0 } && secret.All(character => character is > ' ' and <= '~')
            ? secret
            : throw new InputException(
                $"{key}.api_key_variable: the environment variable {ApiKeyVariable} holds no key; set it before the run: export {ApiKeyVariable}=...");
    }

    /// <summary>What a reply's last line says: words compare by their letters and digits, in either case.</summary>
    internal static string WordOf(string line)
    {
        var start = 0;
        var end = line.Length;
        while (start < end && !char.IsLetterOrDigit(line[start]))
        {
            start++;
        }

        while (end > start && !char.IsLetterOrDigit(line[end - 1]))
        {
            end--;
        }

        return line[start..end].ToUpperInvariant();
    }

    /// <summary>Adds what is wrong with how the model is asked.</summary>
    private protected void ValidateCalls(OptionErrors errors)
    {
        errors.Require(Uri.TryCreate(Url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri is { UserInfo: "", Query: "", Fragment: "" }, nameof(Url),
            "must be an address such as https://host/v1, without user, password or query");
        errors.Require(Model.Length > 0, nameof(Model), "is missing: the model's name at the server");
        errors.Require(ApiKeyVariable is null
            || (ApiKeyVariable.Length > 0 && ApiKeyVariable.All(character => char.IsAsciiLetterOrDigit(character) || character == '_')), nameof(ApiKeyVariable),
            "must be the name of an environment variable, not the key itself");
        errors.NotNegative(Temperature);
        errors.Positive(MaxTokens);
        errors.Within(Parallel, 1, 256);
        errors.Within(TimeoutSeconds, 0.01, 3600);
        errors.Within(Retries, 0, 100);
        errors.Within(BackoffSeconds, 0, 600);
        errors.Within(AskAgain, 0, 100);
        errors.NotNegative(PromptPrice);
        errors.NotNegative(ReplyPrice);
    }

    /// <summary>Adds what is wrong with the text of a question.</summary>
    private protected static void ValidateTemplate(
        OptionErrors errors, string template, string property, IReadOnlyList<string> known, IReadOnlyList<string> required)
    {
        static string Listed(IEnumerable<string> names, string between = ", ") => string.Join(between, names.Select(static name => $"{{{name}}}"));
        try
        {
            var fields = new TextTemplate(template, property).Fields.ToArray();
            var unknown = fields.Except(known).FirstOrDefault();
            errors.Require(unknown is null, property,
                $"there is no field {{{unknown}}}; the fields are {Listed(known.SkipLast(1))} and {{{known[^1]}}}");
            errors.Require(required.All(fields.Contains), property, $"must have the fields {Listed(required, " and ")}");
        }
        catch (InputException exception)
        {
            errors.Add(property, exception.Message);
        }
    }
}
