using Rlhf.Evaluation;

namespace Rlhf.Labelers.Store;

/// <summary>Something about a labeler's work that an owner should look at.</summary>
/// <param name="Labeler">Who.</param>
/// <param name="Kind"><c>pace</c>, <c>attention</c> or <c>position</c>.</param>
/// <param name="Text">What was seen, with its numbers.</param>
public sealed record LabelerWarning(string Labeler, string Kind, string Text);

/// <summary>Who works faster than one can read, fails calibration items, or takes what stands first.</summary>
internal static class LabelerWarnings
{
    // Four times as fast as people read (Brysbaert 2019: 240 words a minute, about 25 characters a second).
    private const double FastestReading = 100;
    private const double ManyFast = 0.2;
    private const double FewRight = 0.75;
    private const int Least = 5;

    public static IReadOnlyList<LabelerWarning> Of(
        ILookup<string, StoredRanking> all, IReadOnlyList<LabelerReport> labelers, IReadOnlyDictionary<long, long> characters) =>
        [.. labelers.SelectMany(labeler => Of(labeler, all[labeler.Name], characters))];

    private static IEnumerable<LabelerWarning> Of(LabelerReport labeler, IEnumerable<StoredRanking> own, IReadOnlyDictionary<long, long> characters)
    {
        // What was imported may have no time.
        var timed = own.Where(ranking => ranking.Seconds > 0 && ranking.Judgement.CannotJudge is null && characters.ContainsKey(ranking.Task)).ToList();
        var fast = timed.Count(ranking => characters[ranking.Task] / ranking.Seconds > FastestReading);
        if (timed.Count >= Least && fast > ManyFast * timed.Count)
        {
            yield return new LabelerWarning(labeler.Name, "pace", FormattableString.Invariant(
                $"{fast} of {timed.Count} tasks were done faster than {FastestReading} characters a second: faster than anybody reads"));
        }

        if (labeler.Calibration is { Count: >= Least } right && right.High < FewRight)
        {
            yield return new LabelerWarning(labeler.Name, "attention", FormattableString.Invariant(
                $"of the pairs that calibration items know, {100 * right.Value:F0} % were put in the right order [{100 * right.Low:F0}, {100 * right.High:F0}]"));
        }

        var votes = own.Where(ranking => ranking is { Judgement.Tiers: [{ Count: 1 }, ..], OrderShown.Count: > 1 }).ToList();
        var chance = votes.Count > 0 ? votes.Average(vote => 1.0 / vote.OrderShown.Count) : 0;
        var first = Intervals.Wilson(votes.Count(vote => vote.Judgement.Tiers![0][0] == vote.OrderShown[0]), Math.Max(1, votes.Count));
        if (votes.Count >= Least && first.Low > chance)
        {
            yield return new LabelerWarning(labeler.Name, "position", FormattableString.Invariant(
                $"the answer that stood first was the best in {100 * first.Value:F0} % [{100 * first.Low:F0}, {100 * first.High:F0}]; by chance in {100 * chance:F0} %"));
        }
    }
}
