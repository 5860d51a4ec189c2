using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>What is before the first block and after the last one.</summary>
public sealed partial class DecoderPass
{
    private FloatBuffer _narrow; // (N, E), the embedding before its projection
    private NormActivations _embeddingNorm;
    private NormActivations _finalNorm;
    private FloatBuffer _finalNormed; // (R, C)

    private FloatBuffer PositionTable
    {
        get
        {
            var table = _weights.Part(decoder.Layout.PositionEmbedding, (long)_config.PositionRows * C);
            return table.IsEmpty ? table : table.From((long)_config.PositionOffset * C);
        }
    }

    /// <summary>What enters the first block [N, C].</summary>
    private FloatBuffer Embed()
    {
        var x = _config.NarrowEmbedding is null ? EmbedWide() : EmbedNarrow(_config.EmbeddingWidth);
        if (_config.EmbeddingScale != 1)
        {
            _device.Scale(x, (float)_config.EmbeddingScale);
        }

        if (_config.HasEmbeddingNorm)
        {
            _embeddingNorm = NormActivations.Take(arena, x, N);
            x = arena.Take((long)N * C);
            NormForward(
                N, _embeddingNorm.Input, decoder.Layout.EmbeddingNormGain, decoder.Layout.EmbeddingNormBias, x, _embeddingNorm.Mean, _embeddingNorm.Reciprocal);
        }

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

    private FloatBuffer EmbedWide()
    {
        var x = arena.Take((long)N * C);
        if (_weights.TokenTable is not null)
        {
            LookUp(C, x);
            AddPositions(x);
            return x;
        }

        var tokens = _weights.Part(decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * C);
        _device.EmbeddingForward(new(_tokens, _positions, tokens, PositionTable, N, C, x));
        return x;
    }

    /// <summary>The tokens' rows of their table, wherever it stands.</summary>
    private void LookUp(int width, FloatBuffer y)
    {
        if (_weights.TokenTable is { } table)
        {
            _device.PackedEmbedding(new(_weights.Packed(table, default), width, _config.VocabularySize, _tokens, N, y));
            return;
        }

        var tokens = _weights.Part(decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * width);
        _device.EmbeddingForward(new(_tokens, _positions, tokens, default, N, width, y));
    }

    /// <summary>Adds learned positions where there are any.</summary>
    private void AddPositions(FloatBuffer x)
    {
        if (_config.Positions == Positions.Learned)
        {
            var places = arena.Take((long)N * C);
            _device.EmbeddingForward(new(_positions, _positions, PositionTable, default, N, C, places));
            _device.AddDropped(new(x, places, N, C, default, default, x));
        }
    }

    private FloatBuffer EmbedNarrow(int width)
    {
        (_narrow, var x) = (arena.Take((long)N * width), arena.Take((long)N * C));
        LookUp(width, _narrow);
        _linear.Forward(_weights.ProjectIn, N, _narrow, bias: null, x);
        AddPositions(x);
        return x;
    }

    /// <summary>The final hidden states [R, E] from the last block's result [R, C].</summary>
    private FloatBuffer Finish(FloatBuffer x)
    {
        if (_config.HasFinalNorm)
        {
            _finalNorm = NormActivations.Take(arena, x, R);
            x = arena.Take((long)R * C);
            NormForward(R, _finalNorm.Input, decoder.Layout.FinalNormGain, decoder.Layout.FinalNormBias, x, _finalNorm.Mean, _finalNorm.Reciprocal);
        }

        _finalNormed = x;
        if (_config.NarrowEmbedding is { } width)
        {
            x = arena.Take((long)R * width);
            _linear.Forward(_weights.ProjectOut, R, _finalNormed, bias: null, x);
        }

        return x;
    }

    /// <summary>The gradient of the last block's result [R, C] from that of the final hidden states [R, E].</summary>
    private FloatBuffer FinishBackward(FloatBuffer dHidden, FloatBuffer gradients)
    {
        if (_config.NarrowEmbedding is not null)
        {
            var dNormed = arena.Take((long)R * C);
            _linear.Backward(_weights.ProjectOut, R, _finalNormed, dHidden, bias: null, dNormed, gradients);
            dHidden = dNormed;
        }

        var dx = arena.TakeZeroed((long)R * C);
        if (_config.HasFinalNorm)
        {
            NormBackward(R, _finalNorm, decoder.Layout.FinalNormGain, decoder.Layout.FinalNormBias, dHidden, dx, gradients);
        }
        else
        {
            _device.Copy(dHidden.Slice(0, dx.Length), dx);
        }

        return dx;
    }

    /// <summary>Adds the gradients of what is before the first block; <paramref name="dx"/> [N, C] is overwritten.</summary>
    private void EmbedBackward(FloatBuffer dx, FloatBuffer gradients)
    {
        if (decoder.Adapter is not null)
        {
            return; // all of it is frozen
        }

        if (_config.HasEmbeddingNorm)
        {
            var dEmbedded = arena.TakeZeroed((long)N * C);
            NormBackward(N, _embeddingNorm, decoder.Layout.EmbeddingNormGain, decoder.Layout.EmbeddingNormBias, dx, dEmbedded, gradients);
            dx = dEmbedded;
        }

        if (_config.EmbeddingScale != 1)
        {
            _device.Scale(dx.Slice(0, (long)N * C), (float)_config.EmbeddingScale);
        }

        var dPositions = decoder.GradientOf(gradients, decoder.Layout.PositionEmbedding, (long)_config.PositionRows * C);
        dPositions = dPositions.IsEmpty ? dPositions : dPositions.From((long)_config.PositionOffset * C);
        var width = _config.EmbeddingWidth;
        if (_config.NarrowEmbedding is not null)
        {
            if (_config.Positions == Positions.Learned)
            {
                _device.EmbeddingBackward(new(_positions, _positions, dx, N, C, dPositions, default));
            }

            var dNarrow = arena.Take((long)N * width);
            _linear.Backward(_weights.ProjectIn, N, _narrow, dx, bias: null, dNarrow, gradients);
            (dx, dPositions) = (dNarrow, default);
        }

        var dTokens = decoder.GradientOf(gradients, decoder.Layout.TokenEmbedding, (long)_config.VocabularySize * width);
        _device.EmbeddingBackward(new(_tokens, _positions, dx, N, width, dTokens, dPositions));
    }
}
