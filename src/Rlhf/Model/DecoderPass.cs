using Rlhf.Batching;
using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>What training adds to a forward pass.</summary>
/// <param name="Dropout">Residual dropout: after the embedding and after each block's two sublayers.</param>
/// <param name="NoiseAlpha">NEFTune's alpha, 0 for none: embeddings + uniform(-1, 1) alpha / sqrt(T C).</param>
public readonly record struct TrainingNoise(Dropout Dropout, double NoiseAlpha)
{
    internal const ulong SitesPerStep = 1 << 16;

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
public sealed partial class DecoderPass(Decoder decoder, Arena arena)
{
    private readonly IDevice _device = decoder.Device;
    private readonly DecoderConfig _config = decoder.Config;
    private readonly AttentionShape _shape = decoder.Shape;
    private readonly LinearLayers _linear = new(decoder, arena);
    private readonly LayerActivations[] _layers = new LayerActivations[decoder.Config.Layers];
    private PackedBatch _batch = new();
    private float[] _noiseScales = [];
    private IntBuffer _tokens;
    private IntBuffer _positions;
    private IntBuffer _targetRows;
    private IntBuffer _queryRows; // those that ask in the last block
    private LayerActivations _final;
    private TrainingNoise _noise;
    private FloatBuffer _keyValues; // of one block, for whole sequences
    private Keep _keep;

    private int N => _batch.Rows;

    private int R => _batch.TargetCount;

    private int LastLayer => _config.Layers - 1;

    private int C => _config.Width;

    /// <summary>The final hidden states [R, C] of the target rows of a batch whose sequences stand in it whole.</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="keep">What <see cref="Backward"/> will find.</param>
    /// <param name="noise">Dropout and NEFTune; default for none.</param>
    public FloatBuffer Forward(PackedBatch batch, Keep keep, TrainingNoise noise = default)
    {
        if (batch.SharesPrompts && (noise.Dropout.IsActive || noise.NoiseAlpha > 0))
        {
            throw new InvalidOperationException("Noise is drawn for each row: answers that share the rows of their prompt would share its noise.");
        }

        // Blocks do not read each other's keys and values: all of them write to the same memory.
        _keyValues = arena.Take(batch.KeyValueLength);
        return Forward(batch, keep, noise, _keyValues, layerStride: 0);
    }

    /// <summary>The final hidden states [R, C] of the target rows among the next tokens of sequences whose earlier keys and values are in a cache.</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="keyValues">The key-value memory of all blocks, one after another.</param>
    /// <param name="layerStride">Floats from one block's memory to the next one's.</param>
    public FloatBuffer Forward(PackedBatch batch, FloatBuffer keyValues, long layerStride) => Forward(batch, Keep.Nothing, default, keyValues, layerStride);

    private FloatBuffer Forward(PackedBatch batch, Keep keep, TrainingNoise noise, FloatBuffer keyValues, long layerStride)
    {
        (_batch, _noise, _keep) = (batch, noise, keep);
        _linear.Begin(backward: keep != Keep.Nothing);
        _tokens = arena.Take(batch.Tokens);
        _positions = arena.Take(batch.Positions);
        _targetRows = arena.Take(batch.TargetRows);
        _queryRows = arena.Take(batch.QueryRows());
        var x = Embed();
        var most = Math.Max(N, R);
        var shared = keep == Keep.All ? default : LayerActivations.Take(arena, decoder, most, most, keep);
        for (var layer = 0; layer < _config.Layers; layer++)
        {
            var a = keep == Keep.All ? LayerActivations.Take(arena, decoder, N, RowsAfterAttention(layer), keep) : shared;
            a.Input = x;
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

        _final = LayerActivations.TakeFinal(arena, x, R, C);
        NormForward(R, x, decoder.Layout.FinalNormGain, decoder.Layout.FinalNormBias, _final.Normed, _final.Mean, _final.Reciprocal);
        return _final.Normed;
    }

    private ReadOnlySpan<SequenceSpan> SpansOf(int layer) => layer == LastLayer ? _batch.LastSequences : _batch.Sequences;

    private int RowsAfterAttention(int layer) => layer == LastLayer ? R : N;

    /// <summary>Numbers, in the batch, of the rows that a block has after its attention; empty for all rows.</summary>
    private IntBuffer NumbersAfterAttention(int layer) => layer == LastLayer ? _targetRows : default;

    private void PlaceResult(int layer, ref LayerActivations a)
    {
        if (layer < LastLayer)
        {
            a.Result = _keep == Keep.Nothing ? a.Input : arena.Take((long)N * C); // without a backward pass, block after block works in one place
            (a.ResidualRows, a.AttendedRows) = (a.Input, a.Attended);
        }
        else
        {
            a.Result = arena.Take((long)R * C);
            (a.ResidualRows, a.AttendedRows) = (a.Result, arena.Take((long)R * _shape.OutputWidth)); // the residual is read before the result is written
        }
    }

    private FloatBuffer Embed()
    {
        var x = arena.Take((long)N * C);
        var positions = decoder.Part(decoder.Layout.PositionEmbedding, (long)_config.PositionRows * C);
        _device.EmbeddingForward(new(_tokens, _positions, decoder.Part(decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * C), positions, N, C, x));
        if (_noise.NoiseAlpha > 0)
        {
            _device.AddUniformNoise(new(x, NoiseScales(), N, C, _noise.At(TrainingNoise.SitesPerStep - 1)));
        }

        if (_noise.Dropout.IsActive)
        {
            _device.AddDropped(new(default, x, N, C, _noise.At(0), default, x));
        }

        return x;
    }

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
        NormForward(N, a.Input, p.AttentionNormGain, p.AttentionNormBias, a.Normed, a.Mean, a.Reciprocal);
        var projected = _config.QueryKeyNorm ? a.RawQkv : a.Qkv;
        if (layer == LastLayer)
        {
            _linear.ForwardQkv(layer, N, _queryRows, a.Normed, p.QkvBias, projected);
        }
        else
        {
            _linear.Forward(layer, LinearRole.Qkv, N, a.Normed, p.QkvBias, projected);
        }

        if (_config.QueryKeyNorm)
        {
            _device.Copy(a.RawQkv, a.Qkv);
            _device.RmsNormForward(
                new(a.RawQkv, decoder.Part(p.QueryNorm, _shape.HeadWidth), N, _shape.Heads, _shape.HeadWidth, _shape.RowWidth, (float)_config.NormEpsilon,
                a.Qkv, a.QueryReciprocal));
            var keys = (long)_shape.Heads * _shape.HeadWidth;
            _device.RmsNormForward(new(
                a.RawQkv.From(keys), decoder.Part(p.KeyNorm, _shape.HeadWidth), N, _shape.KeyValueHeads, _shape.HeadWidth, _shape.RowWidth,
                (float)_config.NormEpsilon, a.Qkv.From(keys), a.KeyReciprocal));
        }

        Rotate(a.Qkv, inverse: false);
        _device.AttentionForward(new(a.Qkv, SpansOf(layer), _shape, keyValues, a.Attended, a.LogSumExp));
    }

    private void AttentionResult(int layer, in LayerActivations a)
    {
        var rows = RowsAfterAttention(layer);
        if (layer == LastLayer)
        {
            _device.GatherRows(new(a.Attended, _targetRows, R, _shape.OutputWidth, a.AttendedRows));
            _device.GatherRows(new(a.Input, _targetRows, R, C, a.ResidualRows));
        }

        _linear.Forward(layer, LinearRole.Output, rows, a.AttendedRows, decoder.Layout.LayerParameters(layer).OutputBias, a.Middle);
        _device.AddDropped(new(a.ResidualRows, a.Middle, rows, C, _noise.At((ulong)(1 + (2 * layer))), NumbersAfterAttention(layer), a.Middle));
    }

    /// <summary>The feed-forward block up to its activation: what the backward pass reads.</summary>
    private void FeedForwardActivations(int layer, in LayerActivations a)
    {
        var p = decoder.Layout.LayerParameters(layer);
        var rows = RowsAfterAttention(layer);
        NormForward(rows, a.Middle, p.FeedForwardNormGain, p.FeedForwardNormBias, a.MiddleNormed, a.MiddleMean, a.MiddleReciprocal);
        _linear.Forward(layer, LinearRole.Up, rows, a.MiddleNormed, p.UpBias, a.Up);
        if (_config.FeedForward == FeedForward.SwiGlu)
        {
            _device.SwiGluForward(new(a.Up, rows, _config.FeedForwardWidth, a.Activated));
        }
        else
        {
            _device.GeluForward(new(a.Up.Slice(0, (long)rows * decoder.UpWidth), a.Activated));
        }
    }

    private void FeedForwardResult(int layer, in LayerActivations a)
    {
        var p = decoder.Layout.LayerParameters(layer);
        var rows = RowsAfterAttention(layer);
        _linear.Forward(layer, LinearRole.Down, rows, a.Activated, p.DownBias, a.Result);
        _device.AddDropped(new(a.Middle, a.Result, rows, C, _noise.At((ulong)(2 + (2 * layer))), NumbersAfterAttention(layer), a.Result));
    }

    private void NormForward(int rows, FloatBuffer x, long gain, long? bias, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocal)
    {
        if (_config.Normalization == Normalization.LayerNorm)
        {
            _device.LayerNormForward(new(x, decoder.Part(gain, C), decoder.Part(bias, C), rows, C, (float)_config.NormEpsilon, y, mean, reciprocal));
        }
        else
        {
            _device.RmsNormForward(new(x, decoder.Part(gain, C), rows, 1, C, C, (float)_config.NormEpsilon, y, reciprocal));
        }
    }

    private void Rotate(FloatBuffer qkv, bool inverse)
    {
        if (_config.Positions == Positions.Rotary)
        {
            _device.Rotate(
                new(qkv, _positions, decoder.Cosines, decoder.Sines, N, _shape.Heads + _shape.KeyValueHeads, _shape.HeadWidth, _shape.RowWidth, inverse));
        }
    }
}
