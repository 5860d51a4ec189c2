using Rlhf.Numerics;

namespace Rlhf.Model;

/// <summary>
/// GPT-2's initialisation (Radford 2019): weights normal(0, initializer range), those of the projections back into the residual stream divided by sqrt(2 x layers),
/// norm gains 1, biases 0. A number depends on (seed, parameter, element) only.
/// </summary>
public static class FreshParameters
{
    /// <summary>Fills the flat buffer of a decoder.</summary>
    /// <param name="layout">Where its parameters lie.</param>
    /// <param name="destination">As long as the layout; the gaps become 0.</param>
    /// <param name="seed">The seed.</param>
    public static void Fill(ParameterLayout layout, Span<float> destination, ulong seed)
    {
        var config = layout.Config;
        var names = ParameterNames.Of(config);
        var residual = Enumerable.Range(0, config.Layers)
            .SelectMany(layer => new[] { names.Layer(layer).Output + ".weight", names.Layer(layer).Down + ".weight" })
            .ToHashSet(StringComparer.Ordinal);
        destination.Clear();
        for (var i = 0; i < layout.Parameters.Count; i++)
        {
            var parameter = layout.Parameters[i];
            var part = destination.Slice(checked((int)parameter.Offset), checked((int)parameter.Length));
            if (parameter.Decays)
            {
                var deviation = config.InitializerRange / (residual.Contains(parameter.Name) ? Math.Sqrt(2.0 * config.Layers) : 1);
                Philox.Normal(part, seed, (ulong)i, (float)deviation);
            }
            else if (!parameter.Name.EndsWith(".bias", StringComparison.Ordinal))
            {
                part.Fill(1);
            }
        }
    }
}
