using System.Globalization;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Labelers;

public sealed class JudgeLabelerTests : IDisposable
{
    private const string KeyVariable = "RLHF_TEST_JUDGE_KEY";
    private const string Key = "sk-a-secret-that-nobody-may-see";

    private readonly TestFolder _temporary = new();

    private string CacheFile => _temporary.PathOf("judgements.jsonl");

    public void Dispose() => _temporary.Dispose();

    private static CollectedAnswers Row(string prompt, params string[] answers) => new(
        new PromptRecord(prompt, Prompt.FromText(prompt), new RowPosition("p.jsonl", 1, 1)), new EncodedPrompt(prompt, prompt, [1], Truncated: false),
        answers, [.. answers.Select(_ => new[] { 2 })], null, null);

    private (IReadOnlyList<Ranking> Ranked, IReadOnlyDictionary<string, Figure> Figures) Judge(JudgeOptions options, params CollectedAnswers[] rows)
    {
        using var judge = new JudgeLabeler(options, CacheFile);
        var figures = judge.Rank(rows, Job(CancellationToken.None));
        return ([.. DataReader.Rankings(new DataSource { Path = [RankingsFile] }, _temporary.Path, _temporary.Ledger)], figures);
    }

    private RankingJob Job(CancellationToken stop) =>
        new(RankingsFile, new AnswerOrigin(1, null, 8, new SamplingOptions()), "02-collect", "run/1", ProgressReporter.Silent, stop);

    private string RankingsFile => _temporary.PathOf(RankingFile.Name);

    private static double Number(string prompt, string answer) => double.Parse(answer, CultureInfo.InvariantCulture);

    [Fact]
    public void A_judge_that_knows_the_truth_ranks_by_it_and_equal_answers_share_a_tier()
    {
        using var server = new FakeJudge(asked => FakeJudge.Compares(asked, Number));
        var (ranked, figures) = Judge(server.Options, Row("a", "1", "3", "2", "3.0"), Row("b", "5", "4"));

        Assert.Equal([[1, 3], [2], [0]], ranked[0].Tiers!);
        Assert.Equal([[0], [1]], ranked[1].Tiers!);
        Assert.Equal("judge fake", ranked[0].Labeler);
        Assert.Equal(14, server.Questions.Count); // (6 + 1) pairs in both orders
        Assert.Equal(14, server.Questions.Select(asked => (asked.Prompt, asked.First, asked.Second)).Distinct().Count());
        Assert.Equal(14, figures["judge_calls"].Value);
        Assert.Equal(((1400 * 2) + (42 * 10)) / 1e6, figures["judge_cost"].Value, 12);
        Assert.Equal((0.5, 0.0), (figures["judge_first_chosen"].Value, figures["judge_disagreement"].Value));
        Assert.All(server.Questions,
            asked => Assert.Equal(("fake", 0.0, 16, null),
            ((string)asked.Body["model"]!, (double)asked.Body["temperature"]!, (int)asked.Body["max_tokens"]!, asked.Authorization)));
    }

    [Fact]
    public void A_judge_that_likes_what_stands_first_decides_nothing_and_is_found_out()
    {
        using var server = new FakeJudge(_ => FakeJudge.Says("A"));
        var (ranked, figures) = Judge(server.Options, Row("a", "1", "2", "3"));

        Assert.Equal([[0, 1, 2]], ranked[0].Tiers!);
        Assert.Equal((1.0, 1.0), (figures["judge_first_chosen"].Value, figures["judge_disagreement"].Value));
    }

    [Fact]
    public void Intransitive_preferences_are_ranked_by_pairs_won()
    {
        // 1 beats 2, 2 beats 3, 3 beats 1, and all beat 4.
        using var server = new FakeJudge(asked => FakeJudge.Compares(asked, (_, answer) =>
        {
            var (own, other) =
                (int.Parse(answer, CultureInfo.InvariantCulture), int.Parse(answer == asked.First ? asked.Second : asked.First, CultureInfo.InvariantCulture));
            return other == 4 || (own != 4 && (other - own + 3) % 3 == 1) ? 1 : 0;
        }));

        Assert.Equal([[0, 1, 2], [3]], Judge(server.Options, Row("a", "1", "2", "3", "4")).Ranked[0].Tiers!);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(408)]
    public void A_failure_that_passes_is_tried_again(int status)
    {
        using var server = new FakeJudge(asked => asked.Number <= 3 ? new FakeJudge.Reply("{}", status) : FakeJudge.Compares(asked, Number));
        var (ranked, figures) = Judge(server.Options with { Parallel = 1 }, Row("a", "1", "2"));

        Assert.Equal([[1], [0]], ranked[0].Tiers!);
        Assert.Equal((2.0, 3.0), (figures["judge_calls"].Value, figures["judge_retries"].Value));
    }

    [Fact]
    public void The_pause_that_a_server_asks_for_is_kept()
    {
        using var server = new FakeJudge(asked => asked.Number == 1 ? new FakeJudge.Reply("slow down", 429, "Retry-After", "1") : FakeJudge.Says("tie"));
        var begun = System.Diagnostics.Stopwatch.GetTimestamp();
        Judge(server.Options with { Parallel = 1 }, Row("a", "1", "2"));

        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(begun) >= TimeSpan.FromSeconds(0.99));
    }

    [Fact]
    public void A_pause_of_hours_ends_the_run_with_what_is_to_be_done()
    {
        using var server = new FakeJudge(_ => new FakeJudge.Reply("later", 429, "Retry-After", "7200"));

        Assert.Contains("120 minutes", Assert.Throws<RunFailedException>(() => Judge(server.Options, Row("a", "1", "2"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reply_that_takes_too_long_is_a_failure_that_passes()
    {
        using var server = new FakeJudge(asked => asked.Number == 1 ? new FakeJudge.Reply("", DelayMilliseconds: 20_000) : FakeJudge.Says("tie"));
        var (_, figures) = Judge(server.Options with { Parallel = 1, TimeoutSeconds = 2 }, Row("a", "1", "2"));

        Assert.Equal((2.0, 1.0), (figures["judge_calls"].Value, figures["judge_retries"].Value));
    }

    public static TheoryData<string> Garbage => new(
        "", "not JSON", "[]", "{}", """{"choices": []}""", """{"choices": [{"message": {"content": null}}]}""",
        """{"choices": [{"message": {"content": ["A"]}}]}""",
        """{"choices": [{"message": {"content": "I prefer A, but B is fine"}}], "usage": {"prompt_tokens": -5, "completion_tokens": 1e300}}""",
        """{"choices": [{"message": {"content": "\ud800"}}]}""", new string('[', 100_000), $$"""{"x": "{{new string('y', 2_000_000)}}"}""");

    [Theory]
    [MemberData(nameof(Garbage))]
    public void What_cannot_be_read_is_asked_again_and_then_counts_as_a_tie(string body)
    {
        using var server = new FakeJudge(asked => asked.Prompt == "bad" ? new FakeJudge.Reply(body) : FakeJudge.Compares(asked, Number));
        var (ranked, figures) = Judge(server.Options, Row("bad", "1", "2"), Row("good", "1", "2"));

        Assert.Equal([[0, 1]], ranked[0].Tiers!);
        Assert.Equal([[1], [0]], ranked[1].Tiers!);
        Assert.Equal((2.0, 6.0, 0.5), (figures["judge_unclear"].Value, figures["judge_calls"].Value, figures["judge_disagreement"].Value));
        Assert.Equal(200, figures["judge_prompt_tokens"].Value);
    }

    [Fact]
    public void A_judge_that_says_nothing_readable_at_all_ends_the_run_and_is_asked_anew_later()
    {
        using var server = new FakeJudge(_ => FakeJudge.Says("As a language model I cannot\u001b[31m choose"));
        var message = Assert.Throws<RunFailedException>(() => Judge(server.Options, [.. Enumerable.Range(0, 200).Select(i => Row($"{i}", "1", "2"))])).Message;

        Assert.Contains("As a language model", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', message);
        Assert.InRange(server.Questions.Count, 100, 130); // twice each, and given up early
        Assert.Equal(0, new FileInfo(CacheFile).Length);
    }

    [Fact]
    public void Nothing_is_asked_twice_after_a_death_also_where_it_tore_the_last_line()
    {
        CollectedAnswers[] rows = [.. Enumerable.Range(0, 5).Select(i => Row($"{i}", "1", "2", "3"))];
        var outOfQuota = true;
        using var server = new FakeJudge(
            asked => outOfQuota && asked.Number > 11 ? new FakeJudge.Reply("""{"error": {"message": "quota"}}""", 402) : FakeJudge.Compares(asked, Number));
        Assert.Contains(
            "status 402: quota", Assert.Throws<RunFailedException>(() => Judge(server.Options with { Parallel = 1 }, rows)).Message, StringComparison.Ordinal);
        File.AppendAllText(CacheFile, """{"request": "torn""");
        outOfQuota = false;

        var (ranked, figures) = Judge(server.Options, rows);
        Assert.Equal(30, figures["judge_calls"].Value);
        Assert.Equal(31, server.Questions.Count); // one was refused
        Assert.All(ranked, row => Assert.Equal([[2], [1], [0]], row.Tiers!));
    }

    [Theory]
    [InlineData(400, "collect.judge.model")]
    [InlineData(401, KeyVariable)]
    [InlineData(302, "collect.judge.url")]
    public void A_refusal_is_not_repeated_and_says_where_to_look(int status, string where)
    {
        Environment.SetEnvironmentVariable(KeyVariable, Key);
        using var server = new FakeJudge(_ => new FakeJudge.Reply("no", status, "Location", "http://127.0.0.1:1/elsewhere"));
        var message =
            Assert.Throws<RunFailedException>(() => Judge(server.Options with { Parallel = 1, ApiKeyVariable = KeyVariable }, Row("a", "1", "2"))).Message;

        Assert.Contains(where, message, StringComparison.Ordinal);
        Assert.Single(server.Questions);
    }

    [Fact]
    public void The_key_is_sent_and_stands_in_no_file_and_no_message_also_where_the_server_says_it()
    {
        Environment.SetEnvironmentVariable(KeyVariable, $" {Key}\n");
        using var server = new FakeJudge(asked => FakeJudge.Says(asked.Authorization + "\nA"));
        var options = server.Options with { ApiKeyVariable = KeyVariable };
        Judge(options, Row("a", "1", "2"));
        Assert.All(server.Questions, asked => Assert.Equal($"Bearer {Key}", asked.Authorization));
        Assert.DoesNotContain(Key, File.ReadAllText(CacheFile), StringComparison.Ordinal);

        using var talkative = new FakeJudge(asked => new FakeJudge.Reply($$$"""{"error": {"message": "wrong key {{{asked.Authorization}}}"}}""", 401));
        var message = Assert.Throws<RunFailedException>(() => Judge(talkative.Options with { ApiKeyVariable = KeyVariable }, Row("a", "1", "2"))).Message;
        Assert.Contains("wrong key Bearer ***", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_is_not_set_is_told_before_anything_is_asked() =>
        Assert.Contains(
            "RLHF_NOT_SET",
            Assert.Throws<InputException>(
                () => Judge(new JudgeOptions { Url = "http://127.0.0.1:1/v1", Model = "m", ApiKeyVariable = "RLHF_NOT_SET" })).Message,
                StringComparison.Ordinal);

    [Fact]
    public void No_server_at_all_is_told_after_the_retries()
    {
        var message = Assert.Throws<RunFailedException>(
            () => Judge(new JudgeOptions { Url = "http://127.0.0.1:1/v1", Model = "m", Retries = 2, BackoffSeconds = 0.001 }, Row("a", "1", "2"))).Message;

        Assert.Contains("failed 3 times in a row", message, StringComparison.Ordinal);
        Assert.Contains("resume", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Asking_stops_when_the_run_is_asked_to_stop()
    {
        using var stop = new CancellationTokenSource();
        using var server = new FakeJudge(asked =>
        {
            if (asked.Number == 3)
            {
                stop.Cancel();
            }

            return FakeJudge.Compares(asked, Number);
        });
        using var judge = new JudgeLabeler(server.Options with { Parallel = 1 }, CacheFile);

        Assert.ThrowsAny<OperationCanceledException>(() => judge.Rank([Row("a", "1", "2", "3", "4")], Job(stop.Token)));
        Assert.InRange(server.Questions.Count, 3, 4);
    }
}
