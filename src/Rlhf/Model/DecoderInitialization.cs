namespace Rlhf.Model;

/// <summary>
/// Fresh parameters as GPT-2 has them (Radford 2019, section 2.3): matrices normal(0, initializer range), those that write to the
/// residual stream divided by sqrt(2 * layers), because that many writes add up; gains 1, biases 0.
/// </summary>
public static class DecoderInitialization
{
    /// <summary>Fills the flat buffer; the gaps become 0.</summary>
    /// <param name="layout">Where the parameters lie; parameter i draws from stream i.</param>
    /// <param name="parameters">As long as the layout.</param>
    /// <param name="seed">The same seed gives the same parameters.</param>
    public static void Fill(ParameterLayout layout, Span<float> parameters, ulong seed)
    {
        if (parameters.Length != layout.Length)
        {
            throw new ArgumentException($"The buffer has {parameters.Length} floats, the model needs {layout.Length}.", nameof(parameters));
        }

        parameters.Clear();
        var config = layout.Config;
        var residual = Enumerable.Range(0, config.Layers).Select(layout.LayerParameters)
            .SelectMany(layer => new[] { layer.OutputWeight, layer.DownWeight }).ToHashSet();
        for (var i = 0; i < layout.Parameters.Count; i++)
        {
            var parameter = layout.Parameters[i];
            var values = parameters.Slice((int)parameter.Offset, (int)parameter.Length);
            var deviation = residual.Contains(parameter.Offset)
                ? config.InitializerRange / Math.Sqrt(2.0 * config.Layers)
                : config.InitializerRange;
            if (parameter.Shape.Length >= 2)
            {
                Philox.Normal(values, seed, (ulong)i, (float)deviation);
            }
            else
            {
                values.Fill(parameter.Name.EndsWith(".weight", StringComparison.Ordinal) && !config.GainsFromOne ? 1 : 0);
            }
        }
    }
}
