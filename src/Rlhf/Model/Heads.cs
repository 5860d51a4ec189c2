using Rlhf.Batching;
using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>The language head over the hidden states of a batch's target rows: log p and entropy per target, and back.</summary>
public sealed class LanguageHead(Decoder decoder, Arena arena)
{
    /// <summary>Logits of a micro-batch that are kept from forward to backward at most: 256 MiB. Above it they are computed again, a chunk at a time.</summary>
    public const long MostKeptLogits = 1 << 26;

    private readonly IDevice _device = decoder.Device;
    private IntBuffer _targets;
    private FloatBuffer _hidden;
    private FloatBuffer _entropies;
    private FloatBuffer _logSumExp;
    private FloatBuffer _logits;
    private int _count;
    private float _inverseTemperature;

    private FloatBuffer Bias => decoder.Part(decoder.Layout.HeadBias, decoder.Config.VocabularySize);

    /// <summary>The head as it is; empty where the weights are frozen: its packed copy serves.</summary>
    private FloatBuffer HeadWeights => decoder.Weights.IsFrozen
        ? default
        : decoder.Part(decoder.Layout.Head, (long)decoder.Config.VocabularySize * decoder.Config.EmbeddingWidth);

    private float Cap => (float)(decoder.Config.LogitCap ?? 0);

    /// <summary>log p(target) and entropy (nats) of each target row of the batch, for logits divided by <paramref name="temperature"/>.</summary>
    /// <param name="hidden">Final hidden states of the target rows [R, E].</param>
    /// <param name="batch">Names the target tokens.</param>
    /// <param name="logProbabilities">[R], on the host.</param>
    /// <param name="entropies">[R], on the host; may be empty.</param>
    /// <param name="temperature">Divides the logits.</param>
    /// <param name="keep">A backward pass follows: keeps the logits for it where they are few enough.</param>
    public void Forward(FloatBuffer hidden, PackedBatch batch, Span<float> logProbabilities, Span<float> entropies, double temperature = 1, bool keep = false)
    {
        _count = batch.TargetCount;
        if (_count == 0)
        {
            return;
        }

        var (c, v) = (decoder.Config.EmbeddingWidth, decoder.Config.VocabularySize);
        _hidden = hidden;
        _targets = arena.Take(batch.Targets);
        _entropies = arena.Take(_count);
        _logSumExp = arena.Take(_count);
        _inverseTemperature = (float)(1 / temperature);
        _logits = keep && (long)_count * v <= MostKeptLogits ? arena.Take((long)_count * v) : default;
        var logs = arena.Take(_count);
        _device.LanguageHeadForward(new(
            hidden, decoder.Weights.Packed(decoder.Weights.Head, default), _targets, _count, c, v, _inverseTemperature, logs, _entropies, _logSumExp,
            _logits, Bias, Cap));
        _device.CopyOut(logs, logProbabilities[.._count]);
        if (!entropies.IsEmpty)
        {
            _device.CopyOut(_entropies, entropies[.._count]);
        }
    }

    /// <summary>The logits [R, V] of the target rows of the batch, on the device until the arena is emptied.</summary>
    public FloatBuffer Logits(FloatBuffer hidden, PackedBatch batch)
    {
        var logits = arena.Take((long)batch.TargetCount * decoder.Config.VocabularySize);
        Logits(hidden, batch.TargetCount, logits);
        return logits;
    }

    /// <summary>The logits [rows, V] of final hidden states [rows, E].</summary>
    public void Logits(FloatBuffer hidden, int rows, FloatBuffer logits)
    {
        var (c, v) = (decoder.Config.EmbeddingWidth, decoder.Config.VocabularySize);
        _device.LinearForward(new(hidden, decoder.Weights.Packed(decoder.Weights.Head, default), Bias, rows, c, v, logits));
        if (Cap > 0)
        {
            _device.SoftCap(logits.Slice(0, (long)rows * v), Cap);
        }
    }

    /// <summary>dHidden [rows, E] from the gradient with respect to logits before their cap [rows, V]; adds to the head's gradient.</summary>
    public void LogitsBackward(FloatBuffer hidden, int rows, FloatBuffer dLogits, FloatBuffer dHidden, FloatBuffer gradients)
    {
        var (c, v) = (decoder.Config.EmbeddingWidth, decoder.Config.VocabularySize);
        _device.LogitsBackward(new(
            hidden, decoder.Weights.Packed(decoder.Weights.Head, default), HeadWeights, dLogits, rows, c, v, dHidden,
            decoder.GradientOf(gradients, decoder.Layout.Head, (long)v * c), decoder.GradientOf(gradients, decoder.Layout.HeadBias, v)));
    }

    /// <summary>Adds to dHidden [R, E] and to the head's gradient what the gradients with respect to log-probabilities and entropies [R] (the latter may be
    /// empty) give.</summary>
    public void Backward(ReadOnlySpan<float> dLogProbabilities, ReadOnlySpan<float> dEntropies, FloatBuffer dHidden, FloatBuffer gradients)
    {
        if (_count == 0)
        {
            return;
        }

        var (c, v) = (decoder.Config.EmbeddingWidth, decoder.Config.VocabularySize);
        var dLogs = arena.Take(_count);
        _device.CopyIn(dLogProbabilities[.._count], dLogs);
        var dEntropy = default(FloatBuffer);
        if (!dEntropies.IsEmpty)
        {
            dEntropy = arena.Take(_count);
            _device.CopyIn(dEntropies[.._count], dEntropy);
        }

        var dRows = arena.Take((long)_count * c);
        _device.LanguageHeadBackward(new(
            _hidden, decoder.Weights.Packed(decoder.Weights.Head, default), HeadWeights, _targets, _count, c, v, _inverseTemperature,
            _entropies, _logSumExp, _logits, dLogs, dEntropy,
            dRows, decoder.GradientOf(gradients, decoder.Layout.Head, (long)v * c), Bias, Cap, decoder.GradientOf(gradients, decoder.Layout.HeadBias, v)));
        _device.AddDropped(new(dHidden, dRows, _count, c, default, default, dHidden));
    }
}

/// <summary>The scalar head over the hidden states of a batch's target rows: one number per target row, and back.</summary>
public sealed class ScalarHead(Decoder decoder, Arena arena)
{
    private readonly IDevice _device = decoder.Device;
    private FloatBuffer _hidden;
    private int _count;

    /// <summary>One number for each target row of the batch.</summary>
    /// <param name="hidden">Final hidden states of the target rows [R, E].</param>
    /// <param name="batch">Counts the target rows.</param>
    /// <param name="values">[R], on the host.</param>
    public void Forward(FloatBuffer hidden, PackedBatch batch, Span<float> values)
    {
        _count = batch.TargetCount;
        if (_count == 0)
        {
            return;
        }

        var c = decoder.Config.EmbeddingWidth;
        _hidden = hidden;
        var output = arena.Take(_count);
        _device.ScalarHeadForward(new(hidden, decoder.ScalarWeights, decoder.ScalarBiases, _count, c, output));
        _device.CopyOut(output, values[.._count]);
    }

    /// <summary>Adds to dHidden [R, E] and to the head's gradients what the gradients with respect to the numbers [R] give.</summary>
    public void Backward(ReadOnlySpan<float> dValues, FloatBuffer dHidden, FloatBuffer gradients)
    {
        if (_count == 0)
        {
            return;
        }

        var c = decoder.Config.EmbeddingWidth;
        var dOutput = arena.Take(_count);
        _device.CopyIn(dValues[.._count], dOutput);
        var dRows = arena.Take((long)_count * c);
        _device.ScalarHeadBackward(
            new(_hidden, decoder.ScalarWeights, dOutput, _count, c, dRows, gradients.Slice(decoder.ScalarWeight, c),
            gradients.Slice(decoder.ScalarBias, 1)));
        _device.AddDropped(new(dHidden, dRows, _count, c, default, default, dHidden));
    }
}
