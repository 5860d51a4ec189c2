using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Rlhf.Data;
using Rlhf.Labelers.Store;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Families;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Web.Security;
using Rlhf.Web.Serving;

namespace Rlhf.Web.Tests.Serving;

/// <summary>A server over untrained models of a few thousand parameters: two language models, <c>tiny</c> and <c>other</c>, and a reward model
/// <c>rm</c>.</summary>
internal sealed class TinyServer : IAsyncDisposable
{
    public const int Context = 512;

    private static readonly Tokenizer Words = BytePairTrainer.Train(
        ["Name a fruit. Name a colour. An apple is red. A pear is green and sweet."],
        new BytePairTrainerOptions { VocabularySize = 290, SpecialTokens = ["<s>", "</s>"], BeginningOfSequence = "<s>", EndOfSequence = "</s>" });

    private readonly WebApplication _app;

    private TinyServer(WebApplication app, ServedModels models, string folder, Uri address)
    {
        (_app, Models, Folder) = (app, models, folder);
        // Waits for the server's word, however busy the machine is, before a body is sent that asks for it first.
        var handler = new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) };
        Client = new HttpClient(handler) { BaseAddress = new Uri($"http://127.0.0.1:{address.Port}") };
    }

    public ServedModels Models { get; }

    public string Folder { get; }

    public HttpClient Client { get; }

    public ServedLanguageModel Tiny => (ServedLanguageModel)Models.All[0];

    public static async Task<TinyServer> Start(
        int parallel = 4, int queue = 8, string? apiKey = null, RankingStore? feedback = null, string[]? origins = null)
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-serve-").FullName;
        var models = new ServedModels(
        [
            ServedLanguageModel.Load("tiny", Save(folder, "tiny", 1, isReward: false), new ServingSettings(parallel, queue)),
            ServedLanguageModel.Load("other", Save(folder, "other", 2, isReward: false), new ServingSettings(parallel, queue)),
            ServedRewardModel.Load("rm", Save(folder, "rm", 3, isReward: true), queue),
        ]);
        return await Start(models, folder, apiKey, feedback, origins);
    }

    /// <summary>A server over other models; they and the folder go with it.</summary>
    public static async Task<TinyServer> Start(
        ServedModels models, string folder, string? apiKey = null, RankingStore? feedback = null, string[]? origins = null)
    {
        var app = ModelServer.Create(models, new WebSettings { Origins = origins ?? [] }, apiKey, feedback);
        return new TinyServer(app, models, folder, await WebDefaults.StartAsync(app));
    }

    /// <summary>A model folder with its tokenizer and the format <c>Q: {prompt}\nA:</c>.</summary>
    public static string Save(string parent, string name, ulong seed, bool isReward, int width = 16)
    {
        var config = DecoderConfig.FromShape(ModelFamilies.Find("llama")!, Words.VocabularySize, width, 2, 2, Context, bosTokenId: Words.BeginningOfSequence,
            eosTokenIds: [Words.EndOfSequence!.Value]);
        var layout = new ParameterLayout(config);
        var parameters = new float[layout.Length];
        DecoderInitialization.Fill(layout, parameters, seed);
        ScoreHead? score = null;
        if (isReward)
        {
            var weight = new float[width];
            Philox.Normal(weight, seed, 1000, 1);
            score = new ScoreHead(weight, 0.25f);
        }

        var path = Path.Combine(parent, name);
        Directory.CreateDirectory(path);
        HuggingFaceWriter.Save(path, config, parameters, new SaveOptions { Score = score });
        Words.Save(path);
        File.WriteAllBytes(Path.Combine(path, FormatFile.Name),
            FormatFile.Write(new FormatOptions { Template = FormatTemplate.Custom, Prompt = "Q: {prompt}\nA:", Response = " {response}" }));
        return path;
    }

    public Task<HttpResponseMessage> Send(string path, object body) => Client.PostAsJsonAsync(new Uri(path, UriKind.Relative), body);

    /// <summary>The JSON of a request that must succeed.</summary>
    public async Task<JsonElement> Post(string path, object body)
    {
        using var response = await Send(path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    public async Task<JsonElement> Get(string path) => JsonDocument.Parse(await Client.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;

    /// <summary>The status and the error of a request that must fail.</summary>
    public async Task<(int Status, JsonElement Error)> Refused(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        // A refusal may come before the body is read: then it must not be on its way.
        request.Headers.ExpectContinue = json.Length > 1_000_000;
        using var response = await Client.SendAsync(request);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error"));
    }

    /// <summary>The objects of a stream, which must end with <c>[DONE]</c>.</summary>
    public async Task<JsonElement[]> Stream(string path, object body)
    {
        using var response = await Send(path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        var events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(item => item["data: ".Length..]).ToArray();
        Assert.Equal("[DONE]", events[^1]);
        return [.. events[..^1].Select(item => JsonDocument.Parse(item).RootElement)];
    }

    /// <summary>Waits until something holds, which must be soon.</summary>
    public static async Task Until(Func<bool> holds)
    {
        for (var i = 0; i < 2000 && !holds(); i++)
        {
            await Task.Delay(5);
        }

        Assert.True(holds());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1)))
        {
            await _app.StopAsync(patience.Token);
        }

        await _app.DisposeAsync();
        Models.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
