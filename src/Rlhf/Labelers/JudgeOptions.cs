using Rlhf.Data;

namespace Rlhf.Labelers;

/// <summary>A model behind the OpenAI chat API that compares answers two by two, each pair in both orders.</summary>
public sealed record JudgeOptions
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

    /// <summary>The question, with the fields <c>{prompt}</c>, <c>{first}</c> and <c>{second}</c> for the prompt and the two answers.</summary>
    public string Prompt { get; init; } =
        "Which answer to the prompt is better: more helpful, more truthful, less harmful? Length is no merit.\n\n# Prompt\n{prompt}\n\n# Answer A\n{first}\n\n# Answer B\n{second}\n\nReply with one word: A, B or tie.";

    /// <summary>The word by which the judge prefers the answer that stands first: the last line of its reply, apart from punctuation and case.</summary>
    public string First { get; init; } = "A";

    /// <summary>The word by which it prefers the answer that stands second.</summary>
    public string Second { get; init; } = "B";

    /// <summary>The word by which it holds them for equally good.</summary>
    public string Tie { get; init; } = "tie";

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

    /// <summary>How often a question is asked again whose reply is none of the three words; after that it counts as a tie.</summary>
    public int AskAgain { get; init; } = 1;

    /// <summary>Price of a million tokens sent, for the count of cost.</summary>
    public double PromptPrice { get; init; }

    /// <summary>Price of a million tokens received.</summary>
    public double ReplyPrice { get; init; }

    /// <summary>Where requests go.</summary>
    internal Uri Endpoint => new(Url.TrimEnd('/').EndsWith(ChatPath, StringComparison.Ordinal) ? Url.TrimEnd('/') : Url.TrimEnd('/') + ChatPath);

    /// <summary>The API key; null where none is to be sent.</summary>
    /// <exception cref="InputException">The environment variable is not set, or holds no key.</exception>
    internal string? ReadApiKey()
    {
        if (ApiKeyVariable is null)
        {
            return null;
        }

        var key = Environment.GetEnvironmentVariable(ApiKeyVariable)?.Trim();
        return key is { Length: > 0 } && key.All(character => character is > ' ' and <= '~')
            ? key
            : throw new InputException(
                $"collect.judge.api_key_variable: the environment variable {ApiKeyVariable} holds no key; set it before the run: export {ApiKeyVariable}=...");
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

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Require(Uri.TryCreate(Url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri is { UserInfo: "", Query: "", Fragment: "" }, nameof(Url),
            "must be an address such as https://host/v1, without user, password or query");
        errors.Require(Model.Length > 0, nameof(Model), "is missing: the model's name at the server");
        errors.Require(ApiKeyVariable is null
            || (ApiKeyVariable.Length > 0 && ApiKeyVariable.All(character => char.IsAsciiLetterOrDigit(character) || character == '_')), nameof(ApiKeyVariable),
            "must be the name of an environment variable, not the key itself");
        ValidatePrompt(errors);
        string[] words = [.. new[] { First, Second, Tie }.Select(WordOf)];
        errors.Require(!words.Contains("") && words.Distinct().Count() == 3, nameof(First), "first, second and tie must be three different words");
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

    private void ValidatePrompt(OptionErrors errors)
    {
        try
        {
            string[] known = ["prompt", "first", "second"];
            var fields = new TextTemplate(Prompt, nameof(Prompt)).Fields.ToArray();
            var unknown = fields.Except(known).FirstOrDefault();
            errors.Require(unknown is null, nameof(Prompt), $"there is no field {{{unknown}}}; the fields are {{prompt}}, {{first}} and {{second}}");
            errors.Require(fields.Contains("first") && fields.Contains("second"), nameof(Prompt), "must have the fields {first} and {second}, the two answers");
        }
        catch (InputException exception)
        {
            errors.Add(nameof(Prompt), exception.Message);
        }
    }
}
