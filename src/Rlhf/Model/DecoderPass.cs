using Rlhf.Batching;
using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>What training adds to a forward pass.</summary>
/// <param name="Dropout">Residual dropout: after the embedding and after each block's two sublayers.</param>
/// <param name="NoiseAlpha">NEFTune's alpha, 0 for none: embeddings + uniform(-1, 1) alpha / sqrt(T C).</param>
/// <param name="AdapterDropout">Probability of dropout on what an adapter reads, with the counters of <paramref name="Dropout"/>; 0 for none.</param>
public readonly record struct TrainingNoise(Dropout Dropout, double NoiseAlpha, double AdapterDropout = 0)
{
    internal bool IsActive => Dropout.IsActive || NoiseAlpha > 0 || AdapterDropout > 0;

    internal const ulong SitesPerStep = 1 << 16;

    internal Dropout AdapterAt(ulong site) => At(site) with { Probability = (float)AdapterDropout };

    internal Dropout At(ulong site) => Dropout with { Stream = (Dropout.Stream * SitesPerStep) + site };
}

/// <summary>What a forward pass leaves for the backward pass.</summary>
public enum Keep
{
    /// <summary>Nothing: no backward pass follows.</summary>
    Nothing,

    /// <summary>The activations of all blocks.</summary>
    All,

    /// <summary>The blocks' inputs: the backward pass computes each block again, with the same bits (Chen 2016).</summary>
    Inputs,
}

/// <summary>
/// One forward pass of a packed batch through a decoder and, if it kept its activations, the backward pass. All memory comes from an arena that the caller
/// empties between
/// passes. Training, scoring, prefill and decoding run through this one class.
/// </summary>
/// <remarks>
/// Only the target rows' output is wanted, and in the last block a row reads other rows in attention alone: their keys and values. So the rows of a sequence
/// before its first target
/// have no queries there, and what follows that block's attention is computed for the target rows [R], one for each target; the pass gives and takes their
/// hidden states only: to the
/// same bits, since rows do not meet in a product's forward pass, and the rows left out have gradients of zero.
/// </remarks>
/// <param name="decoder">The decoder.</param>
/// <param name="arena">Memory for activations.</param>
/// <param name="others">More decoders on the same weights, with the numbers 1, 2, ... in a batch (<see cref="ModelSpan"/>): all rows go through the weights
/// together, and through each adapter its own. Null for none, as a decoder that is trained has it.</param>
public sealed partial class DecoderPass(Decoder decoder, Arena arena, IReadOnlyList<Decoder>? others = null)
{
    private readonly IDevice _device = decoder.Device;
    private readonly DecoderWeights _weights = decoder.Weights;
    private readonly DecoderConfig _config = decoder.Config;
    private readonly AttentionShape _shape = decoder.Shape;
    private readonly LinearLayers _linear = new(OnSameWeights([decoder, .. others ?? []]), arena);
    private readonly LayerActivations[] _layers = new LayerActivations[decoder.Config.Layers];
    private PackedBatch _batch = new();
    private float[] _noiseScales = [];
    private IntBuffer _tokens;
    private IntBuffer _positions;
    private IntBuffer _targetRows;
    private IntBuffer _queryRows; // those that ask in the last block
    private BatchAngles _angles;
    private int[] _angleRows = [];
    private TrainingNoise _noise;
    private FloatBuffer _keyValues; // of one block, for whole sequences
    private Keep _keep;

    private int N => _batch.Rows;

    private int R => _batch.TargetCount;

    private int LastLayer => _config.Layers - 1;

    private int C => _config.Width;

    /// <summary>The final hidden states [R, E] of the target rows of a batch whose sequences stand in it whole.</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="keep">What <see cref="Backward"/> will find.</param>
    /// <param name="noise">Dropout and NEFTune; default for none.</param>
    public FloatBuffer Forward(PackedBatch batch, Keep keep, TrainingNoise noise = default)
    {
        if (batch.SharesPrompts && noise.IsActive)
        {
            throw new InvalidOperationException("Noise is drawn for each row: answers that share the rows of their prompt would share its noise.");
        }

        // Blocks do not read each other's keys and values: all of them write to the same memory.
        _keyValues = arena.Take(batch.KeyValueLength);
        return Forward(batch, keep, noise, _keyValues, layerStride: 0);
    }

    /// <summary>The final hidden states [R, E] of the target rows among the next tokens of sequences whose earlier keys and values are in a cache.</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="keyValues">The key-value memory of all blocks, one after another.</param>
    /// <param name="layerStride">Floats from one block's memory to the next one's.</param>
    public FloatBuffer Forward(PackedBatch batch, FloatBuffer keyValues, long layerStride) => Forward(batch, Keep.Nothing, default, keyValues, layerStride);

    private FloatBuffer Forward(PackedBatch batch, Keep keep, TrainingNoise noise, FloatBuffer keyValues, long layerStride)
    {
        (_batch, _noise, _keep) = (batch, noise, keep);
        _tokens = arena.Take(batch.Tokens);
        _positions = arena.Take(batch.Positions);
        _targetRows = arena.Take(batch.TargetRows);
        _queryRows = arena.Take(batch.QueryRows());
        _linear.Begin(batch, _targetRows, backward: keep != Keep.Nothing, noise);
        _angles = Angles();
        var x = Embed();
        var most = Math.Max(N, R);
        var cheap = MakesCheapAgain ? CheapActivations.Take(arena, _config, most) : default;
        var shared = keep == Keep.All ? default : LayerActivations.Take(arena, decoder, most, most, keep, cheap);
        for (var layer = 0; layer < _config.Layers; layer++)
        {
            var a = keep == Keep.All ? LayerActivations.Take(arena, decoder, N, RowsAfterAttention(layer), keep, cheap) : shared;
            a.Input = x;
            a.Normed = _config.NormsBefore ? a.Normed : x;
            PlaceResult(layer, ref a);
            _layers[layer] = a;
            AttentionForward(layer, a, keyValues.From(layer * layerStride));
            if (RowsAfterAttention(layer) == 0)
            {
                return default; // a part of a prompt: its keys and values are all that is wanted
            }

            AttentionResult(layer, a);
            FeedForwardActivations(layer, a);
            FeedForwardResult(layer, a);
            x = a.Result;
        }

        return Finish(x);
    }

    /// <summary>Whether the backward pass makes results of norms and of the activation function again.</summary>
    private bool MakesCheapAgain => _keep == Keep.All && decoder.Adapter is not null;

    private static Decoder[] OnSameWeights(Decoder[] decoders) =>
        decoders.All(decoder => decoder.Weights == decoders[0].Weights && (decoders.Length == 1 || !decoder.Trainable)) ? decoders
        : throw new ArgumentException("Decoders share a pass only where they share frozen weights.", nameof(decoders));

    private ReadOnlySpan<SequenceSpan> SpansOf(int layer) => layer == LastLayer ? _batch.LastSequences : _batch.Sequences;

    private int RowsAfterAttention(int layer) => layer == LastLayer ? R : N;

    /// <summary>Numbers, in the batch, of the rows that a block has after its attention; empty for all rows.</summary>
    private IntBuffer NumbersAfterAttention(int layer) => layer == LastLayer ? _targetRows : default;

    private void PlaceResult(int layer, ref LayerActivations a)
    {
        if (layer < LastLayer)
        {
            a.Result = _keep == Keep.Nothing ? a.Input : arena.Take((long)N * C); // without a backward pass, block after block works in one place
            (a.ResidualRows, a.AttendedRows) = (ResidualSource(a), a.Attended);
        }
        else
        {
            // The residual is read before the result is written; a backward pass reads it again where the feed-forward block's norm does.
            a.Result = arena.Take((long)R * C);
            a.ResidualRows = _config.ParallelResidual && _keep != Keep.Nothing ? arena.Take((long)R * C) : a.Result;
            a.AttendedRows = arena.Take((long)R * _shape.OutputWidth);
        }
    }

    private FloatBuffer ResidualSource(in LayerActivations a) => _config.ResidualFromNorm ? a.Normed : a.Input;

    /// <summary>What the feed-forward block, or the norm before it, reads [M, C].</summary>
    private FloatBuffer FeedForwardInput(in LayerActivations a) => _config.ParallelResidual ? a.ResidualRows : a.Middle;

    private FloatBuffer NoiseScales()
    {
        if (_noiseScales.Length < N)
        {
            _noiseScales = new float[N];
        }

        var scales = _noiseScales.AsSpan(0, N);
        foreach (var sequence in _batch.Sequences)
        {
            scales.Slice(sequence.FirstRow, sequence.Rows).Fill((float)(_noise.NoiseAlpha / Math.Sqrt((double)sequence.Rows * C)));
        }

        var buffer = arena.Take(N);
        _device.CopyIn(scales, buffer);
        return buffer;
    }

    private void AttentionForward(int layer, in LayerActivations a, FloatBuffer keyValues)
    {
        var p = decoder.Layout.LayerParameters(layer);
        NormInput(layer, a);
        var projected = _config.QueryKeyNorm == QueryKeyNorm.None ? a.Qkv : a.RawQkv;
        if (layer == LastLayer)
        {
            _linear.ForwardQkv(layer, N, _queryRows, a.Normed, p.QkvBias, projected);
        }
        else
        {
            _linear.Forward(layer, LinearRole.Qkv, N, a.Normed, p.QkvBias, projected);
        }

        if (_config.QueryKeyNorm != QueryKeyNorm.None)
        {
            _device.Copy(a.RawQkv, a.Qkv);
            var (queries, keys) = (_config.QueryNormWidth, _config.KeyNormWidth);
            _device.RmsNormForward(new(
                a.RawQkv, _weights.Gain(p.QueryNorm, queries), N, _config.QueryWidth / queries, queries, _shape.RowWidth, (float)_config.NormEpsilon,
                a.Qkv, a.QueryReciprocal));
            _device.RmsNormForward(new(
                a.RawQkv.From(_config.QueryWidth), _weights.Gain(p.KeyNorm, keys), N, _config.KeyValueWidth / keys, keys, _shape.RowWidth,
                (float)_config.NormEpsilon, a.Qkv.From(_config.QueryWidth), a.KeyReciprocal));
        }

        Rotate(layer, a.Qkv, inverse: false);
        _device.AttentionForward(new(a.Qkv, SpansOf(layer), _shape, keyValues, a.Attended, a.LogSumExp, _weights.Rules(layer)));
    }

    private void AttentionResult(int layer, in LayerActivations a)
    {
        var rows = RowsAfterAttention(layer);
        if (layer == LastLayer)
        {
            _device.GatherRows(new(a.Attended, _targetRows, R, _shape.OutputWidth, a.AttendedRows));
            _device.GatherRows(new(ResidualSource(a), _targetRows, R, C, a.ResidualRows));
        }

        var p = decoder.Layout.LayerParameters(layer);
        _linear.Forward(layer, LinearRole.Output, rows, a.AttendedRows, p.OutputBias, _config.NormsAfter ? a.AfterAttention.Input : a.Middle);
        AddSublayer(layer, rows, a.ResidualRows, a.AfterAttention, p.AttentionAfterGain, p.AttentionAfterBias, (ulong)(1 + (2 * layer)), a.Middle);
    }

    /// <summary>The feed-forward block up to its activation: what the backward pass reads.</summary>
    private void FeedForwardActivations(int layer, in LayerActivations a)
    {
        NormMiddle(layer, a);
        _linear.Forward(layer, LinearRole.Up, RowsAfterAttention(layer), a.MiddleNormed, decoder.Layout.LayerParameters(layer).UpBias, a.Up);
        Activate(layer, a);
    }

    private void NormInput(int layer, in LayerActivations a)
    {
        if (_config.NormsBefore)
        {
            var p = decoder.Layout.LayerParameters(layer);
            NormForward(N, a.Input, p.AttentionNormGain, p.AttentionNormBias, a.Normed, a.Mean, a.Reciprocal);
        }
    }

    private void NormMiddle(int layer, in LayerActivations a)
    {
        if (_config.NormsBefore)
        {
            var p = decoder.Layout.LayerParameters(layer);
            NormForward(
                RowsAfterAttention(layer), FeedForwardInput(a), p.FeedForwardNormGain, p.FeedForwardNormBias, a.MiddleNormed, a.MiddleMean,
                a.MiddleReciprocal);
        }
    }

    private void Activate(int layer, in LayerActivations a)
    {
        var rows = RowsAfterAttention(layer);
        var up = a.Up.Slice(0, (long)rows * decoder.UpWidth);
        switch (_config.FeedForward)
        {
            case FeedForward.SwiGlu:
                _device.SwiGluForward(new(a.Up, rows, _config.FeedForwardWidth, a.Activated));
                break;
            case FeedForward.GeGlu:
                _device.GeGluForward(new(a.Up, rows, _config.FeedForwardWidth, a.Activated));
                break;
            case FeedForward.Relu:
                _device.ReluForward(new(up, a.Activated));
                break;
            default:
                _device.GeluForward(new(up, a.Activated, Exact: _config.FeedForward == FeedForward.ExactGelu));
                break;
        }
    }

    private void FeedForwardResult(int layer, in LayerActivations a)
    {
        var p = decoder.Layout.LayerParameters(layer);
        var rows = RowsAfterAttention(layer);
        _linear.Forward(layer, LinearRole.Down, rows, a.Activated, p.DownBias, _config.NormsAfter ? a.AfterFeedForward.Input : a.Result);
        var residual = _config.ResidualFromNorm ? a.MiddleNormed : a.Middle;
        AddSublayer(layer, rows, residual, a.AfterFeedForward, p.FeedForwardAfterGain, p.FeedForwardAfterBias, (ulong)(2 + (2 * layer)), a.Result);
    }

    /// <summary>result = residual + dropout of a sublayer's output, which stands in the result, or is the input of the norm after it.</summary>
    private void AddSublayer(
        int layer, int rows, FloatBuffer residual, in NormActivations after, long? gain, long? bias, ulong site, FloatBuffer result)
    {
        if (_config.NormPlacement == NormPlacement.AfterResidual)
        {
            _device.AddDropped(new(residual, after.Input, rows, C, _noise.At(site), NumbersAfterAttention(layer), after.Input));
            NormForward(rows, after.Input, gain, bias, result, after.Mean, after.Reciprocal);
            return;
        }

        if (_config.NormsAfter)
        {
            NormForward(rows, after.Input, gain, bias, result, after.Mean, after.Reciprocal);
        }

        _device.AddDropped(new(residual, result, rows, C, _noise.At(site), NumbersAfterAttention(layer), result));
    }

    private void NormForward(int rows, FloatBuffer x, long? gain, long? bias, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocal)
    {
        if (_config.Normalization == Normalization.LayerNorm)
        {
            _device.LayerNormForward(new(x, _weights.Gain(gain, C), _weights.Part(bias, C), rows, C, (float)_config.NormEpsilon, y, mean, reciprocal));
        }
        else
        {
            _device.RmsNormForward(new(x, _weights.Gain(gain, C), rows, 1, C, C, (float)_config.NormEpsilon, y, reciprocal));
        }
    }

    private void Rotate(int layer, FloatBuffer qkv, bool inverse)
    {
        if (!_config.Turns(layer))
        {
            return;
        }

        var (table, rows) = _config.WindowRotaryBase is not null && _config.HasWindow(layer) ? (_angles.Windows, _positions) : (_angles.Usual, _angles.Rows);
        _device.Rotate(new(
            qkv, rows, table.Cosines, table.Sines, N, _shape.Heads + _shape.KeyValueHeads, _shape.HeadWidth, _shape.RowWidth, inverse, _config.RotaryWidth,
            _config.TurnsNeighbours));
    }

    private BatchAngles Angles()
    {
        if (decoder.Angles is not { } tables)
        {
            return default;
        }

        var (usual, rows) = tables.ForBatch(_batch, arena, _positions, ref _angleRows);
        return new BatchAngles(usual, rows, tables.Windows);
    }

    /// <summary>The rotary angles of a batch: the usual table with its row for each row of the batch, and that of blocks with a window, by position.</summary>
    private readonly record struct BatchAngles(RotaryTable Usual, IntBuffer Rows, RotaryTable Windows);
}
