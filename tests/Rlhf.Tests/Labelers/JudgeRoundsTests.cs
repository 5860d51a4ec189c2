using Rlhf.Labelers;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Labelers;

/// <summary>Two whole rounds with a judge behind HTTP that judges by the gold rule.</summary>
public sealed class JudgeRoundsTests : IDisposable
{
    private const string KeyVariable = "RLHF_TEST_ROUNDS_KEY";
    private const string Key = "sk-the-key-of-the-rounds";

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static string Text(string labeler) => $$$"""
        name: judged
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 400}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          quickstart: {demonstrations: 60, prompts: 30, evaluation_prompts: 4, texts: 20}
          demonstrations: {}
          prompts: {}
          evaluation_prompts: {}
        rounds: 2
        sft: {epochs: 1, batch: 8, learning_rate: 1e-3, keep_best: none, limits: {on_overlong: drop}}
        collect: {answers_per_prompt: 3, max_prompts: 12, max_new_tokens: 8, limits: {on_overlong: drop}, {{{labeler}}}}
        reward: {batch: 2, learning_rate: 1e-3, ties: half, round_weights: [0, 1], limits: {on_overlong: drop}}
        ppo: {steps: 2, rollouts_per_step: 8, minibatch: 4, max_new_tokens: 8, learning_rate: 1e-3, start_from: previous, evaluation_samples: 1, limits: {on_overlong: drop}}
        """;

    private RunSummary Run(string recipe, string folder) =>
        RecipeRun.Execute(RecipeReader.Parse(recipe, "recipe.yaml", _temporary.Path), new RunSettings(_temporary.PathOf(folder), Resume: true),
            ProgressReporter.Silent, CancellationToken.None);

    [Fact]
    public void A_judge_that_fails_in_between_gives_the_models_of_the_rule_that_it_judges_by()
    {
        Environment.SetEnvironmentVariable(KeyVariable, Key);
        var rule = new GoldRule();
        var failing = true;
        using var server =
            new FakeJudge(asked => failing && asked.Number > 7 ? new FakeJudge.Reply("maintenance", 503) : FakeJudge.Compares(asked, rule.Score));
        var recipe =
            Text($$"""labeler: judge, judge: {url: "{{server.Url}}", model: fake, api_key_variable: {{KeyVariable}}, prompt: "P<{prompt}>A<{first}>B<{second}>", retries: 1, backoff_seconds: 0, parallel: 1, prompt_price: 1}""");

        Assert.Contains("503", Assert.Throws<RunFailedException>(() => Run(recipe, "judged")).Message, StringComparison.Ordinal);
        failing = false;
        var judged = Run(recipe, "judged");
        var gold = Run(Text("labeler: gold"), "gold");

        Assert.Equal(7, judged.Stages.Count);
        Assert.Equal(gold.Stages.Select(stage => stage.ModelHash), judged.Stages.Select(stage => stage.ModelHash));
        var collects = judged.Stages.Where(stage => stage.Kind == "collect").ToArray();
        Assert.Equal(2 + collects.Sum(stage => stage.Figures["judge_calls"].Value), server.Questions.Count); // two of 503
        Assert.All(collects, stage => Assert.Equal(("labeler", "judge fake"), (stage.Inputs[1].Role, stage.Inputs[1].Source)));
        Assert.Equal([("02-collect", 0.0, 0), ("05-collect-2", 1.0, judged.Stages[5].Figures["training_rankings"].Value)],
            judged.Stages[5].Rankings!.Select(source => (source.Source, source.Weight, (double)source.Training)));
        Assert.All(
            Directory.GetFiles(_temporary.PathOf("judged"), "*", SearchOption.AllDirectories),
            file => Assert.Equal(-1, File.ReadAllBytes(file).AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(Key))));
        var report = File.ReadAllText(_temporary.PathOf(Path.Combine("judged", "report.html")));
        Assert.Contains("""<section id="rounds">""", report, StringComparison.Ordinal);
        Assert.Contains("02-collect: left out", report, StringComparison.Ordinal);
    }
}
