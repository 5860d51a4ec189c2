using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>Cosines and sines of the rotary angles t theta^(-2j/D), with the frequency scalings that checkpoints ask for; found in float64.</summary>
internal static class RotaryTable
{
    public static void Fill(DecoderConfig config, IDevice device, FloatBuffer cosines, FloatBuffer sines)
    {
        var half = config.HeadWidth / 2;
        var frequencies = Frequencies(config);
        var (cosine, sine) = (new float[half], new float[half]);
        for (var position = 0; position < config.ContextLength; position++)
        {
            for (var j = 0; j < half; j++)
            {
                (var s, var c) = Math.SinCos(position * frequencies[j]);
                (cosine[j], sine[j]) = ((float)c, (float)s);
            }

            device.CopyIn(cosine, cosines.Slice((long)position * half, half));
            device.CopyIn(sine, sines.Slice((long)position * half, half));
        }
    }

    /// <summary>The angle per position of each pair [D / 2].</summary>
    internal static double[] Frequencies(DecoderConfig config)
    {
        var frequencies = new double[config.HeadWidth / 2];
        for (var j = 0; j < frequencies.Length; j++)
        {
            var frequency = Math.Pow(config.RotaryBase, -2.0 * j / config.HeadWidth);
            frequencies[j] = config.RotaryScaling is { } scaling ? Scaled(frequency, scaling) : frequency;
        }

        return frequencies;
    }

    /// <summary>The angle per position of a pair under a scaling.</summary>
    internal static double Scaled(double frequency, RotaryScaling scaling)
    {
        if (scaling.Kind == RotaryScaling.Linear)
        {
            return frequency / scaling.Factor;
        }

        // Llama 3.1: waves longer than context / low are divided, those shorter than context / high kept, those between blended.
        var wave = 2 * Math.PI / frequency;
        var blend = ((scaling.OriginalContext / wave) - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        var kept = Math.Clamp(blend, 0, 1);
        return ((1 - kept) * frequency / scaling.Factor) + (kept * frequency);
    }
}
