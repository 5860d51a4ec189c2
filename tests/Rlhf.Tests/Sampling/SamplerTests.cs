using System.Text.Json;
using Rlhf.Sampling;
using Rlhf.Tests.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Sampling;

public class SamplerTests
{
    private static readonly JsonElement File = Golden.Load("samplers.json").Root;

    [Fact]
    public void Every_chain_of_filters_keeps_the_references_tokens_with_its_probabilities()
    {
        var previous = File.Ints("previous_token_ids");
        var tested = 0;
        foreach (var @case in File.GetProperty("cases").EnumerateArray())
        {
            var logits = File.GetProperty("logits").Floats(@case.GetProperty("logits").GetString()!);
            Matches(@case, Probabilities(logits, Options(@case.GetProperty("processors").GetString()!.Split('+')), previous));
            tested++;
        }

        Assert.True(tested >= 42);
    }

    [Fact]
    public void Tokens_that_tie_at_the_k_th_place_all_stay()
    {
        var tie = File.GetProperty("top_k_tie");
        Matches(tie, Probabilities(tie.Floats("logits"), new SamplingOptions { TopK = tie.GetProperty("k").GetInt32() }));
    }

    [Fact]
    public void Random_logits_are_filtered_as_by_sorting()
    {
        var random = new Random(7);
        for (var trial = 0; trial < 300; trial++)
        {
            var logits = new float[random.Next(1, 80)];
            // A coarse grid brings ties; large ones bring weights of 0.
            for (var i = 0; i < logits.Length; i++)
            {
                logits[i] = random.Next(-12, 12) * (trial % 3 == 0 ? 20f : 0.25f);
            }

            var options = new SamplingOptions
            {
                Temperature = 0.5 + random.NextDouble(),
                TopK = random.Next(1, 40),
                TopP = 0.05 + 0.95 * random.NextDouble(),
                MinP = 0.1 * random.NextDouble(),
            };
            var (expected, found) = (Sorted(logits, options), Probabilities(logits, options));
            for (var i = 0; i < logits.Length; i++)
            {
                Assert.Equal(expected[i], found[i], 1e-6);
            }
        }
    }

    [Fact]
    public void Draws_follow_the_inverse_of_the_cumulative_distribution_in_order_of_ids()
    {
        var sampler = new Sampler(4);
        int Draw(double u) => sampler.Sample([0f, float.NegativeInfinity, MathF.Log(2), MathF.Log(5)], [], u, new SamplingOptions());
        Assert.Equal(0, Draw(0));
        Assert.Equal(0, Draw(0.124));
        Assert.Equal(2, Draw(0.126));
        Assert.Equal(2, Draw(0.374));
        Assert.Equal(3, Draw(0.376));
        Assert.Equal(3, Draw(Math.BitDecrement(1.0)));
    }

    [Fact]
    public void Greedy_takes_the_lowest_id_of_equal_ones_after_the_repetition_penalty()
    {
        var sampler = new Sampler(4);
        var greedy = new SamplingOptions { Temperature = 0 };
        Assert.Equal(1, sampler.Sample([1, 3, 3, 2], [], 0.99, greedy));
        Assert.Equal(2, sampler.Sample([1, 3, 3, 2], [1, 1], 0.99, greedy with { RepetitionPenalty = 1.1 }));
        Assert.Equal([0, 1, 0, 0], Probabilities([1, 3, 3, 2], greedy));
    }

    [Fact]
    public void The_repetition_penalty_counts_a_token_once_in_each_draw()
    {
        var sampler = new Sampler(2);
        var options = new SamplingOptions { RepetitionPenalty = 2 };
        for (var draw = 0; draw < 2; draw++)
        {
            float[] logits = [4, -1];
            sampler.KeptProbabilities(logits, [0, 0, 1, 1, 0], options, new double[2]);
            Assert.Equal([2, -2], logits);
        }
    }

    [Theory]
    [InlineData(1e-42)]
    [InlineData(1e30)]
    public void Extreme_temperatures_give_finite_probabilities(double temperature) =>
        Assert.Equal(1, Probabilities([5, 1, -3, float.NegativeInfinity, -1e30f], new SamplingOptions { Temperature = temperature }).Sum(), 6);

    [Fact]
    public void A_tokens_weight_does_not_depend_on_its_place()
    {
        var probabilities = Probabilities([.. Enumerable.Range(0, 37).Select(i => i % 2 == 0 ? 0.37f : -1.1f)], new SamplingOptions { Temperature = 0.7 });
        Assert.Equal(2, probabilities.Distinct().Count());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_finite_stop_the_run(float bad)
    {
        Assert.Throws<RunFailedException>(() => Probabilities([1, bad, 2], new SamplingOptions()));
        Assert.Throws<RunFailedException>(() => Probabilities([bad, 1], new SamplingOptions { Temperature = 0 }));
        Assert.Throws<RunFailedException>(() => Probabilities([float.NegativeInfinity, float.NegativeInfinity], new SamplingOptions()));
    }

    [Fact]
    public void All_wrong_options_are_named_at_once()
    {
        var wrong = new SamplingOptions { Temperature = -1, TopK = 0, TopP = 1.5, MinP = double.NaN, RepetitionPenalty = 0 };
        Assert.Equal(5, wrong.Errors().Count);
        var message = Assert.Throws<InputException>(wrong.Validate).Message;
        Assert.Contains("temperature is -1, but must be 0 (greedy) or more", message, StringComparison.Ordinal);
        Assert.Contains("min_p", message, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => Probabilities([1, 2], wrong));
        Assert.Empty(new SamplingOptions().Errors());
    }

    [Fact]
    public void Drawing_allocates_nothing()
    {
        var sampler = new Sampler(50);
        var logits = new float[50];
        var options = Options(["repetition_penalty", "temperature", "top_k", "top_p", "min_p"]);
        int[] previous = [1, 2, 3];
        sampler.Sample(logits, previous, 0.3, options);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            sampler.Sample(logits, previous, 0.3, options);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static SamplingOptions Options(string[] names)
    {
        var p = File.GetProperty("parameters");
        return new SamplingOptions
        {
            Temperature = names.Contains("temperature") ? p.Number("temperature") : 1,
            TopK = names.Contains("top_k") ? p.GetProperty("top_k").GetInt32() : null,
            TopP = names.Contains("top_p") ? p.Number("top_p") : 1,
            MinP = names.Contains("min_p") ? p.Number("min_p") : 0,
            RepetitionPenalty = names.Contains("repetition_penalty") ? p.Number("repetition_penalty") : 1,
        };
    }

    private static double[] Probabilities(float[] logits, SamplingOptions options, int[]? previous = null)
    {
        var probabilities = new double[logits.Length];
        new Sampler(logits.Length).KeptProbabilities((float[])logits.Clone(), previous, options, probabilities);
        return probabilities;
    }

    private static void Matches(JsonElement expected, double[] found)
    {
        var probabilities = expected.Doubles("probs");
        Assert.Equal(expected.Ints("kept_ids"), Enumerable.Range(0, found.Length).Where(i => found[i] > 0));
        for (var i = 0; i < found.Length; i++)
        {
            Assert.Equal(probabilities[i], found[i], 1e-6);
        }
    }

    // The plain way: sort, then cut; of equal logits at the edge of top-p those with the lowest ids stay.
    private static double[] Sorted(float[] logits, SamplingOptions options)
    {
        var largest = logits.Max();
        double[] weights = [.. logits.Select(l => (double)(float)Math.Exp((l - largest) / options.Temperature))];
        int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i])];
        var kth = logits[order[Math.Min(options.TopK!.Value, order.Length) - 1]];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = logits[i] < kth ? 0 : weights[i];
        }

        var (mass, target) = (0.0, options.TopP * weights.Sum());
        foreach (var i in order)
        {
            if (mass >= target)
            {
                weights[i] = 0;
            }

            mass += weights[i];
        }

        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = weights[i] < options.MinP ? 0 : weights[i];
        }

        var total = weights.Sum();
        return [.. weights.Select(w => w / total)];
    }
}
