using System.Globalization;
using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Training;

/// <summary>AdamW over a decoder's flat parameters, with clipping of the global gradient norm (Pascanu 2013) and a guard against numbers that are not
/// finite.</summary>
public sealed class Optimizer : IDisposable
{
    private readonly Decoder _decoder;
    private readonly AdamOptions _options;
    private readonly double? _maxNorm;
    private readonly string _name;
    private readonly DeviceMemory _gradients;
    private readonly DeviceMemory _first;
    private readonly DeviceMemory _second;

    /// <summary>An optimizer with zero moments.</summary>
    /// <param name="decoder">Whose parameters it updates.</param>
    /// <param name="options">AdamW's settings.</param>
    /// <param name="maxNorm">The gradient is scaled down to this norm; null: never.</param>
    /// <param name="name">Names the buffers in checkpoints and messages, for example <c>policy</c>.</param>
    public Optimizer(Decoder decoder, AdamOptions options, double? maxNorm, string name)
    {
        (_decoder, _options, _maxNorm, _name) = (decoder, options, maxNorm, name);
        _gradients = decoder.Device.Allocate(decoder.Parameters.Length);
        _first = decoder.Device.Allocate(decoder.Parameters.Length);
        _second = decoder.Device.Allocate(decoder.Parameters.Length);
    }

    /// <summary>Where backward passes add; zero after every step.</summary>
    public FloatBuffer Gradients => _gradients.Floats;

    /// <summary>Updates so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Updates the parameters from the gradients and sets these to zero.</summary>
    /// <param name="learningRate">The learning rate of this update.</param>
    /// <returns>The gradient's norm before clipping.</returns>
    /// <exception cref="RunFailedException">A gradient is not finite; the parameters are as they were.</exception>
    public double Step(double learningRate)
    {
        var device = _decoder.Device;
        var norm = Math.Sqrt(device.SquaredNorm(Gradients));
        if (!double.IsFinite(norm))
        {
            throw new RunFailedException(
                $"The {_name} model's gradient is not finite after {Steps} updates: {WhereNotFinite()}. The last checkpoint is good; a lower learning_rate or max_gradient_norm may help.");
        }

        Steps++;
        var scale = _maxNorm is { } most ? Math.Min(1, most / (norm + 1e-6)) : 1;
        foreach (var (range, decays) in _decoder.OptimizerRanges)
        {
            device.AdamW(new(
                _decoder.Parameters.Slice(range.Offset, range.Length), Gradients.Slice(range.Offset, range.Length),
                _first.Floats.Slice(range.Offset, range.Length),
                _second.Floats.Slice(range.Offset, range.Length),
                new AdamWStep(learningRate, _options.Beta1, _options.Beta2, _options.Epsilon, decays ? _options.WeightDecay : 0, Steps, scale)));
        }

        device.Fill(Gradients, 0f);
        _decoder.Refresh();
        return norm;
    }

    /// <summary>Adds parameters and moments to what a checkpoint holds.</summary>
    public void AddTo(IDictionary<string, FloatBuffer> buffers)
    {
        buffers.Add($"{_name}.parameters", _decoder.Parameters);
        buffers.Add($"{_name}.first_moments", _first.Floats);
        buffers.Add($"{_name}.second_moments", _second.Floats);
    }

    /// <summary>After the buffers were filled from a checkpoint.</summary>
    public void Restored(long steps)
    {
        Steps = steps;
        _decoder.Refresh();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gradients.Dispose();
        _first.Dispose();
        _second.Dispose();
    }

    private string WhereNotFinite()
    {
        var bad = _decoder.Trained
            .Where(parameter => !double.IsFinite(_decoder.Device.SquaredNorm(Gradients.Slice(parameter.Offset, parameter.Length))))
            .Select(parameter => parameter.Name).ToList();
        return bad.Count == 0
            ? "the scalar head"
            : string.Create(CultureInfo.InvariantCulture, $"{bad[0]}{(bad.Count > 1 ? $" and {bad.Count - 1} more tensors" : "")}");
    }
}
