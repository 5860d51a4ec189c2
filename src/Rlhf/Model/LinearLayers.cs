using Rlhf.Batching;
using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>The linear layers of a pass through decoders on the same weights, with what the adapters of each add to its rows. Matrices that are not kept packed
/// are packed when their turn comes; under an adapter they have no gradients.</summary>
/// <param name="decoders">By the numbers that a batch gives its sequences (<see cref="ModelSpan"/>); one that is trained is alone.</param>
/// <param name="arena">Memory.</param>
internal sealed class LinearLayers(IReadOnlyList<Decoder> decoders, Arena arena)
{
    private readonly Decoder _decoder = decoders[0];
    private readonly IDevice _device = decoders[0].Device;
    private readonly DecoderWeights _weights = decoders[0].Weights;
    private readonly AdapterLayers[][] _adapters = [.. decoders.Select(decoder => LayersOf(decoder, arena))];
    private PackedBatch _batch = new();
    private FloatBuffer _packing;

    private int Queries => _decoder.Shape.OutputWidth; // columns of the fused projection, its first ones

    /// <summary>Takes what a pass needs, after the arena was emptied.</summary>
    /// <param name="batch">Whose rows they are.</param>
    /// <param name="targetRows">Numbers of the rows that the last block has after its attention.</param>
    /// <param name="backward">Whether a backward pass follows.</param>
    /// <param name="noise">Dropout of what the adapter reads.</param>
    public void Begin(PackedBatch batch, IntBuffer targetRows, bool backward, TrainingNoise noise)
    {
        _batch = batch;
        _packing = _weights.ScratchLength(backward) is > 0 and var length ? arena.Take(length) : default;
        foreach (var span in batch.Models)
        {
            foreach (var adapter in _adapters[span.Model])
            {
                adapter.Begin(Math.Max(span.Rows, span.Targets), targetRows, backward, noise);
            }
        }
    }

    /// <summary>y [rows, outputs] = x W + bias.</summary>
    public void Forward(int layer, LinearRole role, int rows, FloatBuffer x, long? bias, FloatBuffer y)
    {
        Forward(_weights.Linear(layer, role), rows, x, bias, y);
        AdaptersForward(layer, role, x, y);
    }

    /// <summary>Adds to the gradients of weights and bias; dx = dy W^T.</summary>
    public void Backward(int layer, LinearRole role, int rows, FloatBuffer x, FloatBuffer dy, long? bias, FloatBuffer dx, FloatBuffer gradients)
    {
        Backward(_weights.Linear(layer, role), rows, x, dy, bias, dx, gradients);
        AdaptersBackward(layer, role, rows, x, dy, dx, gradients);
    }

    /// <summary>y [rows, outputs] = x W + bias.</summary>
    public void Forward(PackedWeights w, int rows, FloatBuffer x, long? bias, FloatBuffer y)
    {
        _device.LinearForward(new(x, _weights.Packed(w, _packing), _weights.Part(bias, w.Outputs), rows, w.Inputs, w.Outputs, y));
    }

    /// <summary>Adds to the gradients of weights and bias; dx = dy W^T.</summary>
    public void Backward(PackedWeights w, int rows, FloatBuffer x, FloatBuffer dy, long? bias, FloatBuffer dx, FloatBuffer gradients)
    {
        BackwardWeights(w, rows, x, dy, w.Outputs, bias, gradients);
        _device.LinearBackwardInput(new(dy, _weights.PackedTransposed(w, _packing), rows, w.Inputs, w.Outputs, Accumulate: false, dx));
    }

    /// <summary>The fused projection with queries for <paramref name="queryRows"/> alone, to the same bits; other rows' queries are undefined but
    /// finite.</summary>
    public void ForwardQkv(int layer, int rows, IntBuffer queryRows, FloatBuffer x, long? bias, FloatBuffer qkv)
    {
        var w = _weights.Linear(layer, LinearRole.Qkv);
        if (queryRows.Length == rows || !HasQueriesApart)
        {
            Forward(layer, LinearRole.Qkv, rows, x, bias, qkv);
            return;
        }

        var (packed, biases, count) = (_weights.Packed(w, _packing), _weights.Part(bias, w.Outputs), (int)queryRows.Length);
        _device.Fill(qkv.Slice(0, (long)rows * w.Outputs), 0f);
        if (count > 0)
        {
            var queries = arena.TakeZeroed((long)count * w.Outputs);
            _device.LinearForward(new(Gathered(x, queryRows, w.Inputs), packed, biases, count, w.Inputs, QueryOutputs(w), queries));
            _device.ScatterAddRows(new(queries, queryRows, count, w.Outputs, qkv));
        }

        _device.LinearForward(new(x, packed, biases, rows, w.Inputs, KeyValueOutputs(w), qkv));
        AdaptersForward(layer, LinearRole.Qkv, x, qkv);
    }

    /// <summary>Back through <see cref="ForwardQkv"/>, where the gradients of queries that nobody asks are zero.</summary>
    public void BackwardQkv(int layer, int rows, IntBuffer queryRows, FloatBuffer x, FloatBuffer dQkv, long? bias, FloatBuffer dx, FloatBuffer gradients)
    {
        if (!HasQueriesApart)
        {
            Backward(layer, LinearRole.Qkv, rows, x, dQkv, bias, dx, gradients);
            return;
        }

        // Queries first, also where all rows ask: a sum is made in the same order whichever rows do.
        var w = _weights.Linear(layer, LinearRole.Qkv);
        var count = (int)queryRows.Length;
        var (dQueryX, queryX, dQueries) = count == rows
            ? (dx, x, dQkv)
            : (arena.Take((long)count * w.Inputs), Gathered(x, queryRows, w.Inputs), Gathered(dQkv, queryRows, w.Outputs));
        BackwardWeights(w, count, queryX, dQueries, QueryOutputs(w), bias, gradients);
        BackwardWeights(w, rows, x, dQkv, KeyValueOutputs(w), bias, gradients);
        var packed = _weights.PackedTransposed(w, _packing);
        _device.LinearBackwardInput(new(dQueries, packed, count, w.Inputs, QueryOutputs(w), Accumulate: false, dQueryX));
        if (count < rows)
        {
            _device.Fill(dx.Slice(0, (long)rows * w.Inputs), 0f);
            _device.ScatterAddRows(new(dQueryX, queryRows, count, w.Inputs, dx));
        }

        _device.LinearBackwardInput(new(dQkv, packed, rows, w.Inputs, KeyValueOutputs(w), Accumulate: true, dx));
        AdaptersBackward(layer, LinearRole.Qkv, rows, x, dQkv, dx, gradients);
    }

    /// <summary>Whether the queries' columns end where a packed step does.</summary>
    private bool HasQueriesApart => Queries % Outputs.Step == 0;

    private Outputs QueryOutputs(PackedWeights w) => new(w.Outputs, 0, Queries);

    private Outputs KeyValueOutputs(PackedWeights w) => new(w.Outputs, Queries, w.Outputs - Queries);

    private FloatBuffer Gathered(FloatBuffer x, IntBuffer rows, int width)
    {
        var gathered = arena.Take((long)rows.Length * width);
        _device.GatherRows(new(x, rows, (int)rows.Length, width, gathered));
        return gathered;
    }

    private static AdapterLayers[] LayersOf(Decoder decoder, Arena arena) =>
        [.. decoder.Adapters.Select(adapter => new AdapterLayers(adapter, adapter == decoder.Adapter, decoder.Config.Layers - 1, decoder.Device, arena))];

    private void AdaptersForward(int layer, LinearRole role, FloatBuffer x, FloatBuffer y)
    {
        var areTargets = AdapterLayers.HasTargetRows(layer, role, _decoder.Config.Layers - 1);
        foreach (var span in _batch.Models)
        {
            var (first, rows) = areTargets ? (span.FirstTarget, span.Targets) : (span.FirstRow, span.Rows);
            foreach (var adapter in rows > 0 ? _adapters[span.Model] : [])
            {
                adapter.Forward(layer, role, first, rows, x, y);
            }
        }
    }

    private void AdaptersBackward(int layer, LinearRole role, int rows, FloatBuffer x, FloatBuffer dy, FloatBuffer dx, FloatBuffer gradients)
    {
        foreach (var adapter in _adapters[0])
        {
            adapter.Backward(layer, role, rows, x, dy, dx, gradients);
        }
    }

    private void BackwardWeights(PackedWeights w, int rows, FloatBuffer x, FloatBuffer dy, Outputs outputs, long? bias, FloatBuffer gradients)
    {
        if (_decoder.Adapter is null)
        {
            var (dWeights, dBias) = (_decoder.GradientOf(gradients, w.Offset, w.Length), _decoder.GradientOf(gradients, bias, w.Outputs));
            _device.LinearBackwardWeights(new(x, dy, rows, w.Inputs, outputs, w.Layout, dWeights, dBias));
        }
    }
}
