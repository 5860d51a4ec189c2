using FsCheck;
using FsCheck.Fluent;
using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class EpochOrderTests
{
    [Fact]
    public void Every_row_comes_once_in_every_epoch_and_the_order_is_the_same_each_time() =>
        Check.QuickThrowOnFailure(Prop.ForAll<byte, ulong, byte>((count, seed, epoch) =>
        {
            var order = EpochOrder.Of(count, seed, epoch);
            return order.Order().SequenceEqual(Enumerable.Range(0, count)) && order.SequenceEqual(EpochOrder.Of(count, seed, epoch));
        }));

    [Fact]
    public void Another_seed_or_epoch_gives_another_order()
    {
        var orders =
            from seed in new ulong[] { 0, 1, 2, ulong.MaxValue } from epoch in Enumerable.Range(0, 4) select string.Join(',', EpochOrder.Of(50, seed, epoch));
        Assert.Equal(16, orders.Distinct().Count());
    }

    [Fact]
    public void Every_row_is_as_likely_at_every_place()
    {
        const int Rows = 5, Epochs = 10_000;
        var counts = new int[Rows, Rows];
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            var order = EpochOrder.Of(Rows, 7, epoch);
            for (var place = 0; place < Rows; place++)
            {
                counts[order[place], place]++;
            }
        }

        foreach (var count in counts)
        {
            Assert.InRange(count, 1800, 2200); // Five standard deviations are 200.
        }
    }

    [Fact]
    public void The_order_never_changes_between_versions() =>
        Assert.Equal("2 7 6 9 1 5 8 4 3 0", string.Join(' ', EpochOrder.Of(10, 42, 3)));

    [Fact]
    public void A_range_runs_through_the_epochs_one_after_another()
    {
        int[] endless = [.. Enumerable.Range(0, 4).SelectMany(epoch => EpochOrder.Of(5, seed: 7, epoch))];
        for (var first = 0; first <= 9; first++)
        {
            Assert.Equal(endless[first..(first + 11)], new EpochOrders(5, seed: 7).Range(first, 11));
        }
    }
}
