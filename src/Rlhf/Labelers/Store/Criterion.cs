using System.Globalization;
using System.Text.RegularExpressions;

namespace Rlhf.Labelers.Store;

/// <summary>Something that labelers score each answer for, beside its place.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="From">The lowest score.</param>
/// <param name="To">The highest one.</param>
/// <param name="Required">Whether no answer may be left without it.</param>
public sealed partial record Criterion(string Name, int From, int To, bool Required = false)
{
    /// <summary>Criteria at most, and scores of each.</summary>
    internal const int Most = 20;

    private const int LongestName = 60;

    /// <summary>Reads lines such as <c>Truthful: 1-5</c> and <c>Truthful: 1-5, required</c>.</summary>
    /// <exception cref="InputException">A line is none, or a name is there twice.</exception>
    public static IReadOnlyList<Criterion> Parse(string lines)
    {
        Criterion[] criteria = [.. lines.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(ParseLine)];
        return criteria.Length <= Most && criteria.DistinctBy(criterion => criterion.Name).Count() == criteria.Length
            ? criteria
            : throw new InputException(string.Create(CultureInfo.InvariantCulture, $"criteria: expected at most {Most}, each name once."));
    }

    private static Criterion ParseLine(string line)
    {
        if (Line().Match(line) is { Success: true } match && ShownName.WrongWith(match.Groups[1].Value, LongestName) is null)
        {
            var (from, to) = (int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), int.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture));
            if (from < to && to - from < Most)
            {
                return new Criterion(match.Groups[1].Value, from, to, match.Groups[4].Success);
            }
        }

        throw new InputException(string.Create(CultureInfo.InvariantCulture,
            $"criteria: expected lines such as 'Truthful: 1-5' or 'Truthful: 1-5, required' (a name of at most {LongestName} characters, a scale of 2 to {Most} whole numbers from 0 on), found '{Reports.VisibleText.Plain(line)}'."));
    }

    [GeneratedRegex(@"^(.+?)\s*:\s*([0-9]{1,3})\s*(?:-|–|to)\s*([0-9]{1,3})(?:\s*,?\s*(required))?$")]
    private static partial Regex Line();
}
