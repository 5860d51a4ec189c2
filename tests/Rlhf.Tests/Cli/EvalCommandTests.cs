using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Data;
using Rlhf.World;
using static Rlhf.Tests.Cli.TinyModels;

namespace Rlhf.Tests.Cli;

public sealed class EvalCommandTests : IDisposable
{
    private readonly TinyModels _models = new();

    public void Dispose() => _models.Dispose();

    [Fact]
    public void Pair_accuracy_is_the_share_of_pairs_that_the_score_command_orders_alike()
    {
        var reward = _models.Reward("reward");
        string[] answers = [.. Enumerable.Range(0, 20).Select(i => $"An apple {i}.")];
        var alone = _models.Write("alone.jsonl", [.. answers.Select(answer => JsonSerializer.Serialize(new { prompt = "Name a fruit.", response = answer }))]);
        var scores = JsonLines("score", "--model", reward, "--data", alone, "--json").Select(row => row.GetProperty("reward").GetDouble()).ToArray();
        var pairs = _models.Write("pairs.jsonl", [.. Enumerable.Range(0, 10).Select(i =>
            JsonSerializer.Serialize(new { prompt = "Name a fruit.", chosen = answers[2 * i], rejected = answers[(2 * i) + 1] }))]);

        var report = Json("eval", "reward", "--model", reward, "--data", pairs, "--json").GetProperty("trust");

        Assert.Equal(Enumerable.Range(0, 10).Count(i => scores[2 * i] > scores[(2 * i) + 1]) / 10.0,
            report.GetProperty("accuracy").GetProperty("value").GetDouble(), 12);
        Assert.Equal(10, report.GetProperty("pairs").GetInt32());
        Assert.Equal(1, report.GetProperty("prompts").GetInt32());
        Assert.Equal(
            1, report.GetProperty("shorter_wins").GetProperty("value").GetDouble() + report.GetProperty("longer_wins").GetProperty("value").GetDouble(), 12);
    }

    [Fact]
    public void Rankings_are_reported_by_K_and_a_model_agrees_with_itself_always()
    {
        var reward = _models.Reward("reward");
        var data = _models.Write(
            "rankings.jsonl",
            """{"prompt": "Name a fruit.", "responses": ["apple", "pear", "red", "green"], "ranking": [[0], [1, 2], [3]]}""",
            """{"prompt": "Name a colour.", "chosen": "red", "rejected": "apple and pear"}""");

        var report = Json("eval", "reward", "--model", reward, "--second", reward, "--data", data, "--json");

        Assert.Equal(["2", "4"], report.GetProperty("trust").GetProperty("by_answers").EnumerateArray().Select(group => group.GetProperty("name").GetString()));
        Assert.Equal(6, report.GetProperty("trust").GetProperty("pairs").GetInt32());
        Assert.Equal(1, report.GetProperty("agreement").GetProperty("same_preference").GetProperty("value").GetDouble());
        Assert.Equal(1, report.GetProperty("agreement").GetProperty("score_correlation").GetDouble(), 9);
        Assert.Equal(report.GetProperty("trust").GetRawText(), report.GetProperty("second_trust").GetRawText());
    }

    [Fact]
    public void Held_out_takes_the_values_of_a_field_by_name()
    {
        var data = _models.Write("pairs.jsonl", [.. Enumerable.Range(0, 30).Select(i => JsonSerializer.Serialize(
            new { prompt = $"Name {i} fruits.", chosen = "apple and pear", rejected = "red", topic = $"topic {i / 10}" }))]);
        string[] common = ["eval", "reward", "--model", _models.Reward("reward"), "--data", data];

        var (_, output, error) = Run([.. common, "--json", "--split-by", "topic", "--held-out", "topic 0", "*2"]);
        Assert.Contains("held out: 20 of 30 rows", error, StringComparison.Ordinal);
        Assert.Equal(20, JsonDocument.Parse(output).RootElement.GetProperty("trust").GetProperty("prompts").GetInt32());

        foreach (var (options, message) in new (string[], string)[]
        {
            (["--split-by", "topic", "--held-out", "topic 7"], "data.held_out: no row of"),
            (["--split-by", "theme", "--held-out", "topic 0"], "expected the field \"theme\" that split_by names"),
            (["--held-out", "topic 0"], "names of values need --split-by"),
            (["--split-by", "topic"], "have no effect without --held-out"),
        })
        {
            var (code, _, refused) = Run([.. common, .. options]);
            Assert.Equal(ExitCode.BadInput, code);
            Assert.Contains(message, refused, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Held_out_takes_the_prompts_that_training_kept_aside()
    {
        string[] prompts = [.. Enumerable.Range(0, 40).Select(i => $"Name {i} fruits.")];
        var data = _models.Write(
            "pairs.jsonl", [.. prompts.Select(prompt => JsonSerializer.Serialize(new { prompt, chosen = "apple and pear", rejected = "red" }))]);

        var (code, output, error) = Run("eval", "reward", "--model", _models.Reward("reward"), "--data", data, "--held-out", "0.3");

        var expected = prompts.Count(prompt => PromptSplit.IsHeldOut(prompt, 0.3));
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains($"held out: {expected} of 40 rows", error, StringComparison.Ordinal);
        Assert.Contains($"{expected} prompts, {2 * expected} answers, {expected} decided pairs", output, StringComparison.Ordinal);
        foreach (var part in new[] { "the longer one", "answers K", "scores differ by", "Expected calibration error", "Correlation of score with length" })
        {
            Assert.Contains(part, output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Rows_beyond_the_context_follow_on_overlong()
    {
        var reward = _models.Reward("reward");
        var data = _models.Write(
            "pairs.jsonl",
            """{"prompt": "a", "chosen": "apple", "rejected": "red"}""",
            JsonSerializer.Serialize(new { prompt = "b", chosen = new string('z', 2 * Context), rejected = "red" }));

        var (code, _, error) = Run("eval", "reward", "--model", reward, "--data", data);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("pairs.jsonl:2:1", error, StringComparison.Ordinal);
        Assert.Equal(1,
            Json("eval", "reward", "--model", reward, "--data", data, "--on-overlong", "drop", "--json").GetProperty("trust").GetProperty("pairs").GetInt32());
        Assert.Equal(2, Json("eval", "reward", "--model", reward, "--data", data, "--on-overlong", "truncate", "--json").GetProperty("trust")
            .GetProperty("pairs").GetInt32());
    }

    [Fact]
    public void A_policy_ties_with_itself_at_a_KL_of_zero()
    {
        var (model, reward) = (_models.Language("model"), _models.Reward("reward"));
        var prompts = _models.Write("prompts.txt", "Name a fruit.", "Name a colour.", "Name a fruit.");

        var (code, output, error) = Run(
            "eval", "policy", "--model", model, "--versus", model, "--reference", model, "--reward-model", reward, "--second-reward-model", reward,
            "--prompts", prompts, "--samples", "3", "--max-tokens", "6", "--json");

        Assert.True(code == ExitCode.Success, error);
        Assert.Contains("prompts: 3 rows, 2 distinct", error, StringComparison.Ordinal);
        var report = JsonDocument.Parse(output).RootElement;
        Assert.Equal((0, 6, 0), (Wins("wins"), Wins("ties"), Wins("losses")));
        var policy = report.GetProperty("policy");
        Assert.Equal(0, policy.GetProperty("kl").GetProperty("value").GetDouble());
        Assert.Equal(policy.GetProperty("score").GetRawText(), policy.GetProperty("second_score").GetRawText());
        Assert.Equal(0, report.GetProperty("score_difference").GetProperty("value").GetDouble());

        int Wins(string name) => report.GetProperty("win_rate").GetProperty(name).GetInt32();
    }

    [Fact]
    public void Two_policies_are_compared_on_the_same_prompts()
    {
        var (a, b, reward) = (_models.Language("a"), _models.Language("b", seed: 2), _models.Reward("reward"));
        var prompts = _models.Write("prompts.jsonl", """{"prompt": "Name a fruit."}""", """{"prompt": "Name a colour."}""", """{"prompt": "Name a tree."}""");
        string[] common = ["--reward-model", reward, "--reference", b, "--prompts", prompts, "--samples", "4", "--max-tokens", "6"];

        var report = Json(["eval", "policy", "--model", a, "--versus", b, .. common, "--json"]);
        var turned = Json(["eval", "policy", "--model", b, "--versus", a, .. common, "--json"]);
        var text = Run(["eval", "policy", "--model", a, "--versus", b, .. common]);

        Assert.Equal(report.GetProperty("policy").GetRawText(), turned.GetProperty("other").GetRawText());
        Assert.Equal(report.GetProperty("win_rate").GetProperty("wins").GetInt32(), turned.GetProperty("win_rate").GetProperty("losses").GetInt32());
        Assert.Equal(12, new[] { "wins", "ties", "losses" }.Sum(name => report.GetProperty("win_rate").GetProperty(name).GetInt32()));
        Assert.NotEqual(0, report.GetProperty("policy").GetProperty("kl").GetProperty("value").GetDouble());
        Assert.Equal(0, report.GetProperty("other").GetProperty("kl").GetProperty("value").GetDouble());
        Assert.Contains("By the reward model the model wins", text.Output, StringComparison.Ordinal);
        Assert.Contains("KL to the reference", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_evaluated_says_why()
    {
        var (model, reward) = (_models.Language("model"), _models.Reward("reward"));
        var one = _models.Write("one.txt", "Name a fruit.");
        foreach (var (args, expected) in new (string[], string)[]
        {
            (["reward", "--model", model, "--data", one], "not a reward model"),
            (["reward", "--model", reward, "--data", one], "one.txt:1:1: expected valid JSON"),
            (["reward", "--model", reward, "--data", one, "--held-out", "1"], "--held-out: expected a share above 0 and below 1"),
            (["policy", "--model", model, "--reward-model", reward, "--prompts", one], "expected at least two prompts"),
            (["policy", "--model", model, "--reward-model", model, "--prompts", one], "not a reward model"),
            (["policy", "--model", model, "--prompts", one], "--reward-model"),
            (["policy", "--model", model, "--reward-model", reward, "--prompts", _models.Write("two.txt", "a", "b"), "--max-tokens",
            "96"], "two.txt:1:1: the prompt has"),
            (["reward"], "rlhf eval reward --help"),
        })
        {
            var (code, output, error) = Run(["eval", .. args]);
            Assert.True(code == ExitCode.BadInput, $"{string.Join(' ', args)}: {code} {output} {error}");
            Assert.Empty(output);
            Assert.Contains(expected, error, StringComparison.Ordinal);
        }
    }
}
