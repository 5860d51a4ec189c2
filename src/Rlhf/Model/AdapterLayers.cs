using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>
/// The adapter's part of a pass through a decoder: after each product of frozen weights, y += scale (x A^T) B^T (Hu 2021, equation 3), and back. Dropout, if
/// any, is on x, as in PEFT.
/// </summary>
internal sealed class AdapterLayers(Adapter adapter, bool isTrained, int lastLayer, IDevice device, Arena arena)
{
    private const ulong FirstSite = 1 << 14; // dropout sites: behind those of the blocks' own
    private const int Roles = 4;
    private FloatBuffer _narrow; // scale x A^T
    private FloatBuffer _dNarrow;
    private FloatBuffer _dropped; // x, or its gradient, through dropout
    private FloatBuffer _whole; // B, or its gradient, with the columns of other modules
    private FloatBuffer _packing;
    private TrainingNoise _noise;
    private IntBuffer _targetRows;

    /// <summary>Takes what a pass needs, after the arena was emptied.</summary>
    public void Begin(int rows, IntBuffer targetRows, bool backward, TrainingNoise noise)
    {
        (_targetRows, _noise) = (targetRows, isTrained ? noise : default);
        _narrow = arena.Take(adapter.NarrowLength(rows));
        _dropped = noise.AdapterDropout > 0 ? arena.Take((long)rows * adapter.MostInputs) : default;
        if (backward)
        {
            _dNarrow = arena.Take(adapter.NarrowLength(rows));
            _whole = arena.Take(adapter.LargestWhole);
            _packing = arena.Take(adapter.LargestPacked);
        }
    }

    /// <summary>Adds to y [rows, outputs], from row <paramref name="first"/> of x and y on. Other rows are neither read nor written.</summary>
    public void Forward(int layer, LinearRole role, int first, int rows, FloatBuffer x, FloatBuffer y)
    {
        if (adapter.TryGet(layer, role, out var place))
        {
            var group = place.Group;
            Narrow(place, rows, x.From((long)first * group.Inputs));
            device.LinearForward(new(
                _narrow, adapter.PackedB(place), default, rows, group.Narrow, group.AllOutputs, y.From((long)first * group.AllOutputs), Accumulate: true));
        }
    }

    /// <summary>Adds to dx [rows, inputs], and to the gradients of A and B if they are trained.</summary>
    public void Backward(int layer, LinearRole role, int rows, FloatBuffer x, FloatBuffer dy, FloatBuffer dx, FloatBuffer gradients)
    {
        if (!adapter.TryGet(layer, role, out var place))
        {
            return;
        }

        var (group, narrow) = (place.Group, place.Group.Narrow);
        if (isTrained)
        {
            x = Narrow(place, rows, x); // again: it is cheap
            BackwardB(place, rows, dy, gradients);
        }

        var b = adapter.WholeB(place, adapter.Numbers, _whole);
        var packed = _packing.Slice(0, device.PackedLength(group.AllOutputs, narrow));
        device.PackWeightsTransposed(new(b, WeightLayout.OutputMajor, narrow, group.AllOutputs, packed));
        device.LinearBackwardInput(new(dy, packed, rows, narrow, group.AllOutputs, Accumulate: false, _dNarrow));
        device.Scale(_dNarrow.Slice(0, (long)rows * narrow), (float)group.Scale);
        if (isTrained)
        {
            device.LinearBackwardWeights(new(x, _dNarrow, rows, group.Inputs, narrow, WeightLayout.OutputMajor, group.AsOf(gradients), default));
        }

        packed = _packing.Slice(0, device.PackedLength(narrow, group.Inputs));
        device.PackWeightsTransposed(new(group.AsOf(adapter.Numbers), WeightLayout.OutputMajor, group.Inputs, narrow, packed));
        if (_noise.AdapterDropout <= 0)
        {
            device.LinearBackwardInput(new(_dNarrow, packed, rows, group.Inputs, narrow, Accumulate: true, dx));
            return;
        }

        device.LinearBackwardInput(new(_dNarrow, packed, rows, group.Inputs, narrow, Accumulate: false, _dropped));
        device.AddDropped(new(dx, _dropped, rows, group.Inputs, DropoutOf(group), NumbersOf(group), dx));
    }

    /// <summary>scale x A^T, and the x that it was made of.</summary>
    private FloatBuffer Narrow(in Adapter.Place place, int rows, FloatBuffer x)
    {
        var group = place.Group;
        if (_noise.AdapterDropout > 0)
        {
            device.AddDropped(new(default, x, rows, group.Inputs, DropoutOf(group), NumbersOf(group), _dropped));
            x = _dropped;
        }

        device.LinearForward(new(x, adapter.PackedA(place), default, rows, group.Inputs, group.Narrow, _narrow));
        device.Scale(_narrow.Slice(0, (long)rows * group.Narrow), (float)group.Scale);
        return x;
    }

    /// <summary>dB += dy^T (scale x A^T). The sum so far is spread out and gathered again: its chain goes on from micro-batch to micro-batch.</summary>
    private void BackwardB(in Adapter.Place place, int rows, FloatBuffer dy, FloatBuffer gradients)
    {
        var group = place.Group;
        var whole = adapter.WholeB(place, gradients, _whole);
        device.LinearBackwardWeights(
            new(_narrow, dy, rows, group.Narrow, group.AllOutputs, WeightLayout.OutputMajor, whole.Slice(0, (long)group.AllOutputs * group.Narrow), default));
        if (group.IsFused)
        {
            device.GatherRows(new(whole, place.Rows, group.AllOutputs, group.Rank, group.BsOf(gradients)));
        }
    }

    /// <summary>Whether a product has the target rows alone.</summary>
    public static bool HasTargetRows(int layer, LinearRole role, int lastLayer) => layer == lastLayer && role != LinearRole.Qkv;

    /// <summary>Numbers, in the batch, of the rows that a product has; empty for all rows.</summary>
    private IntBuffer NumbersOf(AdapterGroup group) => HasTargetRows(group.Layer, group.Role, lastLayer) ? _targetRows : default;

    private Dropout DropoutOf(AdapterGroup group) => _noise.AdapterAt(FirstSite + (ulong)((group.Layer * Roles) + (int)group.Role));
}
