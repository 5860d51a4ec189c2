using Rlhf.Evaluation;

namespace Rlhf.Labelers.Store;

/// <summary>How a judge fits what people scored by one criterion.</summary>
/// <param name="Name">The criterion.</param>
/// <param name="Agreement">Of pairs of answers with different scores and a preference of the judge: the share in which the judge prefers the higher
/// score.</param>
public sealed record CriterionAgreement(string Name, Estimate Agreement);

/// <summary>One labeler, such as a model that judges, against all others. Owners' decisions stand for the people's.</summary>
public sealed record JudgeComparison
{
    /// <summary>Who is compared.</summary>
    public required string Judge { get; init; }

    /// <summary>Prompts that the judge and somebody else have ranked.</summary>
    public required int Prompts { get; init; }

    /// <summary>Share of pairs of answers on which the judge and one of the people say the same; a tie against a preference counts a half.</summary>
    public required Estimate? Agreement { get; init; }

    /// <summary>The same between people, on the same prompts.</summary>
    public required Estimate? Between { get; init; }

    /// <summary>[3][3] pairs of answers: rows what people say, columns what the judge says, each: the one shown first in the row is better, a tie,
    /// worse.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Confusion { get; init; }

    /// <summary>By criterion, where people gave scores.</summary>
    public required IReadOnlyList<CriterionAgreement> Criteria { get; init; }

    /// <summary>Compares somebody with all others.</summary>
    public static JudgeComparison Of(RankingStore store, string judge)
    {
        var met = store.Rankings().Where(ranking => ranking.Judgement.Tiers is not null).GroupBy(ranking => ranking.Task)
            .Select(task => (Own: task.FirstOrDefault(ranking => ranking.Labeler == judge),
                People: RankingExport.Deciding(task.Where(ranking => ranking.Labeler != judge)).ToList()))
            .Where(task => task.Own is not null && task.People.Count > 0).ToList();
        var confusion = Enumerable.Range(0, 3).Select(_ => new int[3]).ToArray();
        var clusters = new List<(double, long)>();
        foreach (var (own, people) in met)
        {
            var said = people.SelectMany(one => PairsOf(one).Zip(PairsOf(own!))).Select(pair => (People: pair.First.Sign, Judge: pair.Second.Sign)).ToList();
            said.ForEach(pair => confusion[1 - pair.People][1 - pair.Judge]++);
            clusters.Add((said.Sum(pair => 1 - Math.Abs(pair.People - pair.Judge) / 2.0), said.Count));
        }

        return new JudgeComparison
        {
            Judge = judge,
            Prompts = met.Count,
            Agreement = clusters.Count > 0 ? Intervals.ClusteredWilson(clusters) : null,
            Between = Evaluation.Agreement.Pairwise([.. met.Where(task => task.People.Count > 1).Select(IReadOnlyList<LabelerRanking> (task) =>
                [.. task.People.Select(one => new LabelerRanking(one.Labeler, one.Judgement.Tiers!))])]),
            Confusion = confusion,
            Criteria = CriteriaOf(met!),
        };
    }

    /// <summary>Every pair of answers: 1 where the first is better, -1 where the second is, 0 for a tie.</summary>
    private static IEnumerable<(int First, int Second, int Sign)> PairsOf(StoredRanking ranking)
    {
        var tiers = ranking.Judgement.Tiers!;
        var places = tiers.SelectMany((tier, place) => tier.Select(answer => (answer, place))).ToDictionary(one => one.answer, one => one.place);
        return Enumerable.Range(0, places.Count).SelectMany(first => Enumerable.Range(first + 1, places.Count - first - 1)
            .Select(second => (first, second, Math.Sign(places[second] - places[first]))));
    }

    private static List<CriterionAgreement> CriteriaOf(List<(StoredRanking Own, List<StoredRanking> People)> met)
    {
        var names = met.SelectMany(task => task.People).SelectMany(one => one.Judgement.Scores).SelectMany(scores => scores.Keys)
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        return [.. names.Select(name => (Name: name, Clusters: met.Select(task => FitOf(task.Own, task.People, name)).Where(fit => fit.Trials > 0).ToList()))
            .Where(criterion => criterion.Clusters.Count > 0)
            .Select(criterion => new CriterionAgreement(criterion.Name, Intervals.ClusteredWilson(criterion.Clusters)))];
    }

    private static (double Successes, long Trials) FitOf(StoredRanking own, List<StoredRanking> people, string name)
    {
        var (right, all) = (0, 0L);
        foreach (var scores in people.Select(one => one.Judgement.Scores).Where(scores => scores.Count > 0))
        {
            foreach (var (first, second, sign) in PairsOf(own).Where(pair => pair.Sign != 0))
            {
                if (scores[first].TryGetValue(name, out var one) && scores[second].TryGetValue(name, out var other) && one != other)
                {
                    right += Math.Sign(one - other) == sign ? 1 : 0;
                    all++;
                }
            }
        }

        return (right, all);
    }
}
