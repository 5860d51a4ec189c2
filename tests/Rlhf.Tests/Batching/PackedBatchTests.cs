using Rlhf.Batching;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.World;

namespace Rlhf.Tests.Batching;

/// <summary>Which rows ask in the last block: a sequence's rows from its first target row on.</summary>
public sealed class PackedBatchTests
{
    private static readonly AttentionShape Shape = new(1, 1, 8);

    [Fact]
    public void A_sequence_asks_from_its_first_target_row_on()
    {
        using var device = CpuDevice.Create(1);
        var batch = new PackedBatch();
        batch.Add([1, 2, 3, 4, 5], firstTarget: 3, device, Shape);
        batch.AddWithLastRow([6, 7, 8], device, Shape);
        batch.Add([1, 2], firstTarget: int.MaxValue, device, Shape);
        batch.Add([1, 2, 3, 4], firstTarget: 1, device, Shape, [true, false, true, false]);
        batch.AddContinuation([9, 9], past: 4, store: 0, capacity: 8, wanted: 1, rowLength: 6);
        batch.AddContinuation([9, 9], past: 4, store: 0, capacity: 8, wanted: 0, rowLength: 6);

        Assert.Equal([2, 2, 2, 1, 1, 2], [.. FirstQueries(batch)]);
        Assert.Equal([2, 3, 4, 7, 11, 12, 13, 15], batch.QueryRows().ToArray());
        Assert.All(batch.Sequences.ToArray(), static span => Assert.Equal(0, span.FirstQuery));
    }

    [Fact]
    public void A_shared_prompt_asks_from_its_last_row_if_an_answers_first_token_is_wanted()
    {
        using var device = CpuDevice.Create(1);
        int[][] sequences = [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2, 3, 6]];
        var batch = new PackedBatch();
        batch.AddFamily(sequences, new PromptFamily(0, 3, 3), lastRowOnly: false, device, Shape);
        Assert.Equal([2, 0, 1], [.. FirstQueries(batch)]); // the answer without tokens has no span; the only row of the last one is no target
        batch.Clear();
        batch.AddFamily([sequences[0], sequences[2]], new PromptFamily(0, 2, 3), lastRowOnly: true, device, Shape);
        Assert.Equal([3, 1, 0], [.. FirstQueries(batch)]);
        Assert.Equal([4, 5], batch.QueryRows().ToArray());
    }

    private static int[] FirstQueries(PackedBatch batch) => [.. batch.LastSequences.ToArray().Select(static span => span.FirstQuery)];
}
