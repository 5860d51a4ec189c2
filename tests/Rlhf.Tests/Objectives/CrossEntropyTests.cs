using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

public class CrossEntropyTests
{
    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    [InlineData("qwen3-tiny")]
    public void Sft_losses_of_the_models_are_the_references(string model)
    {
        // The log-probabilities come from the fixture's tensors through the safetensors header.
        var golden = Golden.Load(model, "fixture.json").Root;
        var (lengths, prompts) = (golden.Ints("lengths"), golden.Ints("prompt_lengths"));
        var table = FixtureTensor.Read(ReferenceFiles.PathOf(model, "fixture.safetensors"), "next_logprobs");
        float[][] rows = [.. lengths.Select((length, b) => table[b][(prompts[b] - 1)..(length - 1)])];
        float[] completion = [.. rows.SelectMany(r => r)];
        var gradient = new float[completion.Length];

        Golden.Equal(golden.Number("sft_loss"), CrossEntropy.TokenMean(completion, completion.Length, gradient));
        Assert.All(gradient, g => Assert.Equal(-1f / completion.Length, g));
        var offsets = Golden.Offsets([.. rows.Select(r => r.Length)]);
        Golden.Equal(golden.Number("sft_loss_row_mean"), CrossEntropy.RowMean(completion, offsets, rows.Length, gradient));
        Golden.IsGradient(gradient, completion, at => CrossEntropy.RowMean(at, offsets, rows.Length, new float[at.Length]));
        float[] all = [.. lengths.SelectMany((length, b) => table[b][..(length - 1)])];
        Golden.Equal(golden.Number("lm_loss_all_tokens"), CrossEntropy.TokenMean(all, all.Length, new float[all.Length]));
    }

    [Fact]
    public void Every_split_of_a_batch_adds_up_to_the_same_loss_and_gradient()
    {
        float[] logProbabilities = [-1, -2, -3, -4, -5], whole = new float[5];
        var loss = CrossEntropy.TokenMean(logProbabilities, 5, whole);
        for (var cut = 1; cut < 5; cut++)
        {
            float[] a = new float[cut], b = new float[5 - cut];
            Assert.Equal(loss, CrossEntropy.TokenMean(logProbabilities.AsSpan(0, cut), 5, a) + CrossEntropy.TokenMean(logProbabilities.AsSpan(cut), 5, b), 12);
            Assert.Equal(whole, a.Concat(b));
        }
    }

    [Fact]
    public void A_mean_over_no_tokens_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.TokenMean([], 0, []));
}
