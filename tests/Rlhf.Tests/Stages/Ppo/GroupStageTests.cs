using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Stages.Ppo;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Ppo;

/// <summary>The stage without a value network in whole runs of a tiny model, on a base and a reward model that all tests share.</summary>
public sealed class GroupStageTests(GroupStageTests.Models models) : IClassFixture<GroupStageTests.Models>, IDisposable
{
    private const string Stage = "01-ppo";
    private readonly TestFolder _temporary = new();

    public static TheoryData<string> Presets => [.. Enum.GetValues<PpoPreset>().Select(preset => SnakeCase.Of(preset))];

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [MemberData(nameof(Presets))]
    public void A_preset_trains_to_the_end_and_leaves_no_value_network(string preset)
    {
        string[] group = preset == "reinforce++" ? [] : ["ppo.rollouts_per_prompt=4"];
        var stage = Run("run", [$"ppo.preset={preset}", .. group]).Stages[^1];

        var rows = MetricsFile.Read(_temporary.PathOf("run")).Where(row => row.Values.ContainsKey("policy_loss")).ToArray();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(0, row.Values["logprob_difference"]));
        Assert.All(rows, row => Assert.DoesNotContain(row.Values.Keys, key => key.Contains("value", StringComparison.Ordinal)));
        Assert.Equal(["start", "reference", "reward"], stage.Inputs.Select(link => link.Role));
        Assert.True(File.Exists(_temporary.PathOf("run", "stages", Stage, "model", "model.safetensors")));
        Assert.DoesNotContain("value network", File.ReadAllText(_temporary.PathOf("run", "report.html")), StringComparison.Ordinal);

        // The run folder's recipe has the preset's values written out, and is the same recipe.
        var written = _temporary.PathOf("run", "recipe.yaml");
        Assert.Contains($"preset: {preset}\n", File.ReadAllText(written), StringComparison.Ordinal);
        Assert.Equal(RecipeWriter.Write(Recipe([$"ppo.preset={preset}", .. group])), RecipeWriter.Write(RecipeReader.Read(written)));
    }

    [Theory]
    [InlineData("ppo.preset=dapo", "ppo.rollouts_per_prompt=2", "ppo.score_clip=1e-6", "ppo.score_normalization=running", "ppo.off_policy_steps=2")]
    [InlineData("ppo.preset=rloo", "ppo.rollouts_per_prompt=4", "ppo.adapter={rank: 2}", "ppo.adaptive_kl={}", "ppo.inner_epochs=2")]
    public void A_run_that_is_stopped_again_and_again_ends_with_the_same_bytes(params string[] changes)
    {
        Run("whole", changes);
        Assert.True(changes[0] != "ppo.preset=dapo" || Metrics("whole").Any(metric => metric.Contains("sampled_answers", StringComparison.Ordinal)
            && !metric.EndsWith(" 16", StringComparison.Ordinal)), "no group was dropped");
        var stops = StopAfterStep.AgainAndAgain(() => Recipe(changes), _temporary.PathOf("stopped"), Stage, later: 2, most: 20);

        Assert.True(stops > 1, $"stopped {stops} times");
        Assert.Equal(ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("stopped")));
        Assert.Equal(Metrics("whole"), Metrics("stopped"));
    }

    [Theory]
    [InlineData("ppo.clip_range: contradicts preset: grpo, which has 0.2; take one of the two away", "ppo.preset=grpo", "ppo.clip_range=0.1")]
    [InlineData("ppo.deviation: contradicts preset: dr_grpo, which has none", "ppo.preset=dr_grpo", "ppo.deviation=group")]
    [InlineData("ppo.kl_coefficient: contradicts preset: dapo, which has 0", "ppo.preset=dapo", "ppo.kl_coefficient=0.1")]
    [InlineData("ppo.drop_equal_groups: contradicts preset: cispo, which has true", "ppo.preset=cispo", "ppo.drop_equal_groups=false")]
    [InlineData("ppo.advantage: contradicts preset: reinforce++, which has batch", "ppo.advantage=group", "ppo.preset=reinforce++", "ppo.rollouts_per_prompt=2")]
    [InlineData("ppo.rollouts_per_prompt: must be 2 or more with advantage: group", "ppo.advantage=group")]
    [InlineData("ppo.rollouts_per_prompt: must be 3 or more", "ppo.advantage=leave_one_out", "ppo.others_deviation=true", "ppo.rollouts_per_prompt=2")]
    [InlineData("ppo.lambda: has no effect with advantage: batch, which has no value network", "ppo.advantage=batch", "ppo.lambda=0.9")]
    [InlineData("ppo.aggregation: has no effect with advantage: gae", "ppo.aggregation=tokens")]
    [InlineData("ppo.kl_estimator: k1 does not hold the policy in the loss", "ppo.advantage=batch", "ppo.kl_in=loss")]
    [InlineData("ppo.ratio: must be of tokens with advantage: batch", "ppo.advantage=batch", "ppo.ratio=answer_mean")]
    [InlineData("ppo.importance_cap: has no effect with off_policy_steps: 1", "ppo.advantage=batch", "ppo.importance_cap=3")]
    [InlineData("ppo.off_policy_steps: must divide the step's minibatches (2)", "ppo.advantage=batch", "ppo.off_policy_steps=3")]
    [InlineData("ppo.importance_of_answers: must be true where a ratio is an answer's", "ppo.preset=gspo", "ppo.rollouts_per_prompt=4", "ppo.off_policy_steps=2")]
    [InlineData("ppo.drop_equal_groups: has no effect with advantage: batch", "ppo.advantage=batch", "ppo.drop_equal_groups=true")]
    [InlineData("ppo.whiten_advantages: has no effect with advantage: group", "ppo.advantage=group", "ppo.rollouts_per_prompt=2", "ppo.whiten_advantages=false")]
    [InlineData("ppo.adapter.dropout: has no effect in ppo", "ppo.adapter={rank: 2, dropout: 0.1}")]
    [InlineData("ppo.overlong.share: must be above 0 and at most 1", "ppo.overlong={share: 2}")]
    public void What_contradicts_or_has_no_effect_is_an_error_that_says_so(string message, params string[] changes) =>
        Assert.Contains(message, Assert.Throws<InputException>(() => Recipe(changes)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("grpo", 64, 0.04, 0.2, null, false, null)] // Shao 2024, section 4.2
    [InlineData("dr_grpo", 8, 0, 0.2, null, false, null)] // sail-sg/understand-r1-zero
    [InlineData("rloo", 4, 0.03, 0.2, null, false, null)] // Ahmadian 2024, appendix C
    [InlineData("reinforce++", 1, 0.01, 0.2, null, false, null)] // OpenRLHF's defaults
    [InlineData("reinforce++_baseline", 8, 0.01, 0.2, null, false, null)]
    [InlineData("dapo", 16, 0, 0.2, 0.28, true, 0.2)] // Yu 2025, section 4.1: 4,096 of 20,480 tokens
    [InlineData("gspo", 16, 0, 3e-4, 4e-4, false, null)] // Zheng 2025, section 5.1
    [InlineData("cispo", 16, 0, 0.2, 0.28, true, 0.2)] // MiniMax 2025, section 3.1: dynamic sampling and length penalty of DAPO
    public void A_presets_numbers_are_those_of_its_source(
        string preset, int answers, double kl, double low, double? high, bool dropsEqualGroups, double? overlong)
    {
        var options = Recipe([$"ppo.preset={preset}", "ppo.minibatch=64", "ppo.rollouts_per_step=64"]).Find<PpoOptions>()!;

        Assert.Equal((answers, kl, low, high, dropsEqualGroups, overlong),
            (options.RolloutsPerPrompt, options.KlCoefficient, options.ClipRange, options.ClipRangeHigh, options.DropEqualGroups, options.Overlong?.Share));
        Assert.Equal(1, options.Overlong?.Penalty ?? 1);
    }

    [Fact]
    public void What_agrees_with_a_preset_may_stand_beside_it()
    {
        var options = Recipe(["ppo.clip_range=0.2", "ppo.preset=grpo", "ppo.rollouts_per_prompt=4", "ppo.kl_coefficient=0.1"]).Find<PpoOptions>()!;

        Assert.Equal((4, 0.1, KlPlace.Loss), (options.RolloutsPerPrompt, options.KlCoefficient, options.KlIn));
    }

    [Fact]
    public void A_written_recipe_with_an_adapter_reads_back_as_the_same()
    {
        var written = RecipeWriter.Write(Recipe(["ppo.adapter={rank: 2}"]));

        Assert.Equal(written, RecipeWriter.Write(RecipeReader.Parse(written, "written.yaml", _temporary.Path)));
    }

    [Fact]
    public void A_plan_without_a_value_network_is_smaller_and_shorter()
    {
        var (gae, group) = (Plan(), Plan("ppo.advantage=group"));
        Assert.True(group.Bytes < gae.Bytes, $"{group.Bytes} of {gae.Bytes} bytes"); // little, as activations are most of so small a model
        Assert.True(group.Operations < 0.9 * gae.Operations, $"{group.Operations} of {gae.Operations}");
    }

    private StagePlan Plan(params string[] changes) =>
        RecipePlan.Of(Recipe(["ppo.rollouts_per_prompt=4", .. changes])).Stages[^1];

    private string[] Metrics(string folder) =>
        [.. ResumeTests.MetricsOf(_temporary.PathOf(folder)).Where(metric => !metric.Contains("tokens_per_second", StringComparison.Ordinal))];

    private Recipe Recipe(string[] changes) => RecipeReader.Read(models.Recipe, changes);

    private RunSummary Run(string folder, string[] changes) =>
        RecipeRun.Execute(Recipe(changes), new RunSettings(_temporary.PathOf(folder)), ProgressReporter.Silent, CancellationToken.None);

    /// <summary>A base model and a reward model.</summary>
    public sealed class Models : IDisposable
    {
        private const string First = """
            name: models
            seed: 3
            base:
              shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
              train_tokenizer: {vocabulary_size: 300}
            format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
            data:
              text: {path: texts.jsonl}
              comparisons: {path: comparisons.jsonl}
            pretrain: {max_steps: 2, batch: 4, keep_best: none}
            reward: {batch: 4, learning_rate: 1e-2, epochs: 2, normalize_on: none}
            """;

        private readonly TestFolder _temporary = new();

        public Models()
        {
            File.WriteAllText(_temporary.PathOf("models.yaml"), First);
            File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "A text about number {{i}}."}"""));
            File.WriteAllLines(_temporary.PathOf("comparisons.jsonl"), Enumerable.Range(0, 12).Select(i =>
                $$"""{"prompt": "Name number {{i}}.", "chosen": "It is {{i}}.", "rejected": "No."}"""));
            File.WriteAllLines(_temporary.PathOf("prompts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"prompt": "Name number {{i}}."}"""));
            RecipeRun.Execute(RecipeReader.Read(_temporary.PathOf("models.yaml")), new RunSettings(_temporary.PathOf("models")), ProgressReporter.Silent,
                CancellationToken.None);
            File.WriteAllText(Recipe, $$"""
                name: groups
                seed: 5
                base: {model: models/stages/01-pretrain/model}
                format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
                data:
                  text: {path: texts.jsonl}
                  prompts: {path: prompts.jsonl, held_out: 0.3}
                ppo:
                  reward_model: models/stages/02-reward/model
                  steps: 3
                  rollouts_per_step: 16
                  minibatch: 8
                  max_new_tokens: 6
                  learning_rate: 1e-3
                  warm_up_steps: 0
                  evaluate_every: 2
                  evaluation_samples: 1
                  checkpoint_every: 1
                  ptx: {batch_ratio: 0.5, context_tokens: 16}
                """);
        }

        /// <summary>A recipe with PPO alone.</summary>
        public string Recipe => _temporary.PathOf("ppo.yaml");

        public void Dispose() => _temporary.Dispose();
    }
}
