using System.Text.Json;
using Rlhf.Cli;
using Rlhf.World;
using static Rlhf.Tests.Cli.TinyModels;

namespace Rlhf.Tests.Cli;

public sealed class GenerateCommandTests : IDisposable
{
    private readonly TinyModels _models = new();

    public void Dispose() => _models.Dispose();

    [DataFact("stories260k")]
    public void Greedy_text_of_stories260k_is_the_published_one_word_for_word()
    {
        var story = File.ReadAllText(ReferenceFiles.DataPathOf("stories260k", "doc-stories260K.md")).Split("```")[3];
        story = story[(story.IndexOf('\n', story.IndexOf("$ ./run", StringComparison.Ordinal)) + 1)..].Trim();
        Assert.StartsWith("Once upon a time, there", story, StringComparison.Ordinal);
        var model = ReferenceFiles.DataPathOf("stories260k");

        var whole = Run("generate", "--model", model, "--prompt", "", "--temperature", "0", "--max-tokens", "256");
        var longer = Run("generate", "--model", model, "--prompt", "", "--temperature", "0", "--max-tokens", "257");
        var continued = Run("generate", "--model", model, "--prompt", "Once upon a time", "--temperature", "0", "--max-tokens", "252");

        // The published text has 256 tokens; the 257th closes its quotation.
        Assert.Equal((ExitCode.Success, ""), (whole.Code, whole.Error));
        Assert.Equal(story, whole.Output.Trim());
        Assert.Equal(story + "\"", longer.Output.Trim());
        Assert.Equal(story, "Once upon a time" + continued.Output.TrimEnd());
    }

    [DataFact("stories260k")]
    public void The_line_break_that_ends_a_prompt_is_no_part_of_its_answer()
    {
        var model = ReferenceFiles.DataPathOf("stories260k");
        string[] command = ["generate", "--model", model, "--prompt", "Once upon a time.\n", "--format", "plain", "--temperature", "0", "--max-tokens", "6"];

        Assert.Equal("One day, a\n", Run(command).Output);
        Assert.Equal("One day, a", Json([.. command, "--json"]).GetProperty("response").GetString());
    }

    [Fact]
    public void Json_has_the_tokens_that_the_score_command_gives_the_same_log_probabilities()
    {
        var model = _models.Language("model");
        var answers = JsonLines("generate", "--model", model, "--prompt", "Name a fruit.", "--samples", "3", "--seed", "7", "--max-tokens", "12", "--json");

        Assert.Equal([0, 1, 2], answers.Select(answer => answer.GetProperty("sample").GetInt32()));
        Assert.Equal(3, answers.Select(answer => answer.GetProperty("response").GetString()).Distinct().Count());
        Assert.All(answers, answer => Assert.Equal("Name a fruit.", answer.GetProperty("prompt").GetString()));
        Assert.All(answers, answer => Assert.Equal(7, answer.GetProperty("seed").GetInt32()));
        Assert.All(answers, answer => Assert.False(answer.TryGetProperty("score", out _)));
        var rows = _models.Write("rows.jsonl", [.. answers.Select(answer =>
        {
            int[] prompt = Ints(answer, "prompt_tokens");
            return JsonSerializer.Serialize(new { ids = (int[])[.. prompt, .. Ints(answer, "tokens")], prompt_length = prompt.Length });
        })]);
        var scored = JsonLines("score", "--model", model, "--data", rows, "--json");
        Assert.Equal(answers.Select(answer => answer.GetProperty("logprobs").GetRawText()), scored.Select(row => row.GetProperty("logprobs").GetRawText()));
    }

    [Fact]
    public void An_answer_depends_on_the_seed_and_not_on_later_prompts()
    {
        var model = _models.Language("model");
        var one = _models.Write("one.txt", "Name a fruit.");
        var two = _models.Write("two.txt", "Name a fruit.", "", "Name a colour.");

        string[] Texts(string prompts, string seed) =>
            [.. JsonLines("generate", "--model", model, "--prompts", prompts, "--seed", seed, "--max-tokens", "10", "--json")
                .Select(answer => answer.GetProperty("response").GetString()!)];

        Assert.Equal(2, Texts(two, "1").Length);
        Assert.Equal(Texts(one, "1")[0], Texts(two, "1")[0]);
        Assert.NotEqual(Texts(one, "1"), Texts(one, "2"));
    }

    [Fact]
    public void Best_of_n_keeps_the_answer_that_scores_highest()
    {
        var (model, reward) = (_models.Language("model"), _models.Reward("reward"));
        string[] common = ["--model", model, "--reward-model", reward, "--prompt", "Name a fruit.", "--max-tokens", "8", "--json"];

        var all = JsonLines(["generate", .. common, "--samples", "6"]).Select(answer => answer.GetProperty("score").GetSingle()).ToArray();
        var best = JsonLines(["generate", .. common, "--samples", "2", "--best-of", "3"]).Select(answer => answer.GetProperty("score").GetSingle());

        Assert.Equal(6, all.Distinct().Count());
        Assert.Equal([all[..3].Max(), all[3..].Max()], best);
    }

    [Fact]
    public void Rows_of_every_form_of_prompt_are_answered_in_their_order()
    {
        var prompts = _models.Write(
            "prompts.jsonl",
            """{"id": "a", "prompt": "Name a fruit."}""",
            """{"instruction": "Name a colour.", "input": "warm"}""",
            """{"messages": [{"role": "user", "content": "Name a fruit."}, {"role": "assistant", "content": "Apple."}]}""",
            """{"id": "d", "prompt": "Name a fruit."}""");

        var answers = JsonLines("generate", "--model", _models.Language("model"), "--prompts", prompts, "--max-tokens", "3", "--json");

        Assert.Equal(["a", "prompts.jsonl:2", "prompts.jsonl:3", "d"], answers.Select(answer => answer.GetProperty("id").GetString()));
        Assert.Equal("\n\nHuman: Name a fruit.\n\nAssistant:", answers[2].GetProperty("prompt").GetString());
    }

    [Fact]
    public void Without_a_chat_template_the_prompt_is_plain_text_after_the_beginning_of_sequence()
    {
        var model = _models.Language("model");
        int PromptTokens(params string[] more) =>
            Ints(JsonLines(["generate", "--model", model, "--prompt", "Name a fruit.", "--max-tokens", "1", "--json", .. more])[0], "prompt_tokens").Length;

        Assert.Equal(PromptTokens("--format", "plain"), PromptTokens());
        Assert.True(PromptTokens("--format", "human-assistant") > PromptTokens());
        Assert.True(PromptTokens("--prompt-format", "Question: {prompt}\\nAnswer:") > PromptTokens());
        var (code, _, error) = Run("generate", "--model", model, "--prompt", "x", "--format", "tokenizer");
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("has no chat template", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_options_are_named_with_what_would_be_right()
    {
        var (model, reward) = (_models.Language("model"), _models.Reward("reward"));
        foreach (var (args, expected) in new (string[], string)[]
        {
            (["--model", model], "--prompt TEXT or --prompts FILE"),
            (["--model", model, "--prompt", "a", "--prompts", "b"], "--prompt TEXT or --prompts FILE"),
            (["--model", model, "--prompt", "a", "--best-of", "4"], "--best-of needs --reward-model"),
            (["--model", model, "--prompt", "a", "--samples", "0"], "--samples: expected at least 1, found 0"),
            (["--model", model, "--prompt", "a", "--top-p", "2"], "top_p is 2"),
            (["--modl", model, "--prompt", "a"], "unknown option '--modl'; did you mean '--model'?"),
            (["--model", model, "--prompt", "a", "--temperature", "hot"], "'hot' for option '--temperature' as a number"),
            (["--model", model, "--prompt", "a", "--format", "custom"], "needs --prompt-format"),
            (["--model", model, "--prompt", "a", "--format", "plain", "--prompt-format", "{prompt}"], "only with --format custom"),
            (["--model", model, "--prompt", "a", "--max-tokens", "1000"], "do not fit the context of 96"),
            (["--model", model, "--prompt", "a", "--reward-model", model], "not a reward model"),
            (["--model", _models.Path + "/none", "--prompt", "a"], "there is no such"),
            (["--model", model, "--prompts", _models.Path + "/none.jsonl"], "no such file"),
            (["--model", model, "--prompts", _models.Write("bad.jsonl", "{\"prompt\": 3}")], "bad.jsonl:1:12: expected"),
            (["--model", model, "--prompts", _models.Write("empty.txt", "", " ")], "expected at least one prompt"),
            (["--model", model, "--prompt", "a", "--fields", "promt=question"], "did you mean 'prompt'?"),
        })
        {
            var (code, output, error) = Run(["generate", .. args]);
            Assert.True(code == ExitCode.BadInput, $"{string.Join(' ', args)}: {code} {output} {error}");
            Assert.Empty(output);
            Assert.Contains(expected, error, StringComparison.Ordinal);
        }
    }

    private static int[] Ints(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
