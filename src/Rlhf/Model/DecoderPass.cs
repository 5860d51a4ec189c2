using Rlhf.Numerics;

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
/// One forward pass of a packed batch through a decoder and, if it kept its activations, the backward pass. All memory comes from an arena that the caller empties between
/// passes. Training, scoring, prefill and decoding run through this one class.
/// </summary>
public sealed class DecoderPass(Decoder decoder, Arena arena)
{
    private readonly IDevice _device = decoder.Device;
    private readonly DecoderConfig _config = decoder.Config;
    private readonly AttentionShape _shape = decoder.Shape;
    private readonly LayerActivations[] _layers = new LayerActivations[decoder.Config.Layers];
    private PackedBatch _batch = new();
    private float[] _noiseScales = [];
    private IntBuffer _tokens;
    private IntBuffer _positions;
    private LayerActivations _final;
    private FloatBuffer _packing; // a matrix is packed here when its turn comes
    private TrainingNoise _noise;
    private FloatBuffer _keyValues; // of one block, for whole sequences
    private Keep _keep;

    private int N => _batch.Rows;

    private int C => _config.Width;

    /// <summary>The final hidden states [N, C] of a batch whose sequences stand in it whole.</summary>
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

    /// <summary>The final hidden states [N, C] of the next tokens of sequences whose earlier keys and values are in a cache.</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="keyValues">The key-value memory of all blocks, one after another.</param>
    /// <param name="layerStride">Floats from one block's memory to the next one's.</param>
    public FloatBuffer Forward(PackedBatch batch, FloatBuffer keyValues, long layerStride) => Forward(batch, Keep.Nothing, default, keyValues, layerStride);

    /// <summary>Adds to <paramref name="gradients"/> (laid out as the parameters) what <paramref name="dHidden"/> [N, C], the gradient of the final hidden states, gives.</summary>
    public void Backward(FloatBuffer dHidden, FloatBuffer gradients)
    {
        if (_keep == Keep.Nothing)
        {
            throw new InvalidOperationException("The forward pass did not keep its activations.");
        }

        var dx = arena.TakeZeroed((long)N * C);
        NormBackward(_final, decoder.Layout.FinalNormGain, decoder.Layout.FinalNormBias, dHidden, dx, gradients);
        var scratch = BackwardScratch.Take(arena, decoder, N);
        for (var layer = _config.Layers - 1; layer >= 0; layer--)
        {
            if (_keep == Keep.Inputs)
            {
                AttentionForward(layer, _layers[layer], _layers[layer].Input, _keyValues);
                FeedForwardActivations(layer, _layers[layer]);
            }

            FeedForwardBackward(layer, dx, scratch, gradients);
            AttentionBackward(layer, dx, scratch, gradients);
        }

        var dEmbedding = Dropped(dx, scratch.Width, site: 0);
        var dPositions = Decoder.PartOf(gradients, decoder.Layout.PositionEmbedding, (long)_config.PositionRows * C);
        _device.EmbeddingBackward(_tokens, _positions, dEmbedding, N, C, gradients.Slice(decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * C), dPositions);
        _keep = Keep.Nothing;
    }

    private FloatBuffer Forward(PackedBatch batch, Keep keep, TrainingNoise noise, FloatBuffer keyValues, long layerStride)
    {
        (_batch, _noise, _keep) = (batch, noise, keep);
        _packing = keep != Keep.Nothing || !decoder.KeepsPacked ? arena.Take(decoder.LargestPacked) : default;
        _tokens = arena.Take(batch.Tokens);
        _positions = arena.Take(batch.Positions);
        var x = Embed();
        var shared = keep == Keep.All ? default : LayerActivations.Take(arena, decoder, N, keep);
        for (var layer = 0; layer < _config.Layers; layer++)
        {
            var a = keep == Keep.All ? LayerActivations.Take(arena, decoder, N, keep) : shared;
            a.Input = x;
            a.Result = keep == Keep.Nothing ? x : arena.Take((long)N * C); // without a backward pass, block after block works in one place
            _layers[layer] = a;
            AttentionForward(layer, a, x, keyValues.From(layer * layerStride));
            FeedForwardActivations(layer, a);
            FeedForwardResult(layer, a);
            x = a.Result;
        }

        _final = LayerActivations.TakeFinal(arena, x, N, C);
        NormForward(x, decoder.Layout.FinalNormGain, decoder.Layout.FinalNormBias, _final.Normed, _final.Mean, _final.Reciprocal);
        return _final.Normed;
    }

    private FloatBuffer Embed()
    {
        var x = arena.Take((long)N * C);
        var positions = decoder.Part(decoder.Layout.PositionEmbedding, (long)_config.PositionRows * C);
        _device.EmbeddingForward(_tokens, _positions, decoder.Part(decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * C), positions, N, C, x);
        if (_noise.NoiseAlpha > 0)
        {
            _device.AddUniformNoise(x, NoiseScales(), N, C, _noise.At(TrainingNoise.SitesPerStep - 1));
        }

        if (_noise.Dropout.IsActive)
        {
            _device.AddDropped(default, x, N, C, _noise.At(0), x);
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

    private void AttentionForward(int layer, in LayerActivations a, FloatBuffer x, FloatBuffer keyValues)
    {
        var p = decoder.Layout.LayerParameters(layer);
        NormForward(x, p.AttentionNormGain, p.AttentionNormBias, a.Normed, a.Mean, a.Reciprocal);
        var projected = _config.QueryKeyNorm ? a.RawQkv : a.Qkv;
        LinearForward(layer, LinearRole.Qkv, a.Normed, p.QkvBias, projected);
        if (_config.QueryKeyNorm)
        {
            _device.Copy(a.RawQkv, a.Qkv);
            _device.RmsNormForward(a.RawQkv, decoder.Part(p.QueryNorm, _shape.HeadWidth), N, _shape.Heads, _shape.HeadWidth, _shape.RowWidth, (float)_config.NormEpsilon, a.Qkv, a.QueryReciprocal);
            var keys = (long)_shape.Heads * _shape.HeadWidth;
            _device.RmsNormForward(
                a.RawQkv.From(keys), decoder.Part(p.KeyNorm, _shape.HeadWidth), N, _shape.KeyValueHeads, _shape.HeadWidth, _shape.RowWidth, (float)_config.NormEpsilon, a.Qkv.From(keys), a.KeyReciprocal);
        }

        Rotate(a.Qkv, inverse: false);
        _device.AttentionForward(a.Qkv, _batch.Sequences, _shape, keyValues, a.Attended, a.LogSumExp);
        LinearForward(layer, LinearRole.Output, a.Attended, p.OutputBias, a.Middle);
        _device.AddDropped(x, a.Middle, N, C, _noise.At((ulong)(1 + (2 * layer))), a.Middle);
    }

    /// <summary>The feed-forward block up to its activation: what the backward pass reads.</summary>
    private void FeedForwardActivations(int layer, in LayerActivations a)
    {
        var p = decoder.Layout.LayerParameters(layer);
        NormForward(a.Middle, p.FeedForwardNormGain, p.FeedForwardNormBias, a.MiddleNormed, a.MiddleMean, a.MiddleReciprocal);
        LinearForward(layer, LinearRole.Up, a.MiddleNormed, p.UpBias, a.Up);
        if (_config.FeedForward == FeedForward.SwiGlu)
        {
            _device.SwiGluForward(a.Up, N, _config.FeedForwardWidth, a.Activated);
        }
        else
        {
            _device.GeluForward(a.Up, a.Activated);
        }
    }

    private void FeedForwardResult(int layer, in LayerActivations a)
    {
        var p = decoder.Layout.LayerParameters(layer);
        LinearForward(layer, LinearRole.Down, a.Activated, p.DownBias, a.Result);
        _device.AddDropped(a.Middle, a.Result, N, C, _noise.At((ulong)(2 + (2 * layer))), a.Result);
    }

    private void FeedForwardBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var a = _layers[layer];
        var p = decoder.Layout.LayerParameters(layer);
        var dDown = Dropped(dx, s.Width, site: (ulong)(2 + (2 * layer)));
        LinearBackward(layer, LinearRole.Down, a.Activated, dDown, p.DownBias, s.FeedForward, gradients);
        if (_config.FeedForward == FeedForward.SwiGlu)
        {
            _device.SwiGluBackward(a.Up, s.FeedForward, N, _config.FeedForwardWidth, s.Up);
        }
        else
        {
            _device.GeluBackward(a.Up, s.FeedForward, s.Up);
        }

        LinearBackward(layer, LinearRole.Up, a.MiddleNormed, s.Up, p.UpBias, s.Width, gradients);
        var norm = new LayerActivations { Input = a.Middle, Mean = a.MiddleMean, Reciprocal = a.MiddleReciprocal };
        NormBackward(norm, p.FeedForwardNormGain, p.FeedForwardNormBias, s.Width, dx, gradients);
    }

    private void AttentionBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var a = _layers[layer];
        var p = decoder.Layout.LayerParameters(layer);
        var dProjected = Dropped(dx, s.Width, site: (ulong)(1 + (2 * layer)));
        LinearBackward(layer, LinearRole.Output, a.Attended, dProjected, p.OutputBias, s.Attended, gradients);
        _device.AttentionBackward(a.Qkv, _batch.Sequences, _shape, a.Attended, a.LogSumExp, s.Attended, s.Qkv);
        Rotate(s.Qkv, inverse: true);
        if (_config.QueryKeyNorm)
        {
            var (d, keys) = (_shape.HeadWidth, (long)_shape.Heads * _shape.HeadWidth);
            _device.RmsNormBackward(
                a.RawQkv, decoder.Part(p.QueryNorm, d), a.QueryReciprocal, s.Qkv, N, _shape.Heads, d, _shape.RowWidth, accumulate: false, s.Qkv, Decoder.PartOf(gradients, p.QueryNorm, d));
            _device.RmsNormBackward(
                a.RawQkv.From(keys), decoder.Part(p.KeyNorm, d), a.KeyReciprocal, s.Qkv.From(keys), N, _shape.KeyValueHeads, d, _shape.RowWidth, accumulate: false, s.Qkv.From(keys),
                Decoder.PartOf(gradients, p.KeyNorm, d));
        }

        LinearBackward(layer, LinearRole.Qkv, a.Normed, s.Qkv, p.QkvBias, s.Width, gradients);
        NormBackward(a, p.AttentionNormGain, p.AttentionNormBias, s.Width, dx, gradients);
    }

    private void NormForward(FloatBuffer x, long gain, long? bias, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocal)
    {
        if (_config.Normalization == Normalization.LayerNorm)
        {
            _device.LayerNormForward(x, decoder.Part(gain, C), decoder.Part(bias, C), N, C, (float)_config.NormEpsilon, y, mean, reciprocal);
        }
        else
        {
            _device.RmsNormForward(x, decoder.Part(gain, C), N, 1, C, C, (float)_config.NormEpsilon, y, reciprocal);
        }
    }

    private void NormBackward(in LayerActivations a, long gain, long? bias, FloatBuffer dy, FloatBuffer dx, FloatBuffer gradients)
    {
        if (_config.Normalization == Normalization.LayerNorm)
        {
            _device.LayerNormBackward(a.Input, decoder.Part(gain, C), a.Mean, a.Reciprocal, dy, N, C, dx, gradients.Slice(gain, C), Decoder.PartOf(gradients, bias, C));
        }
        else
        {
            _device.RmsNormBackward(a.Input, decoder.Part(gain, C), a.Reciprocal, dy, N, 1, C, C, accumulate: true, dx, gradients.Slice(gain, C));
        }
    }

    private void LinearForward(int layer, LinearRole role, FloatBuffer x, long? bias, FloatBuffer y)
    {
        var weights = decoder.Linear(layer, role);
        _device.LinearForward(x, decoder.Packed(weights, _packing), decoder.Part(bias, weights.Outputs), N, weights.Inputs, weights.Outputs, y);
    }

    private void LinearBackward(int layer, LinearRole role, FloatBuffer x, FloatBuffer dy, long? bias, FloatBuffer dx, FloatBuffer gradients)
    {
        var w = decoder.Linear(layer, role);
        _device.LinearBackwardWeights(
            x, dy, N, w.Inputs, w.Outputs, w.Layout, gradients.Slice(w.Offset, (long)w.Inputs * w.Outputs), Decoder.PartOf(gradients, bias, w.Outputs));
        _device.LinearBackwardInput(dy, decoder.PackedTransposed(w, _packing), N, w.Inputs, w.Outputs, accumulate: false, dx);
    }

    private void Rotate(FloatBuffer qkv, bool inverse)
    {
        if (_config.Positions == Positions.Rotary)
        {
            _device.Rotate(qkv, _positions, decoder.Cosines, decoder.Sines, N, _shape.Heads + _shape.KeyValueHeads, _shape.HeadWidth, _shape.RowWidth, inverse);
        }
    }

    /// <summary>dx through a dropout site: dx itself where there is no dropout.</summary>
    private FloatBuffer Dropped(FloatBuffer dx, FloatBuffer scratch, ulong site)
    {
        if (!_noise.Dropout.IsActive)
        {
            return dx;
        }

        _device.AddDropped(default, dx, N, C, _noise.At(site), scratch);
        return scratch;
    }
}
