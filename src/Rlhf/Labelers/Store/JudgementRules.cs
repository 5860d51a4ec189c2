using System.Globalization;

namespace Rlhf.Labelers.Store;

/// <summary>Whether a judgement says something about K answers that can be stored.</summary>
internal static class JudgementRules
{
    private const int MaximumText = 10_000;

    /// <summary>Refuses a judgement that is not one.</summary>
    /// <exception cref="InputException">Says why.</exception>
    public static void Check(Judgement judgement, int answers)
    {
        if (judgement.Tiers is null == string.IsNullOrWhiteSpace(judgement.CannotJudge))
        {
            throw new InputException("Expected either a ranking or a reason why the answers cannot be judged.");
        }

        if (judgement.Tiers is { } tiers
            && (tiers.Any(tier => tier is null or { Count: 0 }) || !tiers.SelectMany(tier => tier).Order().SequenceEqual(Enumerable.Range(0, answers))))
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"Expected every answer from 0 to {answers - 1} in one tier."));
        }

        if (judgement.Flags.Count is not 0 && (judgement.Flags.Count != answers
            || judgement.Flags.Any(own => own is null || own.Distinct().Count() != own.Count || own.Except(AnswerFlags.All).Any())))
        {
            throw new InputException($"Expected flags for each answer, each once, of: {string.Join(", ", AnswerFlags.All)}.");
        }

        if (judgement.Ratings.Count is not 0 && (judgement.Ratings.Count != answers || judgement.Ratings.Any(rating => rating is < 1 or > 7)))
        {
            throw new InputException("Expected for each answer a rating from 1 to 7, or none.");
        }

        if (judgement.Comment?.Length > MaximumText || judgement.CannotJudge?.Length > MaximumText)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"Expected a comment and a reason of at most {MaximumText} characters."));
        }
    }

    /// <summary>The judgement with answers renumbered: what was n becomes <paramref name="numbers"/>[n].</summary>
    public static Judgement Renumber(Judgement judgement, IReadOnlyList<int> numbers) => judgement with
    {
        Tiers = judgement.Tiers is { } tiers ? [.. tiers.Select(IReadOnlyList<int> (tier) => [.. tier.Select(answer => numbers[answer]).Order()])] : null,
        Flags = Move(judgement.Flags, numbers),
        Ratings = Move(judgement.Ratings, numbers),
    };

    private static T[] Move<T>(IReadOnlyList<T> values, IReadOnlyList<int> numbers)
    {
        var moved = new T[values.Count];
        for (var i = 0; i < moved.Length; i++)
        {
            moved[numbers[i]] = values[i];
        }

        return moved;
    }
}
