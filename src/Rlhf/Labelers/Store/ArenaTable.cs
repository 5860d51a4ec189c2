using Rlhf.Evaluation;

namespace Rlhf.Labelers.Store;

/// <summary>The votes on one prompt of an arena.</summary>
/// <param name="Task">One of its tasks.</param>
/// <param name="Prompt">How it begins.</param>
/// <param name="Votes">"ppo over sft", "ppo = sft", each with its count.</param>
public sealed record PromptVotes(long Task, string Prompt, IReadOnlyDictionary<string, int> Votes);

/// <summary>All models of a store's arenas beside each other.</summary>
public sealed record ArenaTable
{
    private const int Listed = 200;

    /// <summary>[M] the models, strongest first.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>[M] strengths (<see cref="BradleyTerry"/>, natural logarithm of the odds, mean 0) with intervals by a bootstrap over prompts. The same answer
    /// twice is a tie.</summary>
    public required IReadOnlyList<Estimate> Strengths { get; init; }

    /// <summary>[M][M] wins of the row's model against the column's, ties a half.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Wins { get; init; }

    /// <summary>The prompts with votes, oldest first.</summary>
    public required IReadOnlyList<PromptVotes> Prompts { get; init; }

    /// <summary>The table of a store; null where nobody has voted in an arena.</summary>
    public static ArenaTable? Of(RankingStore store)
    {
        var tasks = store.ArenaTasks();
        if (tasks.Count == 0)
        {
            return null;
        }

        string[] names = [.. tasks.SelectMany(task => task.Answers.Models!).Distinct(StringComparer.Ordinal)];
        var numbers = names.Index().ToDictionary(name => name.Item, name => name.Index, StringComparer.Ordinal);
        var rankings = store.Rankings().ToLookup(ranking => ranking.Task);
        var votes = tasks.Select(task => (Task: task, Votes: VotesOf(task, rankings[task.Id], numbers).ToList())).Where(task => task.Votes.Count > 0).ToList();
        // Pairs with the same answer twice are ties without a question, but before the first vote they say nothing.
        if (votes.TrueForAll(task => task.Task.Answers.HasIdenticalAnswers)
            || BradleyTerry.Of(names.Length, [.. votes.SelectMany(task => task.Votes)]) is not { } strengths)
        {
            return null;
        }

        var wins = BradleyTerry.WinsOf(names.Length, votes.SelectMany(task => task.Votes));
        int[] order = [.. Enumerable.Range(0, names.Length).OrderByDescending(model => strengths[model].Value).ThenBy(model => model)];
        return new ArenaTable
        {
            Models = [.. order.Select(model => names[model])],
            Strengths = [.. order.Select(model => strengths[model])],
            Wins = [.. order.Select(IReadOnlyList<double> (row) => [.. order.Select(column => wins[row, column])])],
            Prompts = [.. votes.GroupBy(task => task.Task.Answers.PromptText, StringComparer.Ordinal).Take(Listed)
                .Select(prompt => new PromptVotes(prompt.First().Task.Id, store.BeginningOf(prompt.First().Task.Id),
                    prompt.SelectMany(task => task.Votes).CountBy(vote => NameOf(vote, names)).ToDictionary(StringComparer.Ordinal)))],
        };
    }

    private static IEnumerable<PairVote> VotesOf(StoredTask task, IEnumerable<StoredRanking> rankings, Dictionary<string, int> numbers)
    {
        var (first, second) = (numbers[task.Answers.Models![0]], numbers[task.Answers.Models[1]]);
        return task.Answers.HasIdenticalAnswers
            ? [new PairVote(task.Answers.PromptText, first, second, 0.5)]
            : RankingExport.Deciding(rankings).Select(vote => new PairVote(task.Answers.PromptText, first, second, (1 + ArenaReport.ScoreOf(vote)) / 2.0));
    }

    private static string NameOf(PairVote vote, string[] names) => vote.Score switch
    {
        0.5 => $"{names[vote.First]} = {names[vote.Second]}",
        > 0.5 => $"{names[vote.First]} over {names[vote.Second]}",
        _ => $"{names[vote.Second]} over {names[vote.First]}",
    };
}
