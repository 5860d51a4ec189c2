using Rlhf.Batching;
using Rlhf.World;

namespace Rlhf.Tests.Batching;

/// <summary>Micro-batches by token budget.</summary>
public sealed class RowBudgetTests
{
    [Fact]
    public void Groups_are_as_few_as_the_budget_allows_and_then_as_equal_as_neighbours_can_be()
    {
        var random = new Random(3);
        for (var round = 0; round < 300; round++)
        {
            int[] lengths = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Next(1, 12))];
            var budget = random.Next(12, 30);

            var groups = RowBudget.Split(lengths.Length, i => lengths[i], budget).ToArray();

            Assert.Equal(Enumerable.Range(0, lengths.Length), groups.SelectMany(group => Enumerable.Range(group.Start, group.End - group.Start)));
            Assert.Equal(Best(lengths, budget), (groups.Length, groups.Max(group => lengths[group.Start..group.End].Sum())));
        }
    }

    [Fact]
    public void A_sequence_longer_than_the_budget_is_a_group_of_its_own() =>
        Assert.Equal([(0, 1), (1, 2), (2, 4)], RowBudget.Split(4, i => new[] { 5, 90, 6, 4 }[i], 10));

    [Fact]
    public void Nothing_makes_no_group() => Assert.Empty(RowBudget.Split(0, _ => 1, 10));

    /// <summary>The fewest groups of neighbours within the budget, and the smallest that the largest of so many can be: by trying all ways to cut.</summary>
    private static (int Groups, int Largest) Best(int[] lengths, int budget) =>
        Enumerable.Range(0, 1 << (lengths.Length - 1)).Select(cuts =>
        {
            var (groups, largest, used) = (1, 0, lengths[0]);
            for (var i = 1; i < lengths.Length; i++)
            {
                if ((cuts >> (i - 1) & 1) == 1)
                {
                    (groups, largest, used) = (groups + 1, Math.Max(largest, used), 0);
                }

                used += lengths[i];
            }

            return (Groups: groups, Largest: Math.Max(largest, used));
        }).Where(way => way.Largest <= budget).Min();
}
