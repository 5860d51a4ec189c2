using System.Globalization;

namespace Rlhf.Sampling;

/// <summary>
/// How a token is drawn from the logits. The filters work in the order of Hugging Face <c>generate</c>: repetition penalty,
/// temperature, top-k, top-p, min-p, each on what the one before left. The defaults draw from the model's own distribution.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits; 0 takes the most probable token always (of equal ones the lowest id).</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Keeps the k most probable tokens (all that tie at the k-th place stay); none for no limit.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the smallest set of most probable tokens with at least this mass, 0 &lt; p &lt;= 1 (Holtzman 2019); 1 for all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Drops tokens less probable than this share of the most probable one, 0 &lt;= p &lt; 1 (Nguyen 2024); 0 for none.</summary>
    public double MinP { get; init; }

    /// <summary>Logits of tokens already seen are divided by this if positive and multiplied if negative (Keskar 2019); 1 for none.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Always the most probable token.</summary>
    public bool IsGreedy => Temperature == 0;

    /// <summary>Whether the numbers make sense; <see cref="Errors"/> says which do not.</summary>
    public bool IsValid =>
        Temperature is >= 0 and < double.PositiveInfinity && TopK is null or >= 1 && TopP is > 0 and <= 1 && MinP is >= 0 and < 1
        && RepetitionPenalty is > 0 and < double.PositiveInfinity;

    /// <summary>What is wrong with these options, one sentence each.</summary>
    public IReadOnlyList<string> Errors()
    {
        var errors = new List<string>();
        if (Temperature is not (>= 0 and < double.PositiveInfinity))
        {
            Wrong("temperature", Temperature, "0 (greedy) or more");
        }

        if (TopK is < 1)
        {
            Wrong("top_k", TopK.Value, "at least 1 (leave it out for no limit)");
        }

        if (TopP is not (> 0 and <= 1))
        {
            Wrong("top_p", TopP, "above 0 and at most 1");
        }

        if (MinP is not (>= 0 and < 1))
        {
            Wrong("min_p", MinP, "at least 0 and below 1");
        }

        if (RepetitionPenalty is not (> 0 and < double.PositiveInfinity))
        {
            Wrong("repetition_penalty", RepetitionPenalty, "above 0");
        }

        return errors;

        void Wrong(string key, double value, string expected) =>
            errors.Add(string.Create(CultureInfo.InvariantCulture, $"{key} is {value}, but must be {expected}"));
    }

    /// <summary>Throws one <see cref="InputException"/> that names everything that is wrong.</summary>
    public void Validate()
    {
        if (!IsValid)
        {
            throw new InputException($"Sampling: {string.Join("; ", Errors())}.");
        }
    }
}
