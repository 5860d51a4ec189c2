using System.Text.Json;
using Rlhf.Model;

namespace Rlhf.Web.Tests.Serving;

/// <summary><c>echo</c> with log-probabilities, as evaluation harnesses score texts with it.</summary>
public sealed class ScoredPromptTests : IAsyncLifetime
{
    private const string Completions = "/v1/completions";
    private TinyServer _server = null!;

    public async Task InitializeAsync() => _server = await TinyServer.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    /// <summary>The request of lm-evaluation-harness' local-completions, and what it reads of the answer.</summary>
    [Fact]
    public async Task A_harness_gets_the_scorers_numbers_for_texts_and_token_ids()
    {
        int[][] prompts = [_server.Tiny.Tokenizer.Encode("Name a fruit. An apple is red."), _server.Tiny.Tokenizer.Encode("A pear")];
        var json = await _server.Post(Completions, new { model = "tiny", prompt = prompts, temperature = 0, max_tokens = 1, logprobs = 1, seed = 1234, echo = true });

        var choices = json.GetProperty("choices").EnumerateArray().ToArray();
        for (var i = 0; i < prompts.Length; i++)
        {
            var logprobs = choices[i].GetProperty("logprobs");
            var scores = logprobs.GetProperty("token_logprobs").EnumerateArray().ToArray();
            Assert.Equal(prompts[i].Length + 1, scores.Length); // with the generated one, which the harness leaves out
            Assert.Equal(JsonValueKind.Null, scores[0].ValueKind);
            Assert.Equal(JsonValueKind.Null, logprobs.GetProperty("top_logprobs")[0].ValueKind);
            Assert.Equal(Expected(prompts[i]), scores[1..^1].Select(score => score.GetSingle()));
            var greedy = logprobs.GetProperty("top_logprobs").EnumerateArray().Skip(1)
                .Select(top => top.EnumerateObject().Max(each => each.Value.GetSingle())).ToArray();
            Assert.All(scores[1..].Zip(greedy), pair => Assert.True(pair.First.GetSingle() <= pair.Second));
            Assert.Equal(scores[^1].GetSingle(), greedy[^1]); // temperature 0
            Assert.StartsWith(_server.Tiny.Tokenizer.Decode(prompts[i]), choices[i].GetProperty("text").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Nothing_is_generated_where_no_token_is_asked_for()
    {
        var json = await _server.Post(Completions, new { model = "tiny", prompt = new[] { "An apple", "A pear is" }, max_tokens = 0, logprobs = 0, echo = true });

        foreach (var (choice, text) in json.GetProperty("choices").EnumerateArray().Zip(["An apple", "A pear is"]))
        {
            Assert.Equal((text, "length"), (choice.GetProperty("text").GetString(), choice.GetProperty("finish_reason").GetString()));
            var logprobs = choice.GetProperty("logprobs");
            var tokens = logprobs.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!).ToArray();
            var offsets = logprobs.GetProperty("text_offset").EnumerateArray().Select(offset => offset.GetInt32()).ToArray();
            Assert.Equal(tokens.Length, logprobs.GetProperty("token_logprobs").GetArrayLength());
            Assert.All(tokens.Zip(offsets).Skip(tokens[0] == "<s>" ? 1 : 0), pair => Assert.Equal(pair.First, text.Substring(pair.Second, pair.First.Length)));
        }

        Assert.Equal(0, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        var one = await _server.Post(Completions, new { model = "tiny", prompt = new[] { 5 }, max_tokens = 0, logprobs = 1, echo = true });
        Assert.Equal(1, one.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("tokens").GetArrayLength());
    }

    [Fact]
    public async Task An_echo_stands_in_front_of_every_answer_streamed_or_not()
    {
        object Body(bool stream) => new { model = "tiny", prompt = "An apple", max_tokens = 8, seed = 2, n = 2, echo = true, logprobs = 2, stream };
        var whole = await _server.Post(Completions, Body(false));
        var chunks = await _server.Stream(Completions, Body(true));
        for (var i = 0; i < 2; i++)
        {
            var own = chunks.Select(chunk => chunk.GetProperty("choices")[0]).Where(choice => choice.GetProperty("index").GetInt32() == i).ToArray();
            var text = whole.GetProperty("choices")[i].GetProperty("text").GetString()!;
            Assert.StartsWith("An apple", text, StringComparison.Ordinal);
            Assert.Equal(text, string.Concat(own.Select(choice => choice.GetProperty("text").GetString())));
            Assert.Equal(
                whole.GetProperty("choices")[i].GetProperty("logprobs").GetProperty("text_offset").EnumerateArray().Select(offset => offset.GetInt32()),
                own.Where(choice => choice.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
                    .SelectMany(choice => choice.GetProperty("logprobs").GetProperty("text_offset").EnumerateArray()).Select(offset => offset.GetInt32()));
        }

        var plain = await _server.Post(Completions, new { model = "tiny", prompt = "An apple", max_tokens = 8, seed = 2, n = 2, logprobs = 2 });
        Assert.Equal("An apple" + plain.GetProperty("choices")[0].GetProperty("text").GetString(), whole.GetProperty("choices")[0].GetProperty("text").GetString());
    }

    /// <summary>A harness takes the last token for the generated one, so it must be there where it is an end.</summary>
    [Fact]
    public async Task The_token_that_ends_an_answer_is_one_of_its_tokens()
    {
        var end = _server.Tiny.Tokenizer.EndOfSequence!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var bias = new Dictionary<string, double> { [end] = 100 };
        var json = await _server.Post(
            Completions, new { model = "tiny", prompt = "An apple", max_tokens = 5, temperature = 0, echo = true, logprobs = 1, logit_bias = bias });
        var choice = json.GetProperty("choices")[0];
        Assert.Equal(("An apple", "stop"), (choice.GetProperty("text").GetString(), choice.GetProperty("finish_reason").GetString()));
        Assert.Equal("</s>", choice.GetProperty("logprobs").GetProperty("tokens").EnumerateArray().Last().GetString());
    }

    private float[] Expected(int[] ids)
    {
        using var scorer = new Scorer(_server.Tiny.Decoder, 512);
        return scorer.ResponseLogProbabilities([ids], [1]).LogProbabilities;
    }
}
