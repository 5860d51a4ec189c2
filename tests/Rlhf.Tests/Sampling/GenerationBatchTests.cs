using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Sampling;
using Rlhf.World;

namespace Rlhf.Tests.Sampling;

public sealed class GenerationBatchTests : IDisposable
{
    private const int Vocabulary = 40;
    private readonly IDevice _device = CpuDevice.Create();
    private readonly Decoder _decoder;
    private readonly GenerationBatch _batch;

    public GenerationBatchTests()
    {
        var config = DecoderConfig.FromShape(ModelFamilies.Find("llama")!, Vocabulary, 16, 2, 2, 64);
        _decoder = FreshDecoder.Create(_device, config, HeadKind.Language, trainable: false);
        _batch = new GenerationBatch(_decoder);
        _batch.Reserve(3, 64);
    }

    public void Dispose()
    {
        _batch.Dispose();
        _decoder.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void An_answer_is_the_same_alone_and_among_others_that_come_and_go()
    {
        GenerationRequest[] requests =
        [
            Request([1, 2, 3], seed: 5) with { Sampling = new SamplingOptions { Temperature = 0.7, TopP = 0.9 }, LogProbabilityTemperature = 0.7 },
            Request([9, 8, 7, 6, 5, 4, 3, 2, 1], seed: 6),
            Request([7], seed: 7) with { Sampling = new SamplingOptions { Temperature = 0 }, TopLogProbabilities = 3 },
            Request([1, 2, 3], seed: 8) with { EndIds = [11, 12, 13] },
            Request([30, 31], seed: 9) with { MaxNewTokens = 3 },
        ];
        var alone = requests.Select(request => Run([request])[0]).ToArray();
        var together = Run(requests, rowBudget: 4);

        Assert.Equal(alone.Select(sequence => sequence.Response.ToArray()), together.Select(sequence => sequence.Response.ToArray()));
        Assert.Equal(alone.Select(sequence => sequence.LogProbabilities.ToArray()), together.Select(sequence => sequence.LogProbabilities.ToArray()));
        Assert.Equal(alone[2].Top.SelectMany(top => top), together[2].Top.SelectMany(top => top));
        Assert.Equal(3, together[4].Response.Length);
    }

    [Fact]
    public void Answers_do_not_depend_on_the_number_of_threads()
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 9).Select(seed =>
            Request([1 + seed, 2, 3], (ulong)seed) with
            {
                Sampling = new SamplingOptions { TopP = 0.95, RepetitionPenalty = 1.2 },
                TopLogProbabilities = seed % 3,
            })];
        var answers = new[] { 1, 2, 5 }.Select(threads =>
        {
            using var device = CpuDevice.Create(threads);
            using var decoder = FreshDecoder.Create(device, _decoder.Config, HeadKind.Language, trainable: false);
            using var batch = new GenerationBatch(decoder);
            batch.Reserve(requests.Length, 64);
            var sequences = requests.Select(batch.Add).ToArray();
            for (var token = 0; token < requests[0].MaxNewTokens; token++)
            {
                batch.Step(2048);
            }

            return sequences.Select(
                sequence => (sequence.Response.ToArray(), sequence.LogProbabilities.ToArray(), sequence.Top.SelectMany(top => top).ToArray())).ToArray();
        }).ToArray();

        Assert.Equal(9, answers[0].Select(answer => string.Join(' ', answer.Item1)).Distinct().Count());
        Assert.All(answers, those => Assert.Equivalent(answers[0], those, strict: true));
    }

    [Fact]
    public void A_sequence_that_leaves_early_frees_its_room_and_leaves_the_others_as_they_are()
    {
        var expected = Run([Request([4, 5], seed: 1)])[0].Response.ToArray();
        var staying = _batch.Add(Request([4, 5], seed: 1));
        var leaving = _batch.Add(Request([6, 7], seed: 2));
        _batch.Add(Request([8], seed: 3));
        Assert.False(_batch.HasFree);
        _batch.Step(2048);
        _batch.Remove(leaving);
        Assert.True(_batch.HasFree);
        var late = _batch.Add(Request([4, 5], seed: 1));
        while (!late.IsDone)
        {
            _batch.Step(2048);
            foreach (var done in _batch.Live.Where(sequence => sequence.IsDone).ToArray())
            {
                _batch.Remove(done);
            }
        }

        Assert.Equal(expected, staying.Response);
        Assert.Equal(expected, late.Response);
    }

    [Theory]
    [InlineData(2048)]
    [InlineData(4)]
    public void A_prompt_is_fed_once_and_its_answers_are_those_that_are_drawn_alone(int rowBudget)
    {
        int[] prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
        GenerationRequest[] requests = [.. Enumerable.Range(0, 3).Select(seed => Request(prompt, (ulong)seed) with { MaxNewTokens = 6 })];
        var alone = requests.Select(request => Run([request])[0]).ToArray();
        var before = _batch.Rows;
        var together = Run(requests, rowBudget);

        Assert.Equal(alone.Select(sequence => sequence.Response.ToArray()), together.Select(sequence => sequence.Response.ToArray()));
        Assert.Equal(alone.Select(sequence => sequence.LogProbabilities.ToArray()), together.Select(sequence => sequence.LogProbabilities.ToArray()));
        Assert.Equal(prompt.Length + 2 + (3 * 5), _batch.Rows - before); // the two others feed the prompt's last token only
    }

    [Fact]
    public void A_prompt_outlives_the_sequence_that_fed_it()
    {
        int[] prompt = [3, 1, 4, 1, 5];
        var expected = Run([Request(prompt, seed: 2)])[0].Response.ToArray();
        var first = _batch.Add(Request(prompt, seed: 1) with { MaxNewTokens = 1 });
        var second = _batch.Add(Request(prompt, seed: 2));
        _batch.Step(2048);
        Assert.True(first.IsDone);
        Assert.False(second.HasDrawn);
        _batch.Remove(first);
        var before = _batch.Rows;
        _batch.Step(2048);
        Assert.Equal(1, _batch.Rows - before);
        _batch.Remove(_batch.Add(Request([8, 8], seed: 3))); // takes the room that became free
        var late = _batch.Add(Request(prompt, seed: 2)); // copies from one that is well beyond the prompt
        while (!late.IsDone)
        {
            _batch.Step(2048);
            if (second.IsDone)
            {
                _batch.Remove(second);
            }
        }

        Assert.Equal(expected, second.Response);
        Assert.Equal(expected, late.Response);
    }

    [Fact]
    public void The_most_probable_tokens_are_the_first_of_the_whole_distribution()
    {
        var some = Run([Request([1, 2], seed: 3) with { TopLogProbabilities = 4 }])[0];
        var all = Run([Request([1, 2], seed: 3) with { TopLogProbabilities = 2 * Vocabulary }])[0];

        for (var i = 0; i < some.Response.Length; i++)
        {
            var (chosen, probability) = (some.Response[i], some.LogProbabilities[i]);
            Assert.Equal(Vocabulary, all.Top[i].Length);
            Assert.Equal(1, all.Top[i].Sum(token => Math.Exp(token.LogProbability)), 1e-5);
            Assert.Equal(all.Top[i].OrderByDescending(token => token.LogProbability).ThenBy(token => token.Id), all.Top[i]);
            Assert.Equal(probability, all.Top[i].Single(token => token.Id == chosen).LogProbability);
            Assert.Equal(all.Top[i][..4], some.Top[i]);
        }
    }

    [Fact]
    public void What_does_not_fit_the_room_is_refused()
    {
        Assert.Throws<ArgumentException>(() => _batch.Add(Request([1], seed: 1) with { MaxNewTokens = 64 }));
        Assert.Throws<ArgumentException>(() => _batch.Add(Request([], seed: 1)));
        Assert.True(_batch.HasFree);
    }

    private static GenerationRequest Request(int[] prompt, ulong seed) =>
        new() { Prompt = prompt, Sampling = new SamplingOptions(), MaxNewTokens = 12, EndIds = [], Seed = seed };

    /// <summary>All of them through the batch's three places, in the order in which places become free.</summary>
    private GenerationSequence[] Run(GenerationRequest[] requests, int rowBudget = 2048)
    {
        var (waiting, sequences) = (new Queue<GenerationRequest>(requests), new List<GenerationSequence>());
        while (waiting.Count > 0 || _batch.Live.Count > 0)
        {
            while (_batch.HasFree && waiting.TryDequeue(out var request))
            {
                sequences.Add(_batch.Add(request));
            }

            _batch.Step(rowBudget);
            foreach (var done in _batch.Live.Where(sequence => sequence.IsDone).ToArray())
            {
                _batch.Remove(done);
            }
        }

        return [.. sequences];
    }
}
