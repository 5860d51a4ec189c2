using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Tests.Cli;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Ppo;

/// <summary>PPO by a list of rewards, in whole runs of a tiny model without a reward model.</summary>
public sealed class PpoRewardsTests : IDisposable
{
    private const string Text = """
        name: tiny
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 300}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          text: {path: texts.jsonl}
          prompts: {path: prompts.jsonl, held_out: 0.3}
        pretrain: {max_steps: 2, batch: 4, keep_best: none}
        ppo:
          steps: 3
          rollouts_per_step: 8
          rollouts_per_prompt: 2
          minibatch: 4
          max_new_tokens: 6
          learning_rate: 1e-3
          checkpoint_every: 1
          evaluate_every: 2
          evaluation_samples: 2
          best_of: 4
          rewards:
            - {rule: length, at_most: 3, unit: words, normalize: sft_samples}
            - {rule: contains, name: letters, reference: letter, ignore_case: true, weight: 2, normalize: running}
        """;

    private readonly TestFolder _temporary = new();

    public PpoRewardsTests()
    {
        File.WriteAllText(_temporary.PathOf("tiny.yaml"), Text);
        File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "A text about number {{i}}."}"""));
        File.WriteAllLines(_temporary.PathOf("prompts.jsonl"), Enumerable.Range(0, 16).Select(i =>
            $$"""{"prompt": "Name number {{i}}.", "letter": "{{(char)('a' + (i % 6))}}"}"""));
    }

    public void Dispose() => _temporary.Dispose();

    private RunSummary Run(string folder, params string[] changes) => RecipeRun.Execute(
        RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes), new RunSettings(_temporary.PathOf(folder), Resume: true), ProgressReporter.Silent, default);

    [Theory]
    [InlineData("ppo.shared_trunk=false")]
    [InlineData("ppo.advantage=group")]
    public void A_run_that_is_stopped_again_and_again_ends_with_the_same_bytes(string change)
    {
        Run("whole", change);
        var stops = StopAfterStep.AgainAndAgain(
            () => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [change]), _temporary.PathOf("stopped"), "02-ppo", later: 2, most: 20);

        Assert.True(stops > 1, $"stopped {stops} times");
        Assert.Equal(ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("stopped")));
    }

    [Fact]
    public void Each_source_is_logged_and_summed_up_beside_the_best_of_n()
    {
        var summary = Run("run");
        var stage = summary.Stages[^1];
        Assert.Equal(["start", "reference", "length", "letters"], stage.Inputs.Select(link => link.Role));
        var steps = MetricsFile.Read(_temporary.PathOf("run")).Where(row => row.Values.ContainsKey("policy_loss")).ToArray();
        Assert.Equal(3, steps.Length);
        Assert.All(steps, row =>
        {
            Assert.InRange(row.Values["reward_mean.length"], 0, 1);
            Assert.Equal(row.Values["reward_mean.letters"], row.Values["reward_positive.letters"], 6); // 0 or 1 each
        });
        Assert.InRange(stage.Figures["sft_reward_mean.letters"].Value, 0, 1);
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("By letters the answers of PPO", StringComparison.Ordinal));
        Assert.Equal([1, 4], stage.BestOfN!.Select(point => point.N));
        Assert.True(stage.BestOfN![1].Score >= stage.BestOfN[0].Score);
        Assert.Equal(Math.Round(BestOfN.AtKl(stage.Figures["kl"].Value)), stage.Figures["best_of_at_kl"].Value);
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("PPO is as far from SFT", StringComparison.Ordinal));
        Assert.Contains("best of 4", File.ReadAllText(_temporary.PathOf("run", "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_plan_counts_the_best_of_n()
    {
        File.WriteAllLines(_temporary.PathOf("prompts.jsonl"), Enumerable.Range(0, 400).Select(i => $$"""{"prompt": "Name number {{i}}.", "letter": "a"}"""));
        StagePlan Plan(string bestOf) => RecipePlan.Of(RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [$"ppo.best_of={bestOf}"])).Stages[^1];
        var (without, some, most) = (Plan("none"), Plan("4"), Plan("1024"));

        var added = some.SampledOperations - without.SampledOperations;
        Assert.Equal(added, (most.SampledOperations - without.SampledOperations) / 256, 1e-3 * added);
        Assert.True(added > 0 && some.Operations > without.Operations);
        Assert.InRange(most.Bytes - some.Bytes, 20L << 20, 200L << 20); // 1024 answers to each of some 120 prompts, held at once
    }

    [UnixFact]
    public void A_program_beside_the_recipe_may_reward()
    {
        _temporary.Write("grade.sh", "while read -r line; do id=${line#*:\\\"}; printf '{\"id\":\"%s\",\"score\":1.5}\\n' \"${id%%\\\"*}\"; done");
        var stage = Run("run", "ppo.rewards=[{program: [/bin/sh, grade.sh]}]").Stages[^1];
        Assert.Equal(1.5, stage.Figures["reward_mean.program"].Value);
        Assert.Equal(0, stage.Figures["program_restarts"].Value);
    }

    [Theory]
    [InlineData("ppo.reward_model=some/model", "ppo.reward_model: has no effect beside rewards")]
    [InlineData("ppo.rewards=[{model: trained}]", "the recipe has no reward stage")]
    [InlineData("ppo.rewards=[]", "a list of rewards")]
    [InlineData("ppo.best_of=1", "ppo.best_of: must be 2 to 1024")]
    public void What_is_wrong_is_told_with_its_place(string change, string message) => Assert.Contains(message,
        Assert.Throws<InputException>(() => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [change])).Message, StringComparison.Ordinal);
}
