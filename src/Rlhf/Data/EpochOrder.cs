namespace Rlhf.Data;

/// <summary>
/// The order of the rows in an epoch: a Fisher-Yates shuffle whose draws are a pure function of (seed, epoch, index), so any epoch is
/// had directly and a resumed run needs no generator state.
/// </summary>
public static class EpochOrder
{
    /// <summary>The row numbers 0 … <paramref name="count"/> - 1 in the order of an epoch.</summary>
    public static int[] Of(int count, ulong seed, int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        var order = new int[count];
        for (var i = 0; i < count; i++)
        {
            order[i] = i;
        }

        var random = SplitMix64.OfEpoch(seed, epoch);
        for (var last = count - 1; last > 0; last--)
        {
            var pick = random.At(last, last + 1);
            (order[last], order[pick]) = (order[pick], order[last]);
        }

        return order;
    }

}

/// <summary>The epochs of one trainer, whose rows it takes step by step: the order of an epoch is made once and kept while its steps last.</summary>
/// <param name="count">Rows.</param>
/// <param name="seed">The trainer's seed.</param>
public sealed class EpochOrders(int count, ulong seed)
{
    private int[] _order = [];
    private int _epoch = -1;

    /// <summary>
    /// <paramref name="length"/> row numbers from place <paramref name="first"/> on of the endless sequence epoch 0, epoch 1, ...
    /// </summary>
    public int[] Range(long first, int length)
    {
        var rows = new int[length];
        for (var i = 0; i < length; i++)
        {
            var epoch = checked((int)((first + i) / count));
            if (epoch != _epoch)
            {
                (_order, _epoch) = (EpochOrder.Of(count, seed, epoch), epoch);
            }

            rows[i] = _order[(int)((first + i) % count)];
        }

        return rows;
    }
}
