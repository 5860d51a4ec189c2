using System.Text.Json.Nodes;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>
/// Scaled rotary frequencies. Llama 3's stand in the file as the tensor <c>rope_freqs.weight</c>: what each frequency is divided by. A
/// <c>config.json</c> says the rule they come from, so that is found again.
/// </summary>
internal static class GgufRotary
{
    // float32 keeps seven digits of a factor.
    private const double Tolerance = 2e-6;

    /// <summary><c>rope_scaling</c>, or null where there is none.</summary>
    /// <param name="keys">The architecture's keys.</param>
    /// <param name="file">The file.</param>
    /// <param name="headWidth">D.</param>
    /// <param name="theta">The rotary base.</param>
    /// <exception cref="InputException">The scaling is not implemented.</exception>
    public static JsonObject? Scaling(GgufModelKeys keys, GgufFile file, int headWidth, double theta)
    {
        var kind = keys.Text("rope.scaling.type") ?? (keys.Has("rope.scale_linear") ? "linear" : "none");
        var factor = keys.Number(keys.Has("rope.scale_linear") ? "rope.scale_linear" : "rope.scaling.factor", 1);
        if (file.Find(GgufKeys.RotaryFactors) is { } tensor)
        {
            if (kind != "none" && factor != 1)
            {
                throw keys.Refuse("rope.scaling.type", $"stands beside {GgufKeys.RotaryFactors}, which is not implemented");
            }

            return FromFactors(file, tensor, headWidth, theta);
        }

        return kind switch
        {
            "none" => factor == 1 ? null : throw keys.Refuse("rope.scaling.factor", "has no effect without a scaling type"),
            "linear" => factor == 1 ? null : new JsonObject { ["rope_type"] = "linear", ["factor"] = factor },
            "yarn" => new JsonObject
            {
                ["rope_type"] = "yarn",
                ["factor"] = factor,
                ["original_max_position_embeddings"] = keys.Count("rope.scaling.original_context_length"),
            },
            _ => throw keys.Refuse("rope.scaling.type", "is not implemented"),
        };
    }

    /// <summary>What llama.cpp's tensor has for a configuration: the divisor of each pair's frequency [D/2].</summary>
    public static float[] Factors(DecoderConfig config) =>
        [.. RotaryTables.Frequencies(config, regime: 0).Select((scaled, j) => (float)(Math.Pow(config.RotaryBase, -2.0 * j / config.HeadWidth) / scaled))];

    private static JsonObject? FromFactors(GgufFile file, GgufTensor tensor, int headWidth, double theta)
    {
        if (tensor.Length != headWidth / 2 || tensor.Shape.Length != 1)
        {
            throw file.Refuse(tensor.Name, FormattableString.Invariant($"must have {headWidth / 2} numbers, one for each pair of a head"));
        }

        var factors = new float[headWidth / 2];
        GgufNumbers.Read(file, tensor, factors);
        if (factors.Any(factor => factor <= 0))
        {
            throw file.Refuse(tensor.Name, "has a factor that is not positive");
        }

        if (factors.All(factor => factor == 1))
        {
            return null;
        }

        if (factors.All(factor => factor == factors[0]))
        {
            return new JsonObject { ["rope_type"] = RotaryScaling.Linear, ["factor"] = (double)factors[0] };
        }

        var rule = Candidates(factors, headWidth, theta).FirstOrDefault(candidate => Fits(candidate, factors, headWidth, theta))
            ?? throw file.Refuse(tensor.Name, "has factors that are not those of a llama3 scaling, and others are not implemented");
        return new JsonObject
        {
            ["rope_type"] = RotaryScaling.Llama3,
            ["factor"] = rule.Factor,
            ["low_freq_factor"] = rule.LowFrequencyFactor,
            ["high_freq_factor"] = rule.HighFrequencyFactor,
            ["original_max_position_embeddings"] = rule.OriginalContext,
        };
    }

    // The published models have factors 1 and 4 and a power of two. Else: between the kept and the divided waves the blend is a line over 1 / wave, and only
    // the ratio of its numbers is in the tensor, so the lower factor is taken as 1.
    private static IEnumerable<RotaryScaling> Candidates(float[] factors, int headWidth, double theta)
    {
        double most = factors.Max();
        for (var context = 16; context <= 1 << 22; context *= 2)
        {
            yield return new RotaryScaling(RotaryScaling.Llama3, most, 1, 4, context);
        }

        var blended = Enumerable.Range(0, factors.Length).Where(j => factors[j] > 1 && factors[j] < most).ToArray();
        if (blended.Length < 2)
        {
            yield break;
        }

        (double Rate, double Blend) Point(int j) => (Math.Pow(theta, -2.0 * j / headWidth) / (2 * Math.PI), ((1 / factors[j]) - (1 / most)) / (1 - (1 / most)));
        var (first, last) = (Point(blended[0]), Point(blended[^1]));
        var slope = (first.Blend - last.Blend) / (first.Rate - last.Rate);
        var low = (slope * first.Rate) - first.Blend; // low / (high - low)
        if (low <= 0 || slope <= 0)
        {
            yield break;
        }

        var (high, original) = (1 + (1 / low), slope / low);
        if (original is < 1 or > int.MaxValue / 2)
        {
            yield break;
        }

        foreach (var digits in (int[])[0, 1, 2, 3, 4, 6])
        {
            yield return new RotaryScaling(RotaryScaling.Llama3, most, 1, Math.Round(high, digits), (int)Math.Round(original));
        }
    }

    private static bool Fits(RotaryScaling scaling, float[] factors, int headWidth, double theta)
    {
        var scaled = scaling.Frequencies(theta, headWidth, regime: 0);
        return RotaryScaling.Plain(theta, headWidth)
            .Select((frequency, j) => Math.Abs((frequency / scaled[j] / factors[j]) - 1))
            .All(difference => difference <= Tolerance);
    }
}
