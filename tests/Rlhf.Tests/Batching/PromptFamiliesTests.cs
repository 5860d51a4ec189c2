using Rlhf.Batching;
using Rlhf.World;

namespace Rlhf.Tests.Batching;

public sealed class PromptFamiliesTests
{
    [Fact]
    public void Neighbours_with_the_same_prompt_tokens_are_a_family()
    {
        int[][] sequences = [[1, 2, 3], [1, 2, 4, 5], [1, 2], [1, 3, 4], [1, 3, 4, 4], [1, 2, 3]];

        Assert.Equal([new(0, 3, 2), new(3, 4, 2), new(4, 5, 3), new(5, 6, 2)], PromptFamilies.Of(sequences, [2, 2, 2, 2, 3, 2]));
        Assert.Equal(6, PromptFamilies.Of(sequences, null).Count());
        Assert.Equal(6, PromptFamilies.Of(sequences, [0, 0, 0, 0, 0, 0]).Count());
        Assert.Equal(2 + 1 + 2 + 0, new PromptFamily(0, 3, 2).Rows(sequences));
    }

    [Fact]
    public void Sequences_with_the_same_prompt_are_brought_together_and_the_others_keep_their_order() =>
        Assert.Equal([0, 3, 1, 5, 2, 4], PromptFamilies.Order([[1, 2, 3], [4, 2], [1, 2, 3], [1, 2, 9], [1, 2, 3], [4, 7]], [2, 1, 3, 2, 0, 1]));

    [Fact]
    public void Groups_hold_every_sequence_once_in_order_within_the_budget()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            int[] prompts = [.. Enumerable.Range(0, 12).Select(_ => random.Next(1, 4)).Order()];
            int[][] sequences = [.. prompts.Select(prompt => (int[])[.. Enumerable.Repeat(prompt, prompt * 3), .. Enumerable.Range(0, random.Next(0, 9))])];
            int[] lengths = [.. prompts.Select(prompt => prompt * 3)];
            var budget = random.Next(1, 60);

            var at = 0;
            foreach (var group in PromptFamilies.Split(sequences, lengths, budget))
            {
                var rows = group.Sum(family => family.Rows(sequences));
                Assert.True(rows <= budget || group is [{ IsShared: false }], $"{rows} rows in a group of {budget}");
                foreach (var family in group)
                {
                    Assert.Equal(at, family.Start);
                    Assert.All(sequences[family.Start..family.End],
                        sequence => Assert.Equal(sequences[family.Start][..family.PromptLength], sequence[..family.PromptLength]));
                    at = family.End;
                }
            }

            Assert.Equal(sequences.Length, at);
        }
    }
}
