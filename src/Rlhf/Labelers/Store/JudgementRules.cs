using System.Globalization;

namespace Rlhf.Labelers.Store;

/// <summary>Whether a judgement says something about a task that can be stored.</summary>
internal static class JudgementRules
{
    private const int MaximumText = 10_000;
    private const int MaximumWritten = 100_000;
    private const int HighestScore = 1000;
    private static readonly string[] Verdicts = ["accept", "edit", "reject"];

    /// <summary>Refuses a judgement that is not one.</summary>
    /// <param name="judgement">What is said.</param>
    /// <param name="answers">K.</param>
    /// <param name="kind">What was to be done.</param>
    /// <exception cref="InputException">Says why.</exception>
    public static void Check(Judgement judgement, int answers, TaskKind kind = TaskKind.Rank)
    {
        CheckWork(judgement, answers);
        var isSkipped = !string.IsNullOrWhiteSpace(judgement.CannotJudge);
        var wants = isSkipped ? new Wanted() : WantedOf(judgement, kind);
        if (isSkipped ? HasAnything(judgement) : kind.IsRanked() && judgement.Tiers is null)
        {
            throw new InputException(kind.IsRanked()
                ? "Expected either a ranking or a reason why the answers cannot be judged."
                : "Expected either what was asked for or a reason why it was skipped.");
        }

        CheckPart(wants.Tiers, judgement.Tiers is not null, "a ranking");
        CheckPart(wants.Written, !string.IsNullOrWhiteSpace(judgement.Written), "a text");
        CheckPart(wants.Corrected, judgement.Corrected is not null, "the number of the answer that was mended");
        CheckPart(wants.Verdict, judgement.Verdict is not null, $"one of {string.Join(", ", Verdicts)}");
        CheckPart(wants.UseCase, judgement.UseCase is not null, $"one of {string.Join(", ", TaskKinds.UseCases)}");
        if (judgement is { Corrected: { } corrected, Tiers: { } tiers } && !tiers[0].Contains(corrected))
        {
            throw new InputException("Expected a best answer to be mended, found another one.");
        }
    }

    /// <summary>What a judgement lacks of what the owner requires; null where it has everything. What is skipped needs nothing.</summary>
    public static SubmissionResult? Lacking(Judgement judgement, int answers, TaskKind kind, LabelSettings settings)
    {
        if (!string.IsNullOrWhiteSpace(judgement.CannotJudge))
        {
            return null;
        }

        if (settings.Reason == "required" && (kind.IsRanked() || kind == TaskKind.Review) && string.IsNullOrWhiteSpace(judgement.Reason))
        {
            return SubmissionResult.ReasonMissing;
        }

        var criteria = Criterion.Parse(settings.Criteria);
        bool IsMet(Criterion criterion, IReadOnlyDictionary<string, int>? own) =>
            own?.TryGetValue(criterion.Name, out var score) is true ? score >= criterion.From && score <= criterion.To : !criterion.Required;
        return Enumerable.Range(0, answers).All(answer => criteria.All(criterion => IsMet(criterion, judgement.Scores.ElementAtOrDefault(answer))))
            ? null
            : SubmissionResult.ScoreMissing;
    }

    /// <summary>Refuses what no judgement could hold, finished or not.</summary>
    /// <exception cref="InputException">Says why.</exception>
    public static void CheckWork(Judgement judgement, int answers)
    {
        if (judgement.Tiers is { } tiers
            && (tiers.Any(tier => tier is null or { Count: 0 }) || !tiers.SelectMany(tier => tier).Order().SequenceEqual(Enumerable.Range(0, answers))))
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"Expected every answer from 0 to {answers - 1} in one tier."));
        }

        if ((judgement.Flags.Count is not 0 && (judgement.Flags.Count != answers || judgement.Flags.Any(own => own is null || !AreFlags(own))))
            || !AreFlags(judgement.PromptFlags))
        {
            throw new InputException($"Expected flags for each answer, each once, of: {string.Join(", ", AnswerFlags.All)}.");
        }

        if (judgement.Ratings.Count is not 0 && (judgement.Ratings.Count != answers || judgement.Ratings.Any(rating => rating is < 1 or > 7)))
        {
            throw new InputException("Expected for each answer a rating from 1 to 7, or none.");
        }

        if (judgement.Scores.Count is not 0 && (judgement.Scores.Count != answers || judgement.Scores.Any(own => !AreScores(own))))
        {
            throw new InputException("Expected for each answer scores by the names of criteria.");
        }

        CheckTexts(judgement, answers);
    }

    /// <summary>The judgement with answers renumbered: what was n becomes <paramref name="numbers"/>[n].</summary>
    public static Judgement Renumber(Judgement judgement, IReadOnlyList<int> numbers) => judgement with
    {
        Tiers = judgement.Tiers is { } tiers ? [.. tiers.Select(IReadOnlyList<int> (tier) => [.. tier.Select(answer => numbers[answer]).Order()])] : null,
        Flags = Move(judgement.Flags, numbers),
        Ratings = Move(judgement.Ratings, numbers),
        Scores = Move(judgement.Scores, numbers),
        Corrected = judgement.Corrected is { } corrected ? numbers[corrected] : null,
    };

    /// <summary>What a judgement must have; what it need not have it must not have.</summary>
    private sealed record Wanted(bool Tiers = false, bool Written = false, bool Corrected = false, bool Verdict = false, bool UseCase = false);

    private static Wanted WantedOf(Judgement judgement, TaskKind kind) => kind switch
    {
        TaskKind.Rank => new Wanted(Tiers: true),
        TaskKind.Write => new Wanted(Written: true),
        TaskKind.RankCorrect => new Wanted(Tiers: true, Written: true, Corrected: true),
        TaskKind.Review => new Wanted(Verdict: true, Written: judgement.Verdict == "edit"),
        _ => new Wanted(Written: true, UseCase: true),
    };

    private static bool HasAnything(Judgement judgement) =>
        judgement.Tiers is not null || judgement.Written is not null || judgement.Corrected is not null || judgement.Verdict is not null
            || judgement.UseCase is not null;

    private static void CheckPart(bool isWanted, bool isThere, string what)
    {
        if (isWanted != isThere)
        {
            throw new InputException($"Expected {(isWanted ? "" : "no more than what was asked for, found ")}{what}.");
        }
    }

    private static void CheckTexts(Judgement judgement, int answers)
    {
        if (judgement.Comment?.Length > MaximumText || judgement.CannotJudge?.Length > MaximumText || judgement.Reason?.Length > MaximumText)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"Expected a comment and a reason of at most {MaximumText} characters."));
        }

        if (judgement.Written?.Length > MaximumWritten)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture, $"Expected a text of at most {MaximumWritten} characters."));
        }

        if ((judgement.Verdict is { } verdict && !Verdicts.Contains(verdict)) || (judgement.UseCase is { } use && !TaskKinds.UseCases.Contains(use))
            || judgement.Corrected is < 0 || judgement.Corrected >= answers)
        {
            throw new InputException(
                $"Expected as verdict one of {string.Join(", ", Verdicts)}, as use case one of {string.Join(", ", TaskKinds.UseCases)}, as mended answer one that is there.");
        }
    }

    private static bool AreFlags(IReadOnlyList<string> flags) => flags.Distinct().Count() == flags.Count && !flags.Except(AnswerFlags.All).Any();

    private static bool AreScores(IReadOnlyDictionary<string, int>? scores) =>
        scores is not null && scores.Count <= Criterion.Most
            && scores.All(score => ShownName.WrongWith(score.Key) is null && score.Value is >= 0 and <= HighestScore);

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
