using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Sampling;
using Rlhf.World;

namespace Rlhf.Tests.Sampling;

public sealed class PromptScoringTests : IDisposable
{
    private const int Vocabulary = 1500; // More than one chunk of the language head.
    private readonly IDevice _device = CpuDevice.Create();
    private readonly Decoder _decoder;

    public PromptScoringTests()
    {
        var config = DecoderConfig.FromShape(ModelFamilies.Find("llama")!, Vocabulary, 16, 2, 2, 64);
        _decoder = FreshDecoder.Create(_device, config, HeadKind.Language, trainable: false);
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _device.Dispose();
    }

    [Fact]
    public async Task Prompts_have_the_scorers_bits_whatever_else_is_generated()
    {
        int[][] prompts = [[.. Enumerable.Range(0, 40).Select(i => i * 37 % Vocabulary)], [5, 6, 7], [5, 6, 7], [9]];
        using var scorer = new Scorer(_decoder, 512);
        var expected = prompts.Select(prompt => prompt.Length < 2 ? [] : scorer.ResponseLogProbabilities([prompt], [1]).LogProbabilities).ToArray();
        using var worker = new GenerationWorker(_decoder, 3, 64, 10, rowBudget: 7);
        var scored = prompts.Select((prompt, i) => Request(prompt, newTokens: i % 2) with { TopLogProbabilities = 2 });
        var jobs = worker.TrySubmit([.. scored, Request([5, 6, 7], 4) with { ScoresPrompt = false }])!;
        for (var i = 0; i < prompts.Length; i++)
        {
            var drawn = new List<DrawnToken>();
            await foreach (var token in jobs[i].Tokens.ReadAllAsync())
            {
                drawn.Add(token);
            }

            Assert.Equal(i % 2, drawn.Count);
            Assert.Equal(expected[i], jobs[i].PromptScores!.Select(score => score.LogProbability));
            Assert.All(jobs[i].PromptScores!, (score, place) =>
            {
                Assert.Equal(2, score.Top.Length);
                Assert.True(score.Top[0].LogProbability >= score.Top[1].LogProbability);
                // Each of the top has the bits that a scorer gives it.
                int[] other = [.. prompts[i][..(place + 1)], score.Top[1].Id];
                Assert.Equal(scorer.ResponseLogProbabilities([other], [other.Length - 1]).LogProbabilities[0], score.Top[1].LogProbability);
            });
        }
    }

    [Fact]
    public void Penalties_are_openais_formulas()
    {
        var changes = new LogitChanges { PresencePenalty = 0.5, FrequencyPenalty = 0.25, Bias = new Dictionary<int, double> { [2] = -3, [0] = 1 } };
        float[] logits = [1, 2, 3, 4];
        changes.AddBias(logits);
        changes.Penalise(logits, [1, 3, 1]);
        Assert.Equal([2f, 2f - 0.5f - 0.5f, 0f, 4f - 0.25f - 0.5f], logits);
    }

    [Fact]
    public void Only_tokens_of_the_answer_are_penalised_and_only_allowed_ones_are_drawn()
    {
        var sampler = new Sampler(4);
        var greedy = new SamplingOptions { Temperature = 0 };
        var changes = new LogitChanges { FrequencyPenalty = 2 };
        Assert.Equal(3, sampler.Sample([1, 2, 3, 4], [3, 3, 3], 0, greedy, new DrawLimits(changes, 3, [])));
        Assert.Equal(2, sampler.Sample([1, 2, 3, 4], [3, 3, 3], 0, greedy, new DrawLimits(changes, 2, [])));
        for (var i = 0; i < 100; i++)
        {
            var options = new SamplingOptions { TopP = 0.9 + (i / 1000.0) };
            Assert.Contains(sampler.Sample([1, 2, 3, 40], [], i / 100.0, options, new DrawLimits(null, 0, [0b0101UL])), new[] { 0, 2 });
        }

        Assert.Throws<RunFailedException>(() => sampler.Sample([1, 2, 3, float.NaN], [], 0, greedy, new DrawLimits(null, 0, [0b0101UL])));
    }

    private static GenerationRequest Request(int[] prompt, int newTokens) => new()
    {
        Prompt = prompt,
        Sampling = new SamplingOptions(),
        MaxNewTokens = newTokens,
        ScoresPrompt = true,
        EndIds = [],
        Seed = 3,
    };
}
