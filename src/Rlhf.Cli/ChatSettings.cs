using System.Globalization;
using Rlhf.Data;
using Rlhf.Sampling;

namespace Rlhf.Cli;

/// <summary>What a conversation in the terminal is held with; <c>/set</c> changes it.</summary>
/// <param name="Sampling">How tokens are drawn.</param>
/// <param name="MaxTokens">An answer is cut after this many; null for <see cref="ConversationWindow.AnswerLimit"/>.</param>
/// <param name="Seed">The same seed and the same turns give the same answers.</param>
/// <param name="System">The system message.</param>
/// <param name="Stops">Texts that end an answer.</param>
internal sealed record ChatSettings(SamplingOptions Sampling, int? MaxTokens, ulong Seed, string? System, IReadOnlyList<string> Stops)
{
    private static readonly string[] Names = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "seed"];

    /// <summary>These settings with one of them changed.</summary>
    /// <param name="text">Name and value.</param>
    /// <exception cref="InputException">There is no such setting, or it cannot have this value.</exception>
    public ChatSettings With(string text)
    {
        if (text.Split([' ', '='], 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is not [var name, var value])
        {
            throw new InputException($"/set needs a name and a value, as in /set temperature 0.7; names: {string.Join(", ", Names)}.");
        }

        var changed = name.Replace('-', '_') switch
        {
            "temperature" => this with { Sampling = Sampling with { Temperature = Number(name, value) } },
            "top_p" => this with { Sampling = Sampling with { TopP = Number(name, value) } },
            "top_k" => this with { Sampling = Sampling with { TopK = Whole(name, value) is > 0 and var k ? (int)Math.Min(k, int.MaxValue) : null } },
            "min_p" => this with { Sampling = Sampling with { MinP = Number(name, value) } },
            "repetition_penalty" => this with { Sampling = Sampling with { RepetitionPenalty = Number(name, value) } },
            "max_tokens" => this with { MaxTokens = (int)Math.Clamp(Whole(name, value), 1UL, int.MaxValue) },
            "seed" => this with { Seed = Whole(name, value) },
            _ => throw new InputException($"There is no setting '{name}'; there are: {string.Join(", ", Names)}."),
        };
        changed.Sampling.Validate();
        return changed;
    }

    /// <summary>All settings for a person.</summary>
    public string ToText() => string.Create(CultureInfo.InvariantCulture,
        $"temperature {Sampling.Temperature}, top_p {Sampling.TopP}, top_k {Sampling.TopK ?? 0}, min_p {Sampling.MinP}, repetition_penalty {Sampling.RepetitionPenalty}, max_tokens {MaxTokens?.ToString(CultureInfo.InvariantCulture) ?? "by the context"}, seed {Seed}");

    private static double Number(string name, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new InputException($"{name}: expected a number, found '{value}'.");

    private static ulong Whole(string name, string value) =>
        ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new InputException($"{name}: expected a whole number, found '{value}'.");
}
