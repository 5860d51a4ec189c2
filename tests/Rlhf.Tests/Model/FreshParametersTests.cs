using Rlhf.Model;

namespace Rlhf.Tests.Model;

public class FreshParametersTests
{
    private static float[] Fill(DecoderConfig config, ulong seed)
    {
        var layout = new ParameterLayout(config);
        var parameters = new float[layout.Length];
        FreshParameters.Fill(layout, parameters, seed);
        return parameters;
    }

    private static double DeviationOf(ParameterLayout layout, float[] parameters, string name)
    {
        var parameter = layout[name];
        return Math.Sqrt(parameters.AsSpan((int)parameter.Offset, (int)parameter.Length).ToArray().Average(value => (double)value * value));
    }

    [Fact]
    public void Residual_projections_are_scaled_down_by_the_depth()
    {
        var config = DecoderConfig.FromShape(DecoderFamily.Gpt2, vocabularySize: 300, width: 64, layers: 8, heads: 4, contextLength: 32);
        var layout = new ParameterLayout(config);
        var parameters = Fill(config, seed: 1);

        Assert.Equal(0.02, DeviationOf(layout, parameters, "transformer.wte.weight"), 0.001);
        Assert.Equal(0.02, DeviationOf(layout, parameters, "transformer.h.3.attn.c_attn.weight"), 0.001);
        Assert.Equal(0.02 / 4, DeviationOf(layout, parameters, "transformer.h.3.attn.c_proj.weight"), 0.0003);
        Assert.Equal(0.02 / 4, DeviationOf(layout, parameters, "transformer.h.3.mlp.c_proj.weight"), 0.0003);
    }

    [Theory]
    [InlineData(DecoderFamily.Gpt2)]
    [InlineData(DecoderFamily.Qwen3)]
    [InlineData(DecoderFamily.Qwen2)]
    public void Norm_gains_are_1_and_biases_0(DecoderFamily family)
    {
        var config = DecoderConfig.FromShape(family, vocabularySize: 300, width: 64, layers: 2, heads: 4, contextLength: 32);
        var parameters = Fill(config, seed: 1);

        foreach (var parameter in new ParameterLayout(config).Parameters.Where(parameter => parameter.Shape.Length == 1))
        {
            var expected = parameter.Name.EndsWith(".bias", StringComparison.Ordinal) ? 0f : 1f;
            Assert.All(parameters[(int)parameter.Offset..(int)(parameter.Offset + parameter.Length)], value => Assert.Equal(expected, value));
        }
    }

    [Fact]
    public void The_seed_decides_every_number()
    {
        var config = DecoderConfig.FromShape(DecoderFamily.Llama, vocabularySize: 300, width: 64, layers: 2, heads: 4, contextLength: 32);

        Assert.Equal(Fill(config, 5), Fill(config, 5));
        Assert.NotEqual(Fill(config, 5), Fill(config, 6));
    }
}
