using Rlhf.Data;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Stages.Reward;

namespace Rlhf.Tests.Runs;

/// <summary>The recipe of web debates, on the real rows: who is held out, and from what each reward model learns.</summary>
public sealed class ArgumentsRecipeTests : IDisposable
{
    private static readonly string[] HeldOutDebates = ["firefox-vs-internet-explorer", "human-growth-and-development", "tv-is-better-than-books"];

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static Recipe Read(params string[] changes) =>
        RecipeReader.Read(Path.Combine(ReferenceFiles.Repository, "recipes", "arguments.yaml"), changes);

    private StageData DataOf(Recipe recipe, Ledger? ledger = null) => new(recipe, _temporary.Path, ledger ?? new Ledger("test"));

    [DataFact("arguments/pairs.jsonl.gz")]
    public void Three_debates_are_held_out_of_demonstrations_and_comparisons_alike()
    {
        var ledger = new Ledger("test");
        var data = DataOf(Read(), ledger);
        var (pairs, heldOutPairs) = Sides(data.Comparisons());
        var (arguments, heldOutArguments) = Sides(data.Demonstrations());
        Assert.Equal((7182, 150), (pairs.Count, heldOutPairs.Count));
        Assert.Equal((7182, 100), (arguments.Count, heldOutArguments.Count));
        Assert.Equal((2201 - 150) + (2201 - 100), ledger.DroppedByReason["held out, beyond held_out_limit"]);
        Assert.All(pairs, pair => Assert.DoesNotContain(HeldOutDebates, debate => pair.Prompt.Group!.StartsWith(debate, StringComparison.Ordinal)));
        Assert.All(heldOutPairs, pair => Assert.Contains(HeldOutDebates, debate => pair.Prompt.Group!.StartsWith(debate, StringComparison.Ordinal)));
        Assert.Equal(6, heldOutPairs.Select(pair => pair.Prompt.Group).Distinct().Count());
        Assert.Equal(pairs.Select(pair => pair.Id), arguments.Select(argument => argument.Id));
    }

    [DataFact("arguments/pairs.jsonl.gz")]
    public void The_second_reward_model_learns_from_other_debates()
    {
        var recipe = Read();
        var second = recipe.Find<RewardOptions>()!.SecondModel!;
        var keys = Sides(DataOf(recipe).Comparisons()).Train.Select(pair => pair.Prompt.SplitKey).ToArray();
        var first = keys.Where(key => HeldOutRule.Of(second.DropValues).Holds(key)).Distinct().ToArray();
        var others = keys.Except(first).ToArray();
        Assert.True(second.Disjoint);
        Assert.Equal((10, 10), (first.Length, others.Length)); // both sides of five debates
        Assert.Empty(first.Select(Debate).Intersect(others.Select(Debate)));

        static string Debate(string topic) => topic[..topic.LastIndexOf('_')];
    }

    [DataFact("arguments/motions.jsonl")]
    public void Both_sides_of_a_motion_are_on_one_side_of_the_split()
    {
        var (train, heldOut) = Sides(DataOf(Read()).Prompts());
        Assert.Equal(240, train.Count + heldOut.Count);
        Assert.InRange(heldOut.Count, 2, 48);
        Assert.Empty(train.Select(row => row.Prompt.Group).Intersect(heldOut.Select(row => row.Prompt.Group)));
        Assert.All(heldOut.GroupBy(row => row.Prompt.Group), motion => Assert.Equal(2, motion.Count()));

        var (_, other) = Sides(DataOf(Read("data.prompts.split_seed=1")).Prompts());
        Assert.NotEqual(heldOut.Select(row => row.Id), other.Select(row => row.Id));
    }

    [DataFact("arguments/votes.jsonl.gz")]
    public void Votes_bring_their_labelers_and_ties()
    {
        var votes = Sides(DataOf(Read("data.comparisons.path=../../shared/data/arguments/votes.jsonl.gz", "data.comparisons.limit=4000",
            "data.comparisons.held_out=[ban-plastic-water-bottles_yes*]")).Comparisons());
        Assert.Contains(votes.Train, vote => vote.Ties.Count == 1 && vote.Pairs.Count == 0);
        Assert.All(votes.Train, vote => Assert.StartsWith("w", vote.Labeler, StringComparison.Ordinal));
        Assert.Equal(150, votes.HeldOut.Count);
        var byPair = votes.HeldOut.GroupBy(vote => vote.Id).ToArray();
        Assert.True(byPair.Count(pair => pair.Count() > 3) >= byPair.Length - 1); // all votes on a pair stay together but at the limit's edge
    }

    private static (List<T> Train, List<T> HeldOut) Sides<T>(IEnumerable<(T Row, bool IsHeldOut)> rows)
    {
        var sides = rows.ToLookup(row => row.IsHeldOut, row => row.Row);
        return ([.. sides[false]], [.. sides[true]]);
    }
}
