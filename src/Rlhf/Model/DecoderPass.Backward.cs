using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>The backward pass.</summary>
public sealed partial class DecoderPass
{
    /// <summary>Adds to <paramref name="gradients"/> (laid out as the parameters) what <paramref name="dHidden"/> [R, E], the gradient of the final hidden
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

        var dx = FinishBackward(dHidden, gradients);
        var scratch = BackwardScratch.Take(arena, decoder, N, R);
        for (var layer = LastLayer; layer >= 0; layer--)
        {
            if (_keep == Keep.Inputs)
            {
                ForwardAgain(layer);
            }
            else if (MakesCheapAgain)
            {
                NormInput(layer, _layers[layer]);
                NormMiddle(layer, _layers[layer]);
                Activate(layer, _layers[layer]);
            }

            // What stands later in the forward pass comes first; in parallel both sublayers' results have the same gradient, until one adds to it.
            if (_config.ParallelResidual)
            {
                AttentionResultBackward(layer, dx, scratch, gradients);
                FeedForwardBackward(layer, dx, scratch, gradients);
            }
            else
            {
                FeedForwardBackward(layer, dx, scratch, gradients);
                AttentionResultBackward(layer, dx, scratch, gradients);
            }

            dx = layer == LastLayer ? OfAllRows(dx) : dx;
            AttentionBackward(layer, dx, scratch, gradients);
        }

        EmbedBackward(Dropped(dx, N, default, scratch.Width, site: 0), gradients);
        _keep = Keep.Nothing;
    }

    private void ForwardAgain(int layer)
    {
        AttentionForward(layer, _layers[layer], _keyValues);
        AttentionResult(layer, _layers[layer]);
        FeedForwardActivations(layer, _layers[layer]);
        if (_config.NormsAfter)
        {
            FeedForwardResult(layer, _layers[layer]);
        }
    }

    private void FeedForwardBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var a = _layers[layer];
        var p = decoder.Layout.LayerParameters(layer);
        var rows = RowsAfterAttention(layer);
        var dDown = SublayerGradient(
            layer, rows, dx, a.AfterFeedForward, p.FeedForwardAfterGain, p.FeedForwardAfterBias, s, gradients, site: (ulong)(2 + (2 * layer)));
        _linear.Backward(layer, LinearRole.Down, rows, a.Activated, dDown, p.DownBias, s.FeedForward, gradients);
        var up = a.Up.Slice(0, (long)rows * decoder.UpWidth);
        switch (_config.FeedForward)
        {
            case FeedForward.SwiGlu:
                _device.SwiGluBackward(new(a.Up, s.FeedForward, rows, _config.FeedForwardWidth, s.Up));
                break;
            case FeedForward.GeGlu:
                _device.GeGluBackward(new(a.Up, s.FeedForward, rows, _config.FeedForwardWidth, s.Up));
                break;
            case FeedForward.Relu:
                _device.ReluBackward(new(up, s.FeedForward, s.Up));
                break;
            default:
                _device.GeluBackward(new(up, s.FeedForward, s.Up, Exact: _config.FeedForward == FeedForward.ExactGelu));
                break;
        }

        _linear.Backward(layer, LinearRole.Up, rows, a.MiddleNormed, s.Up, p.UpBias, s.Width, gradients);
        var norm = new NormActivations { Input = FeedForwardInput(a), Mean = a.MiddleMean, Reciprocal = a.MiddleReciprocal };
        AddInputGradient(rows, norm, p.FeedForwardNormGain, p.FeedForwardNormBias, s.Width, dx, gradients);
    }

    /// <summary>Back through the output projection to the attended rows [N, H D].</summary>
    private void AttentionResultBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var (a, p, rows, last) = (_layers[layer], decoder.Layout.LayerParameters(layer), RowsAfterAttention(layer), layer == LastLayer);
        var dProjected = SublayerGradient(
            layer, rows, dx, a.AfterAttention, p.AttentionAfterGain, p.AttentionAfterBias, s, gradients, site: (ulong)(1 + (2 * layer)));
        var dAttended = last ? arena.Take((long)R * _shape.OutputWidth) : s.Attended;
        _linear.Backward(layer, LinearRole.Output, rows, a.AttendedRows, dProjected, p.OutputBias, dAttended, gradients);
        if (last)
        {
            _device.Fill(s.Attended, 0f);
            _device.ScatterAddRows(new(dAttended, _targetRows, R, _shape.OutputWidth, s.Attended));
        }
    }

    /// <summary>The gradient of all rows [N, C] from that of the target rows [R, C]: zero where a row is no target.</summary>
    private FloatBuffer OfAllRows(FloatBuffer dx)
    {
        var all = arena.TakeZeroed((long)N * C);
        _device.ScatterAddRows(new(dx, _targetRows, R, C, all));
        return all;
    }

    private void AttentionBackward(int layer, FloatBuffer dx, in BackwardScratch s, FloatBuffer gradients)
    {
        var a = _layers[layer];
        var p = decoder.Layout.LayerParameters(layer);
        _device.AttentionBackward(new(a.Qkv, SpansOf(layer), _shape, a.Attended, a.LogSumExp, s.Attended, s.Qkv, _weights.Rules(layer)));
        Rotate(layer, s.Qkv, inverse: true);
        if (_config.QueryKeyNorm != QueryKeyNorm.None)
        {
            var (queries, keys, first) = (_config.QueryNormWidth, _config.KeyNormWidth, _config.QueryWidth);
            _device.RmsNormBackward(new(
                a.RawQkv, _weights.Gain(p.QueryNorm, queries), a.QueryReciprocal, s.Qkv, N, first / queries, queries, _shape.RowWidth, Accumulate: false,
                s.Qkv, decoder.GradientOf(gradients, p.QueryNorm, queries)));
            _device.RmsNormBackward(new(
                a.RawQkv.From(first), _weights.Gain(p.KeyNorm, keys), a.KeyReciprocal, s.Qkv.From(first), N, _config.KeyValueWidth / keys, keys,
                _shape.RowWidth, Accumulate: false, s.Qkv.From(first), decoder.GradientOf(gradients, p.KeyNorm, keys)));
        }

        if (layer == LastLayer)
        {
            _linear.BackwardQkv(layer, N, _queryRows, a.Normed, s.Qkv, p.QkvBias, s.Width, gradients);
        }
        else
        {
            _linear.Backward(layer, LinearRole.Qkv, N, a.Normed, s.Qkv, p.QkvBias, s.Width, gradients);
        }

        var norm = new NormActivations { Input = a.Input, Mean = a.Mean, Reciprocal = a.Reciprocal };
        AddInputGradient(N, norm, p.AttentionNormGain, p.AttentionNormBias, s.Width, dx, gradients);
    }

    /// <summary>The gradient of a sublayer's own output, from that of its result; <paramref name="dx"/> becomes the gradient of its residual.</summary>
    private FloatBuffer SublayerGradient(
        int layer, int rows, FloatBuffer dx, in NormActivations after, long? gain, long? bias, in BackwardScratch s, FloatBuffer gradients, ulong site)
    {
        if (_config.NormPlacement == NormPlacement.AfterResidual)
        {
            ThroughNorm(rows, after, gain, bias, dx, s.Sublayer, gradients);
            _device.Copy(s.Sublayer.Slice(0, (long)rows * C), dx);
        }

        var dropped = Dropped(dx, rows, NumbersAfterAttention(layer), s.Width, site);
        if (!_config.NormsAfter || _config.NormPlacement == NormPlacement.AfterResidual)
        {
            return dropped;
        }

        ThroughNorm(rows, after, gain, bias, dropped, s.Sublayer, gradients);
        return s.Sublayer;
    }

    private void ThroughNorm(int rows, in NormActivations norm, long? gain, long? bias, FloatBuffer dy, FloatBuffer dx, FloatBuffer gradients)
    {
        _device.Fill(dx.Slice(0, (long)rows * C), 0f);
        NormBackward(rows, norm, gain, bias, dy, dx, gradients);
    }

    /// <summary>Adds to <paramref name="dx"/> what a sublayer's input gives, whose gradient is <paramref name="dInput"/>, through the norm before it if there
    /// is one.</summary>
    private void AddInputGradient(int rows, in NormActivations norm, long? gain, long? bias, FloatBuffer dInput, FloatBuffer dx, FloatBuffer gradients)
    {
        if (_config.ResidualFromNorm)
        {
            _device.AddDropped(new(dInput, dx, rows, C, default, default, dInput));
            _device.Fill(dx.Slice(0, (long)rows * C), 0f);
        }

        if (_config.NormsBefore)
        {
            NormBackward(rows, norm, gain, bias, dInput, dx, gradients);
        }
        else
        {
            _device.AddDropped(new(dx, dInput, rows, C, default, default, dx));
        }
    }

    private void NormBackward(int rows, in NormActivations a, long? gain, long? bias, FloatBuffer dy, FloatBuffer dx, FloatBuffer gradients)
    {
        var dGain = decoder.GradientOf(gradients, gain, C);
        if (_config.Normalization == Normalization.LayerNorm)
        {
            _device.LayerNormBackward(
                new(a.Input, _weights.Gain(gain, C), a.Mean, a.Reciprocal, dy, rows, C, dx, dGain, decoder.GradientOf(gradients, bias, C)));
        }
        else
        {
            _device.RmsNormBackward(new(a.Input, _weights.Gain(gain, C), a.Reciprocal, dy, rows, 1, C, C, Accumulate: true, dx, dGain));
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
