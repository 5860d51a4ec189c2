using System.Text.Json;
using Rlhf.Compute.Operations;
using Rlhf.Web.Serving;

namespace Rlhf.Web.Tests.Serving;

/// <summary>A base and adapters on it, each of them a model for requests.</summary>
public sealed class AdapterServingTests : IDisposable
{
    private const string Completions = "/v1/completions";
    private static readonly ServingSettings Settings = new(Parallel: 4, Queue: 32);
    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-serve-").FullName;
    private readonly string _base;

    public AdapterServingTests() => _base = TinyServer.Save(_folder, "base", 1, isReward: false);

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public async Task Each_adapter_is_a_model_that_answers_as_it_does_alone_whoever_else_asks()
    {
        var folders = new Dictionary<string, string>
        {
            ["base"] = _base,
            ["one"] = TinyAdapters.Save(_folder, "one", _base, 1),
            ["two"] = TinyAdapters.Save(_folder, "two", _base, 2),
        };
        object Body(string model, int seed) => new { model, prompt = "An apple", max_tokens = 12, seed, logprobs = 2 };
        var alone = new Dictionary<(string, int), string>();
        foreach (var (name, folder) in folders)
        {
            var own = new ServedModels([ServedLanguageModel.Load(name, folder, Settings)]);
            await using var server = await TinyServer.Start(own, Directory.CreateTempSubdirectory("rlhf-serve-").FullName);
            for (var seed = 0; seed < 3; seed++)
            {
                alone[(name, seed)] = ChoicesOf(await server.Post(Completions, Body(name, seed)));
            }
        }

        var models = ServedLanguageModel.Load(("base", _base), [("one", folders["one"]), ("two", folders["two"])], Settings);
        await using var together = await TinyServer.Start(new ServedModels(models), _folder);
        var listed = await together.Get("/v1/models");
        Assert.Equal(["base", "one", "two"], listed.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()));
        Assert.Equal("one", (await together.Get("/v1/models/one")).GetProperty("id").GetString());
        var answers = await Task.WhenAll(alone.Keys.Select(async key =>
            (Key: key, Choices: ChoicesOf(await together.Post(Completions, Body(key.Item1, key.Item2))))));
        Assert.All(answers, answer => Assert.Equal(alone[answer.Key], answer.Choices));
        Assert.Equal(9, alone.Values.Distinct().Count());
        Assert.Equal(3, models.Select(static model => model.Fingerprint).Distinct().Count());
    }

    [Theory]
    [InlineData(null)]
    [InlineData(WeightStorage.Q4)]
    public void The_weights_are_in_memory_once(WeightStorage? storage)
    {
        var wide = TinyServer.Save(_folder, "wide", 1, isReward: false, width: 128);
        var settings = new ServingSettings(Parallel: 1, Queue: 1, Context: 16, storage);
        long alone;
        using (var model = ServedLanguageModel.Load("wide", wide, settings))
        {
            alone = model.Decoder.Device.HeldBytes;
        }

        var (one, two) = (TinyAdapters.Save(_folder, "one", wide, 1), TinyAdapters.Save(_folder, "two", wide, 2));
        var served = ServedLanguageModel.Load(("wide", wide), [("one", one), ("two", two)], settings);
        using var models = new ServedModels(served);
        Assert.All(served, model => Assert.True(model.SharesWeightsWith(served[0])));
        var adapters = served[1].Decoder.Device.HeldBytes - alone;

        // Of two adapters: numbers, and copies filled up to whole panels of 64 columns.
        var panels = served[1].Decoder.Adapter!.Layout.Groups.Sum(static group => 64L * (group.Inputs + group.AllOutputs));
        Assert.InRange(adapters, 1, 2 * sizeof(float) * 2 * panels);
        Assert.True(storage is not null || adapters < alone);
    }

    [Fact]
    public void Format_and_tokenizer_are_those_of_the_adapters_folder_or_else_the_bases()
    {
        var (own, none) = (TinyAdapters.Save(_folder, "own", _base, 1, prompt: "Human: {prompt}\nBot:"), TinyAdapters.Save(_folder, "none", _base, 2));
        foreach (var file in Directory.GetFiles(none).Where(static file => !Path.GetFileName(file).StartsWith("adapter_", StringComparison.Ordinal)))
        {
            File.Delete(file);
        }

        using var models = new ServedModels(ServedLanguageModel.Load(("base", _base), [("own", own), ("none", none)], Settings));
        string Text(string name) => models.Language(name).Tokenizer.Decode(
            models.Language(name).Encoder.Encode(
                new Data.PromptRecord("x", Data.Prompt.FromText("x"), new Data.RowPosition("x", 1, 1)))!.Tokens);
        Assert.Contains("Q: x\nA:", Text("base"), StringComparison.Ordinal);
        Assert.Equal(Text("base"), Text("none"));
        Assert.Contains("Human: x\nBot:", Text("own"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_adapter_that_cannot_stand_beside_the_weights_has_weights_of_its_own()
    {
        var (merged, apart) = (TinyAdapters.SaveOnEmbedding(_folder, "merged", _base), TinyAdapters.Save(_folder, "apart", _base, 1));
        var models = ServedLanguageModel.Load(("base", _base), [("merged", merged), ("apart", apart)], Settings);
        await using var server = await TinyServer.Start(new ServedModels(models), _folder);
        Assert.Equal(["base", "merged", "apart"], models.Select(static model => model.Name));
        Assert.Equal([true, false, true], models.Select(model => model.SharesWeightsWith(models[0])));
        var answers = await Task.WhenAll(models.Select(async model =>
            ChoicesOf(await server.Post(Completions, new { model = model.Name, prompt = "An apple", max_tokens = 12, seed = 1, logprobs = 2 }))));
        Assert.Equal(3, answers.Distinct().Count());
    }

    [Fact]
    public void An_adapter_of_another_model_is_refused_and_one_that_fits_but_names_another_is_told()
    {
        var wide = TinyServer.Save(_folder, "wide", 1, isReward: false, width: 32);
        var other = TinyServer.Save(_folder, "other", 2, isReward: false);
        var refusal = Assert.Throws<InputException>(
            () => ServedLanguageModel.Load(("base", _base), [("a", TinyAdapters.Save(_folder, "of-wide", wide, 1))], Settings));
        Assert.Contains("of another model", refusal.Message, StringComparison.Ordinal);

        using var models = new ServedModels(ServedLanguageModel.Load(
            ("base", _base), [("a", TinyAdapters.Save(_folder, "of-other", other, 1)), ("b", TinyAdapters.Save(_folder, "of-base", _base, 1))], Settings));
        Assert.Equal([null, other, null], models.All.Select(static model => model.OtherBase));
    }

    [Fact]
    public void The_adapter_of_a_reward_model_and_a_folder_without_an_adapter_are_refused()
    {
        string Refusal(string adapter) =>
            Assert.Throws<InputException>(() => ServedLanguageModel.Load(("base", _base), [("a", adapter)], Settings)).Message;
        Assert.Contains("Serve it with --reward", Refusal(TinyAdapters.Save(_folder, "reward", _base, 1, isReward: true)), StringComparison.Ordinal);
        Assert.Contains("adapter_config.json", Refusal(TinyServer.Save(_folder, "whole", 1, isReward: false)), StringComparison.Ordinal);
    }

    private static string ChoicesOf(JsonElement answer) => answer.GetProperty("choices").GetRawText();
}
