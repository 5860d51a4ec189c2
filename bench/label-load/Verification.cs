using System.Globalization;
using System.Text;
using Rlhf.Web.Labeling;

namespace LabelLoad;

/// <summary>What the store has against what the labelers were told.</summary>
internal sealed record Verification(bool IsRight, string Text)
{
    public static Verification Of(LoadOptions options, Labeler[] labelers)
    {
        var store = RankingStore.Open(options.Store);
        var answers = store.Tasks().ToDictionary(task => task.Id, task => task.Answers.Responses);
        var stored = store.Rankings().ToLookup(ranking => (ranking.Labeler, ranking.Task), ranking => string.Join(" > ", ranking.Judgement.Tiers!.Select(tier => answers[ranking.Task][tier[0]])));
        var acknowledged = labelers.SelectMany(labeler => labeler.Acknowledged.Select(said => (Key: (labeler.Name, said.Key), said.Value))).ToList();
        var unknown = labelers.SelectMany(labeler => labeler.Unknown.Select(said => (Key: (labeler.Name, said.Key), said.Value))).ToDictionary();
        var told = acknowledged.Select(said => said.Key).ToHashSet();
        var lost = acknowledged.Count(said => !stored.Contains(said.Key));
        var wrong = acknowledged.Count(said => stored.Contains(said.Key) && stored[said.Key].First() != said.Value && stored[said.Key].First() != unknown.GetValueOrDefault(said.Key));
        var twice = stored.Count(group => group.Count() > 1);
        var unasked = stored.Count(group => !unknown.ContainsKey(group.Key) && !told.Contains(group.Key));
        var over = stored.GroupBy(group => group.Key.Task).Count(task => task.Count() > options.Overlap);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"acknowledged {acknowledged.Count}, stored {stored.Count}, of them edited {store.Rankings().Count(ranking => ranking.Edits > 0)}; refusals and failures that clients met {labelers.Sum(labeler => labeler.Failures)}");
        text.AppendLine(CultureInfo.InvariantCulture, $"lost {lost}, stored with another order {wrong}, stored twice {twice}, stored but never acknowledged {unasked}, prompts ranked more than {options.Overlap} times {over}");
        text.AppendLine(Line("next task", [.. labelers.SelectMany(labeler => labeler.NextMilliseconds)]));
        text.Append(Line("submit", [.. labelers.SelectMany(labeler => labeler.SubmitMilliseconds)]));
        return new Verification(lost + wrong + twice + unasked + over == 0 && acknowledged.Count > 0, text.ToString());
    }

    private static string Line(string name, double[] milliseconds)
    {
        Array.Sort(milliseconds);
        double At(double share) => milliseconds.Length > 0 ? milliseconds[(int)(share * (milliseconds.Length - 1))] : double.NaN;
        return string.Create(CultureInfo.InvariantCulture, $"{name}: {milliseconds.Length} requests, median {At(0.5):F1} ms, p99 {At(0.99):F1} ms, longest {At(1):F1} ms");
    }
}
