using System.Text.Json.Nodes;

namespace Rlhf.Labelers.Store;

/// <summary>The same answer twice is one answer: nobody is asked which of two equal texts is better. White space around a text does not count, as nobody sees
/// it.</summary>
internal static class IdenticalAnswers
{
    // Fields of a row's source with a value for each answer.
    private static readonly string[] OfEachAnswer = ["response_tokens", "scores"];

    /// <summary>The row with each answer once, at the place of its first, with what was said about any of them; the same row where all differ, and in an arena,
    /// where such pairs are ties.</summary>
    public static ImportRow Merge(ImportRow row)
    {
        var answers = row.Answers.Responses;
        var numbers = NumbersOf(answers);
        var kept = Enumerable.Range(0, answers.Count).Where(answer => IsFirst(numbers, answer)).ToArray();
        return row.Answers.Models is not null || kept.Length == answers.Count ? row : row with
        {
            Answers = row.Answers with
            {
                Responses = [.. kept.Select(answer => answers[answer])],
                Source = SourceOf(row.Answers.Source, kept, answers.Count),
                Known = row.Answers.Known is { } known ? Merge(known, numbers) : null,
            },
            Judgement = row.Judgement is { } judgement ? Merge(judgement, numbers, kept) : null,
            OrderShown = [.. row.OrderShown.Select(answer => numbers[answer]).Distinct()],
        };
    }

    /// <summary>Whether a ranking puts the same answer at two places.</summary>
    public static bool Contradict(IReadOnlyList<string> answers, IReadOnlyList<IReadOnlyList<int>> tiers)
    {
        var numbers = NumbersOf(answers);
        return tiers.SelectMany(tier => tier.Select(answer => numbers[answer]).Distinct()).GroupBy(answer => answer).Any(answer => answer.Count() > 1);
    }

    /// <summary>[K] the number of each answer once the same ones are one.</summary>
    private static int[] NumbersOf(IReadOnlyList<string> answers)
    {
        var first = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. answers.Select(answer => first.TryGetValue(answer.Trim(), out var number) ? number : first[answer.Trim()] = first.Count)];
    }

    private static bool IsFirst(int[] numbers, int answer) => Array.IndexOf(numbers, numbers[answer]) == answer;

    // The best of the places that it was given.
    private static List<IReadOnlyList<int>> Merge(IReadOnlyList<IReadOnlyList<int>> tiers, int[] numbers)
    {
        var seen = new HashSet<int>();
        return [.. tiers.Select(IReadOnlyList<int> (tier) => [.. tier.Select(answer => numbers[answer]).Where(seen.Add).Order()])
            .Where(tier => tier.Count > 0)];
    }

    private static Judgement Merge(Judgement judgement, int[] numbers, int[] kept) => judgement with
    {
        Tiers = judgement.Tiers is { } tiers ? Merge(tiers, numbers) : null,
        Flags = judgement.Flags.Count == 0
            ? []
            : [.. kept.Select(IReadOnlyList<string> (first) => [.. Same(first, numbers).SelectMany(answer => judgement.Flags[answer]).Distinct()])],
        Corrected = judgement.Corrected is { } corrected ? numbers[corrected] : null,
        Scores = judgement.Scores.Count == 0 ? [] : [.. kept.Select(first => judgement.Scores[first])],
        Ratings = judgement.Ratings.Count == 0
            ? []
            : [.. kept.Select(first => Same(first, numbers).Select(answer => judgement.Ratings[answer]).FirstOrDefault(rating => rating is not null))],
    };

    private static IEnumerable<int> Same(int first, int[] numbers) => Enumerable.Range(0, numbers.Length).Where(answer => numbers[answer] == numbers[first]);

    private static JsonObject SourceOf(JsonObject source, int[] kept, int answers)
    {
        var copy = (JsonObject)source.DeepClone();
        foreach (var name in OfEachAnswer)
        {
            if (copy[name] is JsonArray values && values.Count == answers)
            {
                copy[name] = new JsonArray([.. kept.Select(answer => values[answer]?.DeepClone())]);
            }
        }

        return copy;
    }
}
