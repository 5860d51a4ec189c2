using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Stages.Reward;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Reward;

/// <summary>Reward training with and without shared prompts.</summary>
public sealed class SharedRankingTests
{
    // A dropout this small keeps every number as it is, and takes the path on which each answer brings its prompt.
    private const double NoDropoutButPlain = 1e-30;

    [Theory]
    [InlineData(4096)]
    [InlineData(120)]
    public void Losses_are_those_of_answers_that_bring_their_prompt_each(int microBatchTokens)
    {
        var shared = Train(0, microBatchTokens, threads: 2);
        var plain = Train(NoDropoutButPlain, microBatchTokens, threads: 2);

        Assert.Equal(6, shared.Count);
        Assert.Equal(plain[0]["loss"], shared[0]["loss"]); // before the first update: the same bits
        for (var step = 0; step < shared.Count; step++)
        {
            Assert.Equal(plain[step]["loss"], shared[step]["loss"], 1e-4);
            Assert.Equal(plain[step]["gradient_norm"], shared[step]["gradient_norm"], 1e-4 * plain[step]["gradient_norm"]);
        }
    }

    [Fact]
    public void Training_gives_the_same_bits_for_any_number_of_threads() =>
        Assert.Equal(Train(0, 4096, threads: 1).Select(row => row["gradient_norm"]), Train(0, 4096, threads: 3).Select(row => row["gradient_norm"]));

    private static List<Dictionary<string, double>> Train(double dropout, int microBatchTokens, int threads)
    {
        using var device = CpuDevice.Create(threads);
        using var decoder =
            FreshDecoder.Create(device, DecoderConfig.FromShape(ModelFamilies.Find("llama")!, 60, 32, 2, 2, 96), HeadKind.Scalar, trainable: true);
        RewardTrainer.InitializeHead(decoder, HeadInitialization.Normal, 5);
        decoder.Refresh();
        var host = new RecordingHost();
        var options = new RewardOptions { Batch = 3, Epochs = 2, LearningRate = 1e-3, Dropout = dropout, MicroBatchTokens = microBatchTokens };
        using var arena = new Arena(device);
        using var trainer = new RewardTrainer(options, decoder, [.. Enumerable.Range(0, 9).Select(Ranking)], [Ranking(20), Ranking(21)], 6, host, arena);
        trainer.Run();
        return [.. host.Rows.Where(row => row.ContainsKey("loss"))];
    }

    /// <summary>A ranking of two to five answers, the last of which has another prompt, as a cut one would have.</summary>
    private static EncodedRanking Ranking(int seed)
    {
        var random = new Random(seed);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(60))];
        var prompt = Tokens(random.Next(4, 41));
        var answers = Enumerable.Range(0, random.Next(2, 6)).Select(i => Answer(i == 3 ? prompt[1..] : prompt, Tokens(random.Next(1, 30)))).ToArray();
        return new EncodedRanking($"{seed}", "", answers, [.. Enumerable.Range(1, answers.Length - 1).Select(worse => (0, worse))], [], 1, null, null);
    }

    private static EncodedSequence Answer(int[] prompt, int[] response) => new([.. prompt, .. response], prompt.Length, null, "", false);
}
