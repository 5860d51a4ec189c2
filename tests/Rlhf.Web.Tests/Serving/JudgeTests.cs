using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Web.Tests.Serving;

/// <summary>The judge of a recipe, asked at our own server.</summary>
public sealed class JudgeTests
{
    private static readonly CollectedAnswers Row = new(
        new PromptRecord("1", Prompt.FromText("Name a fruit."), new RowPosition("p.jsonl", 1, 1)), new EncodedPrompt("1", "Name a fruit.", [1], false),
        ["Apple.", "No."], [[2], [3]], null, null);

    private static IReadOnlyDictionary<string, Figure> Judge(JudgeOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-judge-");
        try
        {
            using var judge = new JudgeLabeler(options, Path.Combine(folder.FullName, "judgements.jsonl"));
            var origin = new AnswerOrigin(1, null, 8, new SamplingOptions());
            return judge.Rank(
                [Row], new RankingJob(
                    Path.Combine(folder.FullName, RankingFile.Name), origin, "02-collect", "run/1", ProgressReporter.Silent, CancellationToken.None));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_served_model_is_asked_and_its_tokens_are_counted()
    {
        await using var server = await TinyServer.Start(apiKey: "the-key");
        Environment.SetEnvironmentVariable("RLHF_TEST_SERVE_KEY", "the-key");
        // An untrained model replies, though with none of the three words.
        var options = new JudgeOptions
        {
            Url = new Uri(server.Client.BaseAddress!, "/v1").ToString(),
            Model = "tiny",
            ApiKeyVariable = "RLHF_TEST_SERVE_KEY",
            MaxTokens = 8,
            Prompt = "{prompt} {first} {second}",
            BackoffSeconds = 0.01,
        };
        var said = await Task.Run(() => Assert.Throws<RunFailedException>(() => Judge(options)).Message);
        Assert.Contains("None of 2 replies", said, StringComparison.Ordinal);

        Assert.Contains("status 404", await Task.Run(() => Assert.Throws<RunFailedException>(() => Judge(options with { Model = "unknown" })).Message),
            StringComparison.Ordinal);
        Assert.Contains("status 401", await Task.Run(() => Assert.Throws<RunFailedException>(() => Judge(options with { ApiKeyVariable = null })).Message),
            StringComparison.Ordinal);

        using var client = new ChatClient(options, "collect.judge");
        var reply = await client.Ask(client.RequestOf("Name a fruit."), CancellationToken.None);
        Assert.NotNull(reply.Text);
        Assert.True(reply is { PromptTokens: > 0, ReplyTokens: > 0 and <= 8, Retries: 0 });
    }
}
