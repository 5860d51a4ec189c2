using Rlhf.Data;

namespace Rlhf.Training;

/// <summary>Which rows each optimizer step of a supervised run sees: a function of the options, the rows' lengths and the seed.</summary>
public sealed class SupervisedSchedule
{
    private readonly SupervisedOptions _options;
    private readonly int[] _lengths;
    private readonly ulong _seed;
    private readonly long[] _endOfEpoch; // steps up to and including each epoch
    private int _cachedEpoch = -1;
    private List<ArraySegment<int>> _cachedBatches = [];

    /// <summary>Plans a run over rows of the given lengths (tokens).</summary>
    public SupervisedSchedule(SupervisedOptions options, int[] lengths, ulong seed)
    {
        (_options, _lengths, _seed) = (options, lengths, seed);
        _endOfEpoch = new long[options.Epochs];
        var steps = 0L;
        for (var epoch = 0; epoch < options.Epochs; epoch++)
        {
            steps += options.BatchUnit == BatchUnit.Sequences ? (lengths.Length + options.Batch - 1) / options.Batch : BatchesOf(epoch).Count;
            _endOfEpoch[epoch] = steps;
        }

        TotalSteps = options.MaxSteps is { } most ? Math.Min(most, steps) : steps;
    }

    /// <summary>Optimizer steps of the whole run.</summary>
    public long TotalSteps { get; }

    /// <summary>Whether the model is evaluated after this step: every so many steps, or at the end of each epoch, and always at the end.</summary>
    public bool IsEvaluated(long step) =>
        step == TotalSteps || (_options.EvaluateEvery > 0 ? step % _options.EvaluateEvery == 0 : Array.BinarySearch(_endOfEpoch, step) >= 0);

    /// <summary>Epoch (from 0) and rows of a step (from 1).</summary>
    public (int Epoch, IReadOnlyList<int> Rows, bool IsFirstOfEpoch) RowsOf(long step)
    {
        var epoch = Array.BinarySearch(_endOfEpoch, step);
        epoch = epoch >= 0 ? epoch : ~epoch;
        var first = epoch == 0 ? 0 : _endOfEpoch[epoch - 1];
        return (epoch, BatchesOf(epoch)[(int)(step - first - 1)], step == first + 1);
    }

    private List<ArraySegment<int>> BatchesOf(int epoch)
    {
        if (epoch == _cachedEpoch)
        {
            return _cachedBatches;
        }

        var order = EpochOrder.Of(_lengths.Length, _seed, epoch);
        var batches = new List<ArraySegment<int>>();
        var (start, used) = (0, 0L);
        for (var i = 0; i < order.Length; i++)
        {
            var size = _options.BatchUnit == BatchUnit.Sequences ? 1 : _lengths[order[i]];
            if (i > start && used + size > _options.Batch)
            {
                batches.Add(new ArraySegment<int>(order, start, i - start));
                (start, used) = (i, 0);
            }

            used += size;
        }

        if (start < order.Length)
        {
            batches.Add(new ArraySegment<int>(order, start, order.Length - start));
        }

        (_cachedEpoch, _cachedBatches) = (epoch, batches);
        return batches;
    }
}
