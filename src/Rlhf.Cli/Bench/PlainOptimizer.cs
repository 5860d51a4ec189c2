using Rlhf.Compute.Reference;
using Rlhf.Model;
using Rlhf.Training;

namespace Rlhf.Cli.Bench;

/// <summary>Clipping and AdamW over a plain decoder's parameters, with weight decay on matrices only.</summary>
internal sealed class PlainOptimizer
{
    private readonly PlainDecoder _decoder;
    private readonly double _maxNorm;
    private readonly (int Start, int Length, PlainAdamW AdamW)[] _parts;

    public PlainOptimizer(PlainDecoder decoder, Decoder model, AdamOptions options, double maxNorm)
    {
        (_decoder, _maxNorm) = (decoder, maxNorm);
        var parts = new List<(int, int, PlainAdamW)>();
        foreach (var (range, decays) in model.OptimizerRanges)
        {
            parts.Add(((int)range.Offset, (int)range.Length, new PlainAdamW(
                (int)range.Length, options.Beta1, options.Beta2, options.Epsilon, decays ? options.WeightDecay : 0)));
        }

        _parts = [.. parts];
    }

    /// <summary>Updates the parameters and sets the gradients to zero; gives the gradient's norm before clipping.</summary>
    public double Step(double learningRate)
    {
        var norm = PlainAdamW.Norm(_decoder.Gradients);
        var factor = PlainAdamW.ClipFactor(norm, _maxNorm);
        foreach (var (start, length, adamW) in _parts)
        {
            var parameters = _decoder.Parameters.AsSpan(start, length).ToArray();
            adamW.Step(parameters, [.. _decoder.Gradients.AsSpan(start, length).ToArray().Select(gradient => gradient * factor)], learningRate);
            parameters.CopyTo(_decoder.Parameters.AsSpan(start));
        }

        Array.Clear(_decoder.Gradients);
        return norm;
    }
}
