using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Rlhf.Model;
using Rlhf.Sampling;

namespace Rlhf.Web.Tests.Serving;

/// <summary>Requests as lm-evaluation-harness' <c>local-completions</c> sends them, and its reading of the answers, against the library's own scorer and
/// sampler.</summary>
public sealed class HarnessTests : IAsyncLifetime
{
    private const string Completions = "/v1/completions";
    private static readonly string[] Texts = ["Name a fruit. An apple is red.", "A pear", "Name a colour.", "A pear is green and sweet. An apple is red."];
    private TinyServer _server = null!;

    public async Task InitializeAsync() => _server = await TinyServer.Start(parallel: 4, queue: 8);

    public async Task DisposeAsync() => await _server.DisposeAsync();

    /// <summary>A text to score: its ids, and how many of them are context.</summary>
    private sealed record Scored(int[] Ids, int ContextLength);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sums_of_log_probabilities_and_greediness_are_the_librarys(bool asTokens)
    {
        Scored[] requests = [.. Texts.Select(_server.Tiny.Encode).SelectMany(ids => (Scored[])
            [new Scored(ids, 1), new Scored(ids, ids.Length / 2), new Scored(ids, ids.Length - 1), Greedy(ids, 5, asTokens)])];
        var expected = requests.Select(Expected).ToArray();
        Assert.Contains(expected, one => one.IsGreedy);
        Assert.Contains(expected, one => !one.IsGreedy);

        foreach (var size in (int[])[1, 3, requests.Length])
        {
            List<(double Sum, bool IsGreedy)> found = [];
            foreach (var batch in requests.Chunk(size))
            {
                found.AddRange(Read(await Post(Payload(asTokens, batch)), batch));
            }

            Assert.Equal(expected.Select(one => one.IsGreedy), found.Select(one => one.IsGreedy));
            Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Sum, pair.Second.Sum, 1e-4));
        }
    }

    /// <summary>The harness keeps one token of the context for the one that it lets the server generate.</summary>
    [Fact]
    public async Task A_text_may_fill_the_context_but_for_one_token()
    {
        int[] ids = [.. Enumerable.Range(0, TinyServer.Context - 1).Select(i => 5 + (i % 250))];
        var request = new Scored(ids, 300);
        Assert.Equal(Expected(request).Sum, Read(await Post(Payload(asTokens: true, request)), [request]).Single().Sum, 1e-3);
    }

    [Fact]
    public async Task A_batch_may_be_larger_than_the_queue()
    {
        Scored[] requests = [.. Enumerable.Range(0, 100).Select(i => new Scored([.. Enumerable.Range(0, 3 + (i % 20)).Select(at => 5 + ((i + at) % 250))], 2))];
        var found = Read(await Post(Payload(asTokens: true, requests)), requests).ToArray();
        Assert.Equal(requests.Length, found.Length);
        Assert.All(requests.Select(Expected).Zip(found), pair => Assert.Equal(pair.First.Sum, pair.Second.Sum, 1e-4));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Generations_are_the_librarys_up_to_the_first_stop(bool asTokens)
    {
        var free = Texts.Select(text => Continue(_server.Tiny.Encode(text), 12)).ToArray();
        var stop = free.SelectMany(text => text).First(char.IsAscii).ToString();
        string[][] stops = [[], [stop, "</s>"]];
        foreach (var until in stops)
        {
            object prompt = asTokens ? Texts.Select(_server.Tiny.Encode).ToArray() : Texts;
            var outputs = await Post(new { prompt, model = "tiny", max_tokens = 12, temperature = 0, stop = until, seed = 1234 });
            var texts = new string?[Texts.Length];
            foreach (var choice in outputs.GetProperty("choices").EnumerateArray())
            {
                texts[choice.GetProperty("index").GetInt32()] = choice.GetProperty("text").GetString();
            }

            Assert.Equal(free.Select(text => until.Length == 0 ? text : text.Split(stop)[0]), texts);
        }
    }

    /// <summary>The harness asks first whether the server has a tokenizer for it; where it has none, the harness takes its own.</summary>
    [Theory]
    [InlineData("/tokenizer_info")]
    [InlineData("/tokenize")]
    public async Task There_is_no_tokenizer_for_clients(string path)
    {
        using var response = await _server.Client.GetAsync(new Uri(path, UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    private object Payload(bool asTokens, params Scored[] batch)
    {
        object prompt = asTokens ? batch.Select(one => one.Ids).ToArray()
            : batch.Length == 1 ? TextOf(batch[0]) : batch.Select(TextOf).ToArray();
        return new { model = "tiny", prompt, temperature = 0, max_tokens = 1, logprobs = 1, seed = 1234, echo = true };
    }

    // With a header that has no key behind its word, as the harness sends it where it has none.
    private async Task<JsonElement> Post(object payload)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions) { Content = JsonContent.Create(payload) };
        Assert.True(request.Headers.TryAddWithoutValidation("Authorization", "Bearer "));
        using var response = await _server.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>What the harness reads: everything between the context and the generated token.</summary>
    private static IEnumerable<(double Sum, bool IsGreedy)> Read(JsonElement outputs, IReadOnlyList<Scored> batch)
    {
        var choices = outputs.GetProperty("choices").EnumerateArray().OrderBy(choice => choice.GetProperty("index").GetInt32()).ToArray();
        Assert.Equal(batch.Count, choices.Length);
        foreach (var (choice, request) in choices.Zip(batch))
        {
            var logprobs = choice.GetProperty("logprobs");
            var own = logprobs.GetProperty("token_logprobs").EnumerateArray().ToArray()[request.ContextLength..^1].Select(value => value.GetDouble()).ToArray();
            var best = logprobs.GetProperty("top_logprobs").EnumerateArray().ToArray()[request.ContextLength..^1]
                .Select(top => top.EnumerateObject().Max(one => one.Value.GetDouble()));
            yield return (own.Sum(), own.SequenceEqual(best));
        }
    }

    private (double Sum, bool IsGreedy) Expected(Scored request)
    {
        using var scorer = new Scorer(_server.Tiny.Decoder, 2048);
        var sum = scorer.ResponseLogProbabilities([request.Ids], [request.ContextLength]).LogProbabilities.Sum(value => (double)value);
        var rest = request.Ids[request.ContextLength..];
        return (sum, Drawn(request.Ids[..request.ContextLength], rest.Length).SequenceEqual(rest));
    }

    /// <summary>A context with what the model itself would say; texts must give the same ids when they are read again.</summary>
    private Scored Greedy(int[] context, int length, bool asTokens)
    {
        for (; ; length--)
        {
            var request = new Scored([.. context, .. Drawn(context, length)], context.Length);
            if (asTokens || length == 0 || _server.Tiny.Encode(TextOf(request)).SequenceEqual(request.Ids))
            {
                return request;
            }
        }
    }

    private int[] Drawn(int[] prompt, int length, params int[] ends)
    {
        if (length == 0)
        {
            return [];
        }

        using var generator = new Generator(_server.Tiny.Decoder);
        var settings = new GenerationSettings { Sampling = new SamplingOptions { Temperature = 0 }, MaxNewTokens = length, EndIds = ends, Seed = 1 };
        return [.. generator.Generate([prompt], settings)[0].ResponseWithoutEnd];
    }

    private string Continue(int[] prompt, int length) => _server.Tiny.Tokenizer.Decode(Drawn(prompt, length, [.. _server.Tiny.Encoder.EndIds]));

    private string TextOf(Scored request) => _server.Tiny.Tokenizer.Decode(request.Ids);
}
