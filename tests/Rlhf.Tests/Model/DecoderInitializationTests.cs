using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.World;

namespace Rlhf.Tests.Model;

public sealed class DecoderInitializationTests
{
    private static (ParameterLayout Layout, float[] Values) Fresh(string family, ulong seed)
    {
        var layout = new ParameterLayout(DecoderConfig.FromShape(ModelFamilies.Find(family)!, 101, 60, 3, 6, 17, tiedEmbeddings: false));
        var values = Enumerable.Repeat(float.NaN, (int)layout.Length).ToArray();
        DecoderInitialization.Fill(layout, values, seed);
        return (layout, values);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("qwen3")]
    public void Matrices_are_normal_and_those_that_write_to_the_residual_stream_are_smaller(string family)
    {
        var (layout, values) = Fresh(family, 7);
        string[] residual = ["attn.c_proj.weight", "mlp.c_proj.weight", "o_proj.weight", "down_proj.weight"];
        foreach (var matrix in layout.Parameters.Where(parameter => parameter.Shape.Length >= 2))
        {
            var expected = residual.Any(matrix.Name.EndsWith) ? 0.02 / Math.Sqrt(2 * 3) : 0.02;
            var numbers = values.AsSpan((int)matrix.Offset, (int)matrix.Length).ToArray();
            var deviation = Math.Sqrt(numbers.Average(number => (double)number * number));
            var error = expected / Math.Sqrt(2.0 * numbers.Length); // of a standard deviation estimated from as many numbers
            Assert.InRange(deviation, expected - (5 * error), expected + (5 * error));
            Assert.InRange(numbers.Average(), -5 * expected / Math.Sqrt(numbers.Length), 5 * expected / Math.Sqrt(numbers.Length));
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void Gains_are_one_biases_and_gaps_are_zero(string family)
    {
        var (layout, values) = Fresh(family, 7);
        foreach (var parameter in layout.Parameters)
        {
            var numbers = values.AsSpan((int)parameter.Offset, (int)parameter.Length);
            if (parameter.Shape.Length == 1)
            {
                Assert.All(numbers.ToArray(), number => Assert.Equal(parameter.Name.EndsWith(".bias") ? 0 : 1, number));
            }

            numbers.Clear();
        }

        Assert.All(values, gap => Assert.Equal(0, gap));
    }

    [Fact]
    public void The_seed_decides_and_no_two_parameters_share_their_numbers()
    {
        var (layout, values) = Fresh("llama", 7);
        Assert.Equal(values, Fresh("llama", 7).Values);
        Assert.NotEqual(values, Fresh("llama", 8).Values);
        var firsts = layout.Parameters.Where(parameter => parameter.Shape.Length >= 2).Select(parameter => values[parameter.Offset]).ToList();
        Assert.Equal(firsts.Count, firsts.Distinct().Count());
    }
}
