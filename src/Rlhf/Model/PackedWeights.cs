using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>The four linear layers of a block.</summary>
internal enum LinearRole
{
    Qkv,
    Output,
    Up,
    Down,
}

/// <summary>A matrix among the parameters.</summary>
internal sealed class PackedWeights(long offset, WeightLayout layout, int inputs, int outputs, WeightStorage storage)
{
    public long Offset => offset;

    public WeightLayout Layout => layout;

    public int Inputs => inputs;

    public int Outputs => outputs;

    /// <summary>What its packed copy stands in.</summary>
    public WeightStorage Storage => storage;

    /// <summary>Numbers of the matrix.</summary>
    public long Length => (long)inputs * outputs;

    /// <summary>Where its packed copy begins among the kept ones.</summary>
    public long PackedOffset { get; private set; }

    /// <summary>Where its transposed copy begins among the kept ones.</summary>
    public long TransposedOffset { get; private set; }

    public void Place(IDevice device, ref long next, ref long nextTransposed)
    {
        (PackedOffset, TransposedOffset) = (next, nextTransposed);
        next += device.PackedLength(inputs, outputs, storage);
        nextTransposed += device.PackedLength(outputs, inputs);
    }
}
