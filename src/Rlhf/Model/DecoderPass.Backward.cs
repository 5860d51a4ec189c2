using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>The backward pass.</summary>
public sealed partial class DecoderPass
{
    /// <summary>Adds to <paramref name="gradients"/> (laid out as the parameters) what <paramref name="dHidden"/> [R, C], the gradient of the final hidden
    /// states, gives.
    /// With no target there is nothing to add.</summary>
    public void Backward(FloatBuffer dHidden, FloatBuffer gradients)
    {
        if (_keep == Keep.Nothing)
        {
            throw new InvalidOperationException("The forward pass did not keep its activations.");
        }

        if (R == 0)
        {
            return;
        }

        var dx = arena.TakeZeroed((long)R * C);
        NormBackward(R, _final, decoder.Layout.FinalNormGain, decoder.Layout.FinalNormBias, dHidden, dx, gradients);
        var scratch = BackwardScratch.Take(arena, decoder, N, R);
        for (var layer = LastLayer; layer >= 0; layer--)
        {
            if (_keep == Keep.Inputs)
            {
                AttentionForward(layer, _layers[layer], _keyValues);
                AttentionResult(layer, _layers[layer]);
                FeedForwardActivations(layer, _layers[layer]);
            }

            FeedForwardBackward(layer, dx, scratch, gradients);
            AttentionResultBackward(layer, ref dx, scratch, gradients);
            AttentionBackward(layer, dx, scratch, gradients);
        }

        var dEmbedding = Dropped(dx, N, default, scratch.Width, site: 0);
        var dPositions = Decoder.PartOf(gradients, decoder.Layout.PositionEmbedding, (long)_config.PositionRows * C);
        _device.EmbeddingBackward(
            new(_tokens, _positions, dEmbedding, N, C, gradients.Slice(decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * C), dPositions));
        _keep = Keep.Nothing;
    }

    private void FeedForwardBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var a = _layers[layer];
        var p = decoder.Layout.LayerParameters(layer);
        var rows = RowsAfterAttention(layer);
        var dDown = Dropped(dx, rows, NumbersAfterAttention(layer), s.Width, site: (ulong)(2 + (2 * layer)));
        _linear.Backward(layer, LinearRole.Down, rows, a.Activated, dDown, p.DownBias, s.FeedForward, gradients);
        if (_config.FeedForward == FeedForward.SwiGlu)
        {
            _device.SwiGluBackward(new(a.Up, s.FeedForward, rows, _config.FeedForwardWidth, s.Up));
        }
        else
        {
            _device.GeluBackward(new(a.Up.Slice(0, (long)rows * decoder.UpWidth), s.FeedForward, s.Up));
        }

        _linear.Backward(layer, LinearRole.Up, rows, a.MiddleNormed, s.Up, p.UpBias, s.Width, gradients);
        var norm = new LayerActivations { Input = a.Middle, Mean = a.MiddleMean, Reciprocal = a.MiddleReciprocal };
        NormBackward(rows, norm, p.FeedForwardNormGain, p.FeedForwardNormBias, s.Width, dx, gradients);
    }

    /// <summary>Back through the output projection; after the last block's, <paramref name="dx"/> is the gradient of all rows [N, C], zero where a row is no
    /// target.</summary>
    private void AttentionResultBackward(int layer, ref FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var (rows, last) = (RowsAfterAttention(layer), layer == LastLayer);
        var dProjected = Dropped(dx, rows, NumbersAfterAttention(layer), s.Width, site: (ulong)(1 + (2 * layer)));
        var dAttended = last ? arena.Take((long)R * _shape.OutputWidth) : s.Attended;
        _linear.Backward(
            layer, LinearRole.Output, rows, _layers[layer].AttendedRows, dProjected, decoder.Layout.LayerParameters(layer).OutputBias, dAttended, gradients);
        if (last)
        {
            _device.Fill(s.Attended, 0f);
            _device.ScatterAddRows(new(dAttended, _targetRows, R, _shape.OutputWidth, s.Attended));
            var all = arena.TakeZeroed((long)N * C);
            _device.ScatterAddRows(new(dx, _targetRows, R, C, all));
            dx = all;
        }
    }

    private void AttentionBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var a = _layers[layer];
        var p = decoder.Layout.LayerParameters(layer);
        _device.AttentionBackward(new(a.Qkv, SpansOf(layer), _shape, a.Attended, a.LogSumExp, s.Attended, s.Qkv));
        Rotate(s.Qkv, inverse: true);
        if (_config.QueryKeyNorm)
        {
            var (d, keys) = (_shape.HeadWidth, (long)_shape.Heads * _shape.HeadWidth);
            _device.RmsNormBackward(new(
                a.RawQkv, decoder.Part(p.QueryNorm, d), a.QueryReciprocal, s.Qkv, N, _shape.Heads, d, _shape.RowWidth, Accumulate: false, s.Qkv,
                Decoder.PartOf(gradients, p.QueryNorm, d)));
            _device.RmsNormBackward(new(
                a.RawQkv.From(keys), decoder.Part(p.KeyNorm, d), a.KeyReciprocal, s.Qkv.From(keys), N, _shape.KeyValueHeads, d, _shape.RowWidth,
                Accumulate: false, s.Qkv.From(keys),
                Decoder.PartOf(gradients, p.KeyNorm, d)));
        }

        if (layer == LastLayer)
        {
            _linear.BackwardQkv(layer, N, _queryRows, a.Normed, s.Qkv, p.QkvBias, s.Width, gradients);
        }
        else
        {
            _linear.Backward(layer, LinearRole.Qkv, N, a.Normed, s.Qkv, p.QkvBias, s.Width, gradients);
        }

        NormBackward(N, a, p.AttentionNormGain, p.AttentionNormBias, s.Width, dx, gradients);
    }

    private void NormBackward(int rows, in LayerActivations a, long gain, long? bias, FloatBuffer dy, FloatBuffer dx, FloatBuffer gradients)
    {
        if (_config.Normalization == Normalization.LayerNorm)
        {
            _device.LayerNormBackward(
                new(a.Input, decoder.Part(gain, C), a.Mean, a.Reciprocal, dy, rows, C, dx, gradients.Slice(gain, C), Decoder.PartOf(gradients, bias, C)));
        }
        else
        {
            _device.RmsNormBackward(new(a.Input, decoder.Part(gain, C), a.Reciprocal, dy, rows, 1, C, C, Accumulate: true, dx, gradients.Slice(gain, C)));
        }
    }

    /// <summary>dx through a dropout site: dx itself where there is no dropout.</summary>
    private FloatBuffer Dropped(FloatBuffer dx, int rows, IntBuffer numbers, FloatBuffer scratch, ulong site)
    {
        if (!_noise.Dropout.IsActive)
        {
            return dx;
        }

        _device.AddDropped(new(default, dx, rows, C, _noise.At(site), numbers, scratch));
        return scratch;
    }
}
