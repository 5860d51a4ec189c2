using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Training;

/// <summary>A trainable decoder with its optimizer and the memory of one micro-batch: clear, add sequences, forward, then hand the gradients of the heads
/// back.</summary>
public sealed class TrainingPass : IDisposable
{
    private readonly Arena _arena;
    private readonly bool _ownsArena;
    private readonly bool _recompute;
    private readonly DecoderPass _pass;
    private readonly LanguageHead _language;
    private readonly ScalarHead _scalar;
    private FloatBuffer _hidden;

    /// <summary>Prepares training of a decoder.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="adam">The optimizer's settings.</param>
    /// <param name="maxGradientNorm">The gradient's norm is clipped to this; null does not clip.</param>
    /// <param name="name">The model's name in checkpoints.</param>
    /// <param name="recompute">Computes each block again in the backward pass instead of keeping its activations.</param>
    /// <param name="sharedArena">Memory for activations that is used by others in turn; null for memory of its own.</param>
    public TrainingPass(Decoder decoder, AdamOptions adam, double? maxGradientNorm, string name, bool recompute = false, Arena? sharedArena = null)
    {
        _recompute = recompute;
        _ownsArena = sharedArena is null;
        Decoder = decoder;
        Optimizer = new Optimizer(decoder, adam, maxGradientNorm, name);
        _arena = sharedArena ?? new Arena(decoder.Device);
        _pass = new DecoderPass(decoder, _arena);
        _language = new LanguageHead(decoder, _arena);
        _scalar = new ScalarHead(decoder, _arena);
    }

    /// <summary>The model in training.</summary>
    public Decoder Decoder { get; }

    /// <summary>Its optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The micro-batch.</summary>
    public PackedBatch Batch { get; } = new();

    /// <summary>Empties the micro-batch.</summary>
    public void Begin()
    {
        _arena.Reset();
        Batch.Clear();
    }

    /// <summary>Runs the trunk over the micro-batch.</summary>
    public void Forward(TrainingNoise noise = default) => _hidden = _pass.Forward(Batch, _recompute ? Keep.Inputs : Keep.All, noise);

    /// <summary>log p and entropy of the batch's targets [R].</summary>
    public void LanguageForward(Span<float> logProbabilities, Span<float> entropies, double temperature = 1) =>
        _language.Forward(_hidden, Batch, logProbabilities, entropies, temperature, keep: true);

    /// <summary>The scalar head's numbers at the batch's target rows [R].</summary>
    public void ScalarForward(Span<float> values) => _scalar.Forward(_hidden, Batch, values);

    /// <summary>Adds the parameters' gradients, from those with respect to what the heads gave; leave empty what was not asked.</summary>
    public void Backward(ReadOnlySpan<float> dLogProbabilities, ReadOnlySpan<float> dEntropies, ReadOnlySpan<float> dValues)
    {
        var dHidden = _arena.TakeZeroed((long)Batch.TargetCount * Decoder.Config.EmbeddingWidth);
        if (!dLogProbabilities.IsEmpty)
        {
            _language.Backward(dLogProbabilities, dEntropies, dHidden, Optimizer.Gradients);
        }

        if (!dValues.IsEmpty)
        {
            _scalar.Backward(dValues, dHidden, Optimizer.Gradients);
        }

        _pass.Backward(dHidden, Optimizer.Gradients);
    }

    /// <summary>How far the batch's targets lie from a teacher's, and the parameters' gradients of their weighted sum.</summary>
    /// <param name="teacher">The teacher.</param>
    /// <param name="teacherHidden">Its final hidden states of the same target rows [R, E of the teacher].</param>
    /// <param name="settings">Which divergence.</param>
    /// <param name="weights">[R] what each target's divergence is multiplied by; empty: no gradients are wanted.</param>
    /// <param name="divergences">[R], nats, not weighted.</param>
    public void Distill(Decoder teacher, FloatBuffer teacherHidden, DivergenceSettings settings, ReadOnlySpan<float> weights, Span<float> divergences)
    {
        var head = new DivergenceHead(Decoder, teacher, _arena);
        if (weights.IsEmpty)
        {
            head.Run(_hidden, teacherHidden, settings, new float[Batch.TargetCount], divergences, default, default);
            return;
        }

        var dHidden = _arena.TakeZeroed((long)Batch.TargetCount * Decoder.Config.EmbeddingWidth);
        head.Run(_hidden, teacherHidden, settings, weights, divergences, dHidden, Optimizer.Gradients);
        _pass.Backward(dHidden, Optimizer.Gradients);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsArena)
        {
            _arena.Dispose();
        }

        Optimizer.Dispose();
    }
}
