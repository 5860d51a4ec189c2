using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Model.Checkpoints;
using Rlhf.World;
using static Rlhf.Tests.Cli.TinyModels;

namespace Rlhf.Tests.Cli;

public sealed class ScoreCommandTests : IDisposable
{
    private const double Tolerance = 5e-5;
    private readonly TinyModels _models = new();

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("llama-tiny-bf16")]
    [InlineData("qwen2-tiny")]
    [InlineData("qwen3-tiny")]
    public void Log_probabilities_and_entropies_are_the_references(string model)
    {
        var fixture = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(model, "fixture.json"))).RootElement;
        var (ids, lengths, prompts) = (fixture.GetProperty("input_ids"), Ints(fixture.GetProperty("lengths")), Ints(fixture.GetProperty("prompt_lengths")));
        var rows = _models.Write("rows.jsonl", [.. lengths.Select((length, i) =>
            JsonSerializer.Serialize(new { ids = Ints(ids[i])[..length], prompt_length = prompts[i] }))]);

        var scored = JsonLines("score", "--model", ReferenceFiles.PathOf(model), "--data", rows, "--json");

        using var tensors = SafetensorsFile.Open(ReferenceFiles.PathOf(model, "fixture.safetensors"));
        var (logs, entropies) = (tensors.ReadFloats("next_logprobs"), tensors.ReadFloats("entropies"));
        var width = ids[0].GetArrayLength();
        Assert.Equal(lengths.Length, scored.Length);
        for (var i = 0; i < lengths.Length; i++)
        {
            var (ownLogs, ownEntropies) = (Floats(scored[i], "logprobs"), Floats(scored[i], "entropies"));
            Assert.Equal(lengths[i] - prompts[i], ownLogs.Length);
            Assert.Equal(ownLogs.Length, ownEntropies.Length);
            for (var t = prompts[i]; t < lengths[i]; t++)
            {
                // The distribution at position t - 1 gives token t.
                Assert.Equal(logs[(i * (width - 1)) + t - 1], ownLogs[t - prompts[i]], Tolerance);
                Assert.Equal(entropies[(i * width) + t - 1], ownEntropies[t - prompts[i]], Tolerance);
            }
        }
    }

    [Fact]
    public void The_shift_of_a_reward_model_is_added_where_it_is_asked_for_and_told_where_it_is_not()
    {
        var (reward, rows) = (_models.Reward("reward", shift: -1.5f), _models.Write("rows.jsonl", """{"prompt": "Name a fruit.", "response": "A pear."}"""));
        var plain = JsonLines("score", "--model", reward, "--data", rows, "--json")[0].GetProperty("reward").GetSingle();
        var shifted = JsonLines("score", "--model", reward, "--data", rows, "--json", "--score-shift")[0].GetProperty("reward").GetSingle();
        Assert.Equal(plain - 1.5f, shifted, 1e-5);
        Assert.Contains("without the model's score_shift of -1.500", Run("score", "--model", reward, "--data", rows).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("score_shift", Run("score", "--model", reward, "--data", rows, "--score-shift").Output, StringComparison.Ordinal);

        string[] answer =
        [
            "generate",
            "--model",
            _models.Language("model"),
            "--prompt",
            "Name a fruit.",
            "--max-tokens",
            "4",
            "--seed",
            "1",
            "--json",
            "--reward-model",
            reward,
        ];
        Assert.Equal(
            JsonLines(answer)[0].GetProperty("score").GetSingle() - 1.5f, JsonLines([.. answer, "--score-shift"])[0].GetProperty("score").GetSingle(), 1e-5);

        var prompts = _models.Write("two.txt", "Name a fruit.", "Name a colour.");
        string[] policy = ["eval", "policy", "--model", answer[2], "--reward-model", reward, "--prompts", prompts, "--max-tokens", "4", "--json"];
        float MeanScore(params string[] more) => JsonDocument.Parse(Run([.. policy, .. more]).Output).RootElement.GetProperty("policy")
            .GetProperty("score").GetProperty("value").GetSingle();
        Assert.Equal(MeanScore() - 1.5f, MeanScore("--score-shift"), 1e-5);
    }

    [Fact]
    public void A_shift_that_is_not_there_cannot_be_added()
    {
        var rows = _models.Write("rows.jsonl", """{"prompt": "Name a fruit.", "response": "A pear."}""");
        foreach (var folder in (string[])[_models.Reward("reward"), _models.Language("model")])
        {
            var (code, _, error) = Run("score", "--model", folder, "--data", rows, "--score-shift");
            Assert.Equal(ExitCode.BadInput, code);
            Assert.Contains("--score-shift has no effect", error, StringComparison.Ordinal);
        }

        Assert.Contains("--score-shift needs", Run("serve", "--model", _models.Language("other"), "--score-shift").Error, StringComparison.Ordinal);
        Assert.Contains("--score-shift has no effect", Run("serve", "--reward", _models.Reward("second"), "--score-shift").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void Rewards_are_the_references(string model)
    {
        var reference = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(model, "reward.json"))).RootElement;
        var lengths = Ints(reference.GetProperty("lengths"));
        var rows = _models.Write("rows.jsonl", [.. lengths.Select((length, i) => i % 2 == 0
            ? JsonSerializer.Serialize(new { ids = Ints(reference.GetProperty("input_ids")[i])[..length] })
            : JsonSerializer.Serialize(new { ids = Ints(reference.GetProperty("input_ids")[i])[..length], prompt_length = length }))]);

        var scored = JsonLines("score", "--model", _models.ReferenceReward(model), "--data", rows, "--json");

        var expected = reference.GetProperty("rewards").EnumerateArray().Select(value => value.GetDouble()).ToArray();
        Assert.Equal(expected.Length, scored.Length);
        Assert.All(scored.Zip(expected), pair => Assert.Equal(pair.Second, pair.First.GetProperty("reward").GetDouble(), Tolerance));
    }

    [Fact]
    public void Prompt_with_response_and_messages_are_scored_on_the_answer_and_its_end()
    {
        var model = _models.Language("model");
        var rows = _models.Write(
            "rows.jsonl",
            """{"id": 4, "prompt": "Name a fruit.", "response": "apple"}""",
            """{"question": "Name a fruit.", "answer": "apple"}""",
            """{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "apple"}]}""");
        var plain = JsonLines(
            "score", "--model", model, "--data", _models.Write("first.jsonl", """{"id": 4, "prompt": "Name a fruit.", "response": "apple"}"""), "--json")[0];
        var open = JsonLines(
            "score", "--model", model, "--data", _models.Write("open.jsonl", """{"prompt": "Name a fruit.", "response": "apple"}"""), "--no-eos", "--json")[0];

        var (code, _, error) = Run("score", "--model", model, "--data", rows);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("rows.jsonl:2:1: expected ids with prompt_length, a prompt with its response, messages, or a comparison or ranking", error,
            StringComparison.Ordinal);

        Assert.Equal("4", plain.GetProperty("id").GetString());
        Assert.Equal(1, Ints(plain.GetProperty("tokens"))[^1]); // </s>
        Assert.Equal(Ints(plain.GetProperty("tokens"))[..^1], Ints(open.GetProperty("tokens")));
        var messages = JsonLines("score", "--model", model, "--data", _models.Write("last.jsonl", File.ReadAllLines(rows)[2]), "--json")[0];
        Assert.Equal(Ints(plain.GetProperty("tokens")), Ints(messages.GetProperty("tokens")));
    }

    [Fact]
    public void Each_answer_of_comparisons_and_rankings_is_scored_as_it_is_alone()
    {
        var folder = _models.Reward("rm");
        var rows = _models.Write(
            "answers.jsonl",
            """{"id": "p", "prompt": "Name a fruit.", "chosen": "An apple.", "rejected": "Red."}""",
            """{"id": "r", "prompt": "Name a fruit.", "responses": ["Red.", "An apple.", "A pear."], "ranking": [[1, 2], [0]]}""",
            """{"id": "u", "prompt": "Name a fruit.", "responses": ["A pear.", "Red."]}""");
        var alone = new[] { "An apple.", "Red.", "A pear." }.ToDictionary(
            answer => answer,
            answer => JsonLines(
                "score", "--model", folder, "--data",
                _models.Write("one.jsonl", JsonSerializer.Serialize(new { prompt = "Name a fruit.", response = answer })), "--json")[0].GetProperty("reward")
                    .GetSingle());

        var scored = JsonLines("score", "--model", folder, "--data", rows, "--json");

        Assert.Equal(["p#0", "p#1", "r#0", "r#1", "r#2", "u#0", "u#1"], scored.Select(row => row.GetProperty("id").GetString()!));
        Assert.Equal(
            new[] { "An apple.", "Red.", "Red.", "An apple.", "A pear.", "A pear.", "Red." }.Select(answer => alone[answer]),
            scored.Select(row => row.GetProperty("reward").GetSingle()));
    }

    [Fact]
    public void Fields_may_have_other_names()
    {
        var model = _models.Language("model");
        var ours = _models.Write("ours.jsonl", """{"prompt": "Name a fruit.", "response": "apple"}""");
        var theirs = _models.Write("theirs.jsonl", """{"question": "Name a fruit.", "answer": "apple"}""");

        Assert.Equal(
            JsonLines("score", "--model", model, "--data", ours, "--json")[0].GetProperty("logprobs").GetRawText(),
            JsonLines("score", "--model", model, "--data", theirs, "--json", "--fields", "prompt=question,response=answer")[0].GetProperty("logprobs")
                .GetRawText());
    }

    [Theory]
    [InlineData("""{"ids": [1, 101], "prompt_length": 1}""", 2, 13, "expected a token id of the model's vocabulary, 0 to 100, found the number 101")]
    [InlineData("""{"ids": [1, -1], "prompt_length": 1}""", 2, 13, "found the number -1")]
    [InlineData("""{"ids": [1, 1e400], "prompt_length": 1}""", 2, 13, "found the number 1e400")]
    [InlineData("""{"ids": [1, "2"], "prompt_length": 1}""", 2, 13, "found the text")]
    [InlineData("""{"ids": [1, 2], "prompt_length": 0}""", 2, 34, "expected the number of prompt tokens among the row's ids, 1 to 1, found the number 0")]
    [InlineData("""{"ids": [1, 2], "prompt_length": 2}""", 2, 34, "found the number 2")]
    [InlineData("""{"ids": [1, 2], "prompt_length": 99999999999}""", 2, 34, "found the number 99999999999")]
    [InlineData("""{"ids": [1, 2]}""", 2, 1, "expected the field \"prompt_length\"")]
    [InlineData("""{"ids": [1], "prompt_length": 1}""", 2, 9, "expected at least two token ids")]
    [InlineData("""{"ids": [], "prompt_length": 1}""", 2, 9, "expected at least one token id")]
    [InlineData("""{"ids": {}, "prompt_length": 1}""", 2, 9, "expected an array")]
    [InlineData("""{"ids": [1, 2], "prompt_length": 1""", 2, 35, "expected valid JSON")]
    [InlineData("""{"prompt": "a", "response": "b"}""", 2, 1, "has no tokenizer")]
    [InlineData("""[3, 4]""", 2, 1, "expected an object")]
    public void A_hostile_row_is_an_error_with_its_position_and_nothing_is_scored(string row, int line, int column, string expected)
    {
        var rows = _models.Write("rows.jsonl", """{"ids": [1, 2, 3], "prompt_length": 1}""", row);

        var (code, output, error) = Run("score", "--model", ReferenceFiles.PathOf("gpt2-tiny"), "--data", rows, "--json");

        Assert.Equal(ExitCode.BadInput, code);
        Assert.Empty(output);
        Assert.Contains(FormattableString.Invariant($"rows.jsonl:{line}:{column}: "), error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sequence_as_long_as_the_context_is_scored_and_a_longer_one_refused()
    {
        string Row(int tokens) => _models.Write("rows.jsonl", JsonSerializer.Serialize(new { ids = Enumerable.Repeat(5, tokens), prompt_length = 1 }));

        Assert.Equal(
            63, JsonLines("score", "--model", ReferenceFiles.PathOf("gpt2-tiny"), "--data", Row(64), "--json")[0].GetProperty("logprobs").GetArrayLength());
        var (code, _, error) = Run("score", "--model", ReferenceFiles.PathOf("gpt2-tiny"), "--data", Row(65), "--json");
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("rows.jsonl:1:8: the row has 65 tokens, more than the model's context of 64", error, StringComparison.Ordinal);
    }

    [Fact]
    public void For_people_rows_are_a_table_with_their_means()
    {
        var rows = _models.Write("rows.jsonl", """{"ids": [1, 2, 3], "prompt_length": 1}""", """{"ids": [4, 5], "prompt_length": 1}""");

        var language = Run("score", "--model", ReferenceFiles.PathOf("gpt2-tiny"), "--data", rows);
        var reward = Run("score", "--model", _models.ReferenceReward("gpt2-tiny"), "--data", rows);

        Assert.Contains("2 rows, 3 tokens, mean log p per token", language.Output, StringComparison.Ordinal);
        Assert.Contains("2 rows, mean reward", reward.Output, StringComparison.Ordinal);
        Assert.Equal("", language.Error + reward.Error);
    }

    [Fact]
    public void Answers_to_one_prompt_get_together_the_bits_that_they_get_alone()
    {
        string[] rows =
            [.. new[] { "An apple.", "A pear.", "Red and green.", "An apple." }.Select(
                static answer => JsonSerializer.Serialize(new { prompt = "Name a fruit.", response = answer }))];
        var folder = _models.Reward("rm");

        var together = JsonLines("score", "--model", folder, "--data", _models.Write("all.jsonl", rows), "--json")
            .Select(static row => row.GetProperty("reward").GetSingle());
        var alone = rows.Select(
            row => JsonLines("score", "--model", folder, "--data", _models.Write("one.jsonl", row), "--json")[0].GetProperty("reward").GetSingle());

        Assert.Equal(alone, together);
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];

    private static double[] Floats(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];
}
