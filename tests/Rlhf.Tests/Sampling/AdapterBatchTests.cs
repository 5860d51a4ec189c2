using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Sampling;
using Rlhf.Tests.Compute.OneDnn;
using Rlhf.Training;

namespace Rlhf.Tests.Sampling;

/// <summary>Models that differ in their adapters alone and generate in one batch.</summary>
public sealed class AdapterBatchTests
{
    private const int Vocabulary = 40;
    private const int Context = 64;
    private static readonly int[] Prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];

    public static TheoryData<string, InstructionSet, int> Batches()
    {
        var data = new TheoryData<string, InstructionSet, int>();
        foreach (var family in (string[])["llama", "gpt2"])
        {
            foreach (var set in CpuDevice.Available)
            {
                data.Add(family, set, 2048);
                data.Add(family, set, 7); // prompts come in parts
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Batches))]
    public void Answers_of_different_adapters_in_one_batch_are_those_of_each_adapter_alone(string family, InstructionSet set, int rowBudget)
    {
        using var device = CpuDevice.Create(2, set);
        using var models = new Models(device, family);
        RequireSameAlone(models, rowBudget);
    }

    [Fact]
    public void The_same_holds_on_weights_in_4_bits()
    {
        using var device = CpuDevice.Create(2);
        using var models = new Models(device, "llama", WeightStorage.Q4);
        RequireSameAlone(models, rowBudget: 2048);
    }

    [Fact]
    public void A_prompt_is_fed_once_for_each_model_that_answers_it()
    {
        using var device = CpuDevice.Create(2);
        using var models = new Models(device, "llama");
        using var batch = new GenerationBatch(models.All[0], others: models.All[1..]);
        batch.Reserve(6, Context);
        Run(batch, [.. Enumerable.Range(0, 6).Select(i => Request(Prompt, i % 3, (ulong)i) with { MaxNewTokens = 1 })]);

        Assert.Equal((3 * Prompt.Length) + 3, batch.Rows); // the second answer of each feeds the prompt's last token alone
    }

    [Fact]
    public void A_worker_generates_with_all_models()
    {
        using var device = CpuDevice.Create(2);
        using var models = new Models(device, "llama");
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => Request(Prompt, i % 4, (ulong)i))];
        var alone = requests.Select(request => Alone(models, request, 2048).Response.ToArray()).ToArray();
        using var worker = new GenerationWorker(models.All[0], slots: 3, Context, queueLimit: 8, rowBudget: 5, others: models.All[1..]);
        var jobs = worker.TrySubmit(requests)!;

        Assert.Equal(alone, jobs.Select(job => job.Tokens.ReadAllAsync().ToBlockingEnumerable().Select(token => token.Id).ToArray()));
    }

    [Fact]
    public void A_model_whose_numbers_are_not_finite_fails_alone_and_leaves_nothing_in_its_place()
    {
        using var device = CpuDevice.Create(2);
        using var models = new Models(device, "llama");
        var broken = models.All[2];
        device.Fill(broken.Parameters.Slice(0, broken.Adapter!.Layout.Length), 1e30f);
        broken.Refresh();
        var sound = Request([7, 8], model: 1, seed: 2);
        var alone = Alone(models, sound, 2048);
        using var batch = new GenerationBatch(models.All[0], others: models.All[1..]);
        batch.Reserve(2, Context);
        var (beside, failing) = (batch.Add(sound), batch.Add(Request(Prompt, model: 2, seed: 1)));
        batch.Step(2048);
        Assert.False(failing.HasDrawn);
        Assert.NotNull(failing.Failure);
        batch.Remove(failing);
        var after = batch.Add(sound); // in the room of the one that failed
        Run(batch, []);

        Assert.Equal(alone.LogProbabilities, beside.LogProbabilities);
        Assert.Equal(alone.LogProbabilities, after.LogProbabilities);
        using var generator = new Generator(broken);
        Assert.Throws<RunFailedException>(() => generator.Generate([Prompt], new GenerationSettings { MaxNewTokens = 2, EndIds = [], Seed = 1 }));
    }

    [OneDnnFact]
    public void The_same_holds_where_products_are_computed_in_bfloat16()
    {
        using var device = CpuDevice.Create(2, precision: Precision.Bf16);
        using var models = new Models(device, "llama");
        RequireSameAlone(models, rowBudget: 2048);
    }

    [Fact]
    public void A_model_that_is_not_there_and_weights_that_are_not_shared_are_refused()
    {
        using var device = CpuDevice.Create(1);
        using var models = new Models(device, "llama");
        using var others = new Models(device, "llama");
        using var batch = new GenerationBatch(models.All[0], others: models.All[1..2]);
        batch.Reserve(1, Context);

        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Add(Request(Prompt, model: 2, seed: 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Add(Request(Prompt, model: -1, seed: 1)));
        Assert.True(batch.HasFree);
        Assert.Throws<ArgumentException>(() => new GenerationBatch(models.All[0], others: others.All[1..]));
    }

    private static void RequireSameAlone(Models models, int rowBudget)
    {
        // The same prompt for all, long ones beside short ones, in an order that mixes the models.
        GenerationRequest[] requests =
        [
            .. Enumerable.Range(0, 8).Select(i => Request(Prompt, (3 * i) % 4, (ulong)(i / 4))),
            Request([7], 2, seed: 3) with { TopLogProbabilities = 3 },
            Request([.. Prompt, .. Prompt, .. Prompt], 1, seed: 4),
            Request([8, 9], 3, seed: 5) with { Sampling = new SamplingOptions { Temperature = 0.7, TopP = 0.9 }, LogProbabilityTemperature = 0.7 },
            Request([1, 2, 3, 4, 5, 6], 0, seed: 6) with { MaxNewTokens = 3 },
        ];
        using var batch = new GenerationBatch(models.All[0], others: models.All[1..]);
        batch.Reserve(5, Context);
        var together = Run(batch, requests, rowBudget);
        for (var i = 0; i < requests.Length; i++)
        {
            var alone = Alone(models, requests[i], rowBudget);
            Assert.Equal(alone.Response, together[i].Response);
            Assert.Equal(alone.LogProbabilities, together[i].LogProbabilities);
            Assert.Equal(alone.Top.SelectMany(static top => top), together[i].Top.SelectMany(static top => top));
        }

        Assert.Equal(4, together.Take(4).Select(static sequence => sequence.LogProbabilities[0]).Distinct().Count()); // each adapter changes something
    }

    /// <summary>The answer of the request's model in a batch that knows no other.</summary>
    private static GenerationSequence Alone(Models models, GenerationRequest request, int rowBudget)
    {
        using var batch = new GenerationBatch(models.All[request.Model]);
        batch.Reserve(1, Context);
        return Run(batch, [request with { Model = 0 }], rowBudget)[0];
    }

    private static GenerationRequest Request(int[] prompt, int model, ulong seed) =>
        new() { Prompt = prompt, Model = model, Sampling = new SamplingOptions(), MaxNewTokens = 6, EndIds = [], Seed = seed };

    private static GenerationSequence[] Run(GenerationBatch batch, GenerationRequest[] requests, int rowBudget = 2048)
    {
        var (waiting, sequences) = (new Queue<GenerationRequest>(requests), new List<GenerationSequence>());
        while (waiting.Count > 0 || batch.Live.Count > 0)
        {
            while (batch.HasFree && waiting.TryDequeue(out var request))
            {
                sequences.Add(batch.Add(request));
            }

            batch.Step(rowBudget);
            foreach (var done in batch.Live.Where(static sequence => sequence.IsDone).ToArray())
            {
                batch.Remove(done);
            }
        }

        return [.. sequences];
    }

    /// <summary>Frozen weights, two adapters of other ranks and layers on them, and one that stands on the first of these.</summary>
    private sealed class Models : IDisposable
    {
        public Models(IDevice device, string family, WeightStorage storage = WeightStorage.F32)
        {
            var config = DecoderConfig.FromShape(ModelFamilies.Find(family)!, Vocabulary, 32, 2, 2, Context);
            var weights = new Decoder(device, config, HeadKind.Language, trainable: false, storage, isFrozen: true);
            var parameters = new float[weights.Layout.Length];
            DecoderInitialization.Fill(weights.Layout, parameters, 3);
            weights.Load((range, destination) => device.CopyIn(parameters.AsSpan((int)range.Offset, (int)range.Length), destination));
            var first = Adapted(weights, new AdapterOptions { Rank = 3, Alpha = 6 }, seed: 1);
            All =
            [
                weights, first, Adapted(weights, new AdapterOptions { Rank = 8, Alpha = 4, Targets = [family == "gpt2" ? "c_attn" : "v_proj"] }, seed: 2),
                Adapted(first, new AdapterOptions { Rank = 2, Alpha = 3 }, seed: 3),
            ];
        }

        public Decoder[] All { get; }

        public void Dispose()
        {
            foreach (var model in All)
            {
                model.Dispose();
            }
        }

        private static Decoder Adapted(Decoder beneath, AdapterOptions options, ulong seed)
        {
            var decoder = new Decoder(beneath, options.LayoutFor(beneath.Config), HeadKind.Language, trainable: false);
            var numbers = new float[decoder.Adapter!.Layout.Length];
            Philox.Normal(numbers, seed, 1, 0.3f);
            decoder.Device.CopyIn(numbers, decoder.Parameters.Slice(0, numbers.Length));
            decoder.Refresh();
            return decoder;
        }
    }
}
