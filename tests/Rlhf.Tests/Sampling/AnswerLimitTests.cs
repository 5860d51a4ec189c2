using Rlhf.Cli.Bench;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Sampling;
using Rlhf.World;

namespace Rlhf.Tests.Sampling;

public sealed class AnswerLimitTests
{
    private static readonly int[][] Prompts = [[1, 2, 3], [4], [5, 6]];

    [Fact]
    public void Each_answer_ends_at_its_own_limit_with_the_tokens_it_would_have_had()
    {
        var free = Generate(null);

        foreach (var live in new[] { 1, 3 })
        {
            var limited = Generate([2, 9, 5], live);
            Assert.Equal([2, 9, 5], limited.Select(static answer => answer.Response.Length));
            Assert.All(limited.Zip(free), static pair => Assert.Equal(pair.Second.Response[..pair.First.Response.Length], pair.First.Response));
        }
    }

    [Fact]
    public void The_limit_of_all_answers_stays() => Assert.Equal([2, 9, 9], Generate([2, 50, 50]).Select(static answer => answer.Response.Length));

    [Theory]
    [InlineData(1, 2)]
    [InlineData(1, 2, 0)]
    public void Limits_that_do_not_fit_the_prompts_are_refused(params int[] limits) => Assert.Throws<ArgumentException>(() => Generate(limits));

    private static Completion[] Generate(int[]? limits, int live = 8)
    {
        using var device = CpuDevice.Create(1);
        using var decoder = BenchmarkModels.Policy(device, DecoderConfig.FromShape(ModelFamilies.Find("gpt2")!, 50, 32, 1, 2, 32), seed: 3);
        using var generator = new Generator(decoder);
        return generator.Generate(Prompts, new GenerationSettings { MaxNewTokens = 9, Limits = limits, EndIds = [], Seed = 1, LiveSequences = live });
    }
}
