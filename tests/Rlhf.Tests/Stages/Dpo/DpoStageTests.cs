using System.Text.RegularExpressions;
using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Dpo;

/// <summary>The stage in whole runs of a tiny model.</summary>
public sealed partial class DpoStageTests : IDisposable
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
          comparisons: {path: comparisons.jsonl, held_out: 0.4}
        pretrain: {max_steps: 2, batch: 4, keep_best: none}
        dpo: {batch: 4, epochs: 3, learning_rate: 1e-3, warm_up_steps: 0, checkpoint_every: 1, evaluate_every: 2, max_new_tokens: 6}
        """;

    private readonly TestFolder _temporary = new();

    public DpoStageTests()
    {
        File.WriteAllText(_temporary.PathOf("tiny.yaml"), Text);
        File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "A text about number {{i}}."}"""));
        File.WriteAllLines(_temporary.PathOf("comparisons.jsonl"), Enumerable.Range(0, 16).Select(i =>
            $$"""{"prompt": "Name number {{i}}.", "responses": ["{{i}}", "No.", "Not now."], "ranking": [[0], [{{1 + (i % 2)}}], [{{2 - (i % 2)}}]]}"""));
        File.WriteAllLines(_temporary.PathOf("labeled.jsonl"), Enumerable.Range(0, 16).Select(i =>
            $$"""{"prompt": "Name number {{i % 8}}.", "completion": "{{(i < 8 ? $"{i}" : "No.")}}", "label": {{(i < 8 ? "true" : "false")}}}"""));
    }

    public void Dispose() => _temporary.Dispose();

    private RunSummary Run(string folder, CancellationToken stop = default, params string[] changes) => RecipeRun.Execute(
        RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes), new RunSettings(_temporary.PathOf(folder), Resume: true), ProgressReporter.Silent, stop);

    [Theory]
    [InlineData("dpo.loss=dpo")]
    [InlineData("dpo.loss=kto")]
    [InlineData("dpo.adapter={rank: 4, dropout: 0.1}")]
    public void A_run_that_is_stopped_again_and_again_ends_with_the_same_bytes(string change)
    {
        Run("whole", default, change);
        var stops = StopAfterStep.AgainAndAgain(
            () => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [change]), _temporary.PathOf("stopped"), "02-dpo", later: 3, most: 30);

        Assert.True(stops > 2, $"stopped {stops} times");
        var (whole, stopped) = (ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("stopped")));
        Assert.Equal(whole, stopped);
        Assert.Contains(whole.Keys, name => name.EndsWith(
            change.Contains("adapter", StringComparison.Ordinal) ? "adapter_model.safetensors" : "model.safetensors", StringComparison.Ordinal));
        Assert.Equal(Metrics("whole"), Metrics("stopped"));
    }

    [Fact]
    public void Rows_alone_are_learned_where_the_context_has_no_room_for_answers_of_the_policy()
    {
        Run("short", default, "dpo.max_new_tokens=5000", "dpo.epochs=1");
        Assert.True(File.Exists(_temporary.PathOf("short", "stages", "02-dpo", "summary.json")));
        Assert.False(File.Exists(_temporary.PathOf("short", "stages", "02-dpo", "samples.jsonl")));
    }

    [Fact]
    public void A_run_that_is_stopped_while_the_reference_is_measured_keeps_the_parts_that_are_done()
    {
        File.WriteAllLines(_temporary.PathOf("comparisons.jsonl"), Enumerable.Range(0, 150).Select(i =>
            $$"""{"prompt": "Name number {{i}}.", "chosen": "{{i}}", "rejected": "No."}"""));
        const string Once = "dpo.epochs=1";
        Run("whole", default, Once);
        using var stop = new StopAfterStep(" 256/", 0);
        Assert.Throws<OperationCanceledException>(() => RecipeRun.Execute(
            RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [Once]), new RunSettings(_temporary.PathOf("run")), stop.Progress, stop.Token));
        var parts = _temporary.PathOf("run", "stages", "02-dpo", "reference-parts");
        Assert.Equal(["000000.f32"], Directory.GetFiles(parts).Select(Path.GetFileName));

        Run("run", default, Once);
        Assert.False(Directory.Exists(parts));
        Assert.Equal(ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("run")));
    }

    private string[] Metrics(string folder) =>
        [.. ResumeTests.MetricsOf(_temporary.PathOf(folder)).Where(metric => !metric.Contains("tokens_per_second", StringComparison.Ordinal))];

    [Fact]
    public void The_reference_is_kept_and_a_changed_one_is_refused()
    {
        using var stop = new StopAfterStep("02-dpo", 2);
        Assert.Throws<OperationCanceledException>(() => RecipeRun.Execute(RecipeReader.Read(_temporary.PathOf("tiny.yaml")),
            new RunSettings(_temporary.PathOf("run")), stop.Progress, stop.Token));
        var file = _temporary.PathOf("run", "stages", "02-dpo", "reference", "log_probabilities.safetensors");
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);

        Assert.Contains("log_probabilities.safetensors", Assert.Throws<InputException>(() => Run("run")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_left_is_a_model_folder_samples_and_figures_with_intervals()
    {
        var stage = Run("run").Stages[^1];

        Assert.Equal("02-dpo", stage.Name);
        Assert.All(["model.safetensors", "config.json", "tokenizer.json"],
            name => Assert.True(File.Exists(_temporary.PathOf("run", "stages", "02-dpo", "model", name)), name));
        Assert.All(["heldout_implicit_accuracy", "heldout_implicit_margin", "heldout_chosen_change", "kl"], key => Assert.NotNull(stage.Figures[key].Low));
        Assert.NotEmpty(File.ReadAllLines(_temporary.PathOf("run", "stages", "02-dpo", "samples.jsonl")));
        Assert.Equal(["base", "SFT", "DPO"], stage.SideBySide![0].Answers.Select(answer => answer.Model));
        Assert.Equal(["start", "reference"], stage.Inputs.Select(link => link.Role));
        var page = File.ReadAllText(_temporary.PathOf("run", "report.html"));
        Assert.Contains("id=\"preferences\"", page, StringComparison.Ordinal);
        Assert.Contains("id=\"dpo-answers\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_best_of_n_by_the_reward_model_stands_beside_the_policy()
    {
        const string Rewarded = "reward={batch: 4, learning_rate: 1e-3, normalize_on: none}";
        var summary = Run("run", default, Rewarded, "dpo.best_of=8");
        var stage = summary.Stages[^1];

        Assert.Equal([1, 4, 8], stage.BestOfN!.Select(point => point.N));
        Assert.True(stage.BestOfN![2].Score >= stage.BestOfN[0].Score);
        Assert.Equal(Math.Round(BestOfN.AtKl(stage.Figures["kl"].Value)), stage.Figures["best_of_at_kl"].Value);
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("DPO is as far from SFT", StringComparison.Ordinal));
        Assert.Contains("id=\"dpo-frontier\"", File.ReadAllText(_temporary.PathOf("run", "report.html")), StringComparison.Ordinal);
        StagePlan Plan(string bestOf) => RecipePlan.Of(RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [Rewarded, $"dpo.best_of={bestOf}"])).Stages[^1];
        Assert.True(Plan("8").SampledOperations > Plan("none").SampledOperations);
    }

    [Fact]
    public void The_best_of_n_by_the_gold_rule_stands_beside_the_policy()
    {
        string[] small =
        [
            "data.quickstart.demonstrations=160", "data.quickstart.prompts=40", "data.quickstart.evaluation_prompts=6", "data.quickstart.texts=40",
            "base.train_tokenizer.vocabulary_size=500", "base.shape.width=32", "pretrain.max_steps=3", "sft.max_steps=3", "collect.max_prompts=4",
            "collect.max_new_tokens=8", "dpo.max_new_tokens=8", "dpo.epochs=1", "dpo.best_of=4", "rounds=1",
            "data.comparisons.path=comparisons.jsonl", // what so small a model says is all alike
        ];
        var file = _temporary.Write("gold.yaml", File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "recipes", "dpo.yaml"))
            .Replace("  start_from: previous\n", "", StringComparison.Ordinal)); // has no effect with one round
        var summary = RecipeRun.Execute(RecipeReader.Read(file, small), new RunSettings(_temporary.PathOf("gold")), ProgressReporter.Silent, default);

        Assert.InRange(summary.Stages[^1].BestOfN![^1].Score, summary.Stages[^1].BestOfN![0].Score, 2);
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("The best of 4 answers of SFT by the gold rule has", StringComparison.Ordinal));
    }

    [Fact]
    public void A_fall_of_the_better_answers_is_told_as_a_warning()
    {
        var summary = Run("run", default, "dpo.alarms.chosen_fall=0.0001", "dpo.learning_rate=3e-2", "dpo.loss=apo_down", "dpo.beta=1");

        Assert.True(summary.Stages[^1].Figures["heldout_chosen_change"].Value < -0.0001, "the run is to make the better answers less probable");
        Assert.Contains(summary.Stages[^1].Alarms, alarm => alarm.Name == "chosen_fall");
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("Warning: The better answers have become less probable", StringComparison.Ordinal));
    }

    [Fact]
    public void Kto_learns_from_labeled_answers_alone_and_beside_rankings()
    {
        var labeled = Run(
            "labeled", default, "dpo.loss=kto", "data.labeled.path=labeled.jsonl", "data.labeled.held_out=0.3", "data.comparisons=none").Stages[^1];
        var both = Run("both", default, "dpo.loss=kto", "data.labeled.path=labeled.jsonl").Stages[^1];

        Assert.Equal(["data.labeled"], labeled.Rankings!.Select(source => source.Source));
        Assert.Equal(16, labeled.Rankings!.Sum(source => source.Training + source.HeldOut));
        Assert.Equal(["data.comparisons", "data.labeled"], both.Rankings!.Select(source => source.Source));
        Assert.Contains("reference_point", File.ReadAllText(_temporary.PathOf("both", "metrics.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public void Orders_of_whole_rankings_are_trained()
    {
        var stage = Run("run", default, "dpo.rankings=plackett_luce").Stages[^1];

        Assert.Equal(0, stage.Figures["rows_without_preference"].Value);
        Assert.True(stage.Figures["train_implicit_accuracy"].Value > 0.5);
    }

    [Theory]
    [InlineData(2, 1, 2)] // less than an epoch: four rows each
    [InlineData(6, 1, 4)] // the 16 training rows have no more
    [InlineData(6, 3, 6)]
    public void No_more_steps_than_asked_for_and_no_more_rows_than_they_take(int most, int epochs, int steps)
    {
        var stage = Run("run", default, $"dpo.max_steps={most}", $"dpo.epochs={epochs}", "data.comparisons.held_out=0").Stages[^1];

        Assert.Equal(steps, stage.Steps);
        Assert.Equal(Math.Min(16, most * 4), stage.Figures["trained_prompts"].Value);
    }

    [Theory]
    [InlineData("dpo.best_of=4", "dpo.best_of", "has nothing to choose the best by")]
    [InlineData("dpo.best_of=4 dpo.evaluation_prompts=0", "dpo.best_of", "with evaluation_prompts: 0")]
    [InlineData("dpo.gamma=1", "dpo.gamma", "only with simpo")]
    [InlineData("dpo.label_smoothing=0.1", "dpo.label_smoothing", "only with cdpo, robust, exo_pair")]
    [InlineData("dpo.desirable_weight=2", "dpo.desirable_weight", "only with kto")]
    [InlineData("dpo.loss=simpo dpo.length_normalized=true", "dpo.length_normalized", "with loss: simpo")]
    [InlineData("dpo.loss=ipo dpo.margin=1", "dpo.margin", "with loss: ipo")]
    [InlineData("dpo.loss=ipo dpo.rankings=plackett_luce", "dpo.rankings", "a form of loss: dpo")]
    [InlineData("dpo.loss=kto dpo.likelihood_coefficient=1", "dpo.likelihood_coefficient", "with loss: kto")]
    [InlineData("dpo.likelihood_mean=answer", "dpo.likelihood_mean", "without likelihood_coefficient")]
    [InlineData("dpo.start_from=previous", "dpo.start_from", "with one round")]
    [InlineData("data.labeled.path=labeled.jsonl", "data.labeled", "no stage reads it")]
    [InlineData("dpo.loss=dppo", "dpo.loss", "did you mean 'dpo'")]
    [InlineData("data.comparisons=none", "data.comparisons", "the dpo stage needs it")]
    [InlineData("rounds=2", "rounds", "collect and dpo")]
    public void Mistakes_are_told_before_anything_runs(string changes, string key, string part)
    {
        var message = Assert.Throws<InputException>(() => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes.Split(' '))).Message;

        Assert.Contains(key, message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_recipe_of_a_paper_on_the_page_is_valid()
    {
        var page = File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "docs", "dpo.md"));
        string[] recipes = [.. RecipeOfPaper().Matches(page).Select(match => match.Value)];
        Assert.True(recipes.Length >= 7, "one for each paper of the table");
        foreach (var recipe in recipes)
        {
            RecipeReader.Parse(
                "name: paper\nbase: {model: a}\ndata: {prompts: {path: p.jsonl}}\nrounds: 2\ncollect: {labeler: people}\n" + recipe, "dpo.md",
                ReferenceFiles.Repository);
        }
    }

    [GeneratedRegex(@"(?<=`)dpo: \{[^`]+\}(?=`)")]
    private static partial Regex RecipeOfPaper();

    [Fact]
    public void Ties_alone_are_an_error_that_says_so()
    {
        File.WriteAllLines(_temporary.PathOf("comparisons.jsonl"), Enumerable.Range(0, 6).Select(i =>
            $$"""{"prompt": "Name number {{i}}.", "responses": ["{{i}}", "No."], "ranking": [[0, 1]]}"""));

        Assert.Contains("02-dpo: no ranking to train on prefers one answer to another: of all 6, all answers tie.",
            Assert.Throws<InputException>(() => Run("run")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dpo.loss=dpo", "1 rankings are left out: all answers tie")]
    [InlineData("dpo.loss=kto", "1 rankings are left out: every answer wins as often as it loses, or ties")]
    [InlineData("dpo.rankings=plackett_luce", "1 rankings are left out: all answers tie, or the pairs are no order")]
    public void Ties_among_other_rankings_are_left_out_and_it_is_said_why(string change, string expected)
    {
        File.AppendAllText(_temporary.PathOf("comparisons.jsonl"), """{"prompt": "Which?", "responses": ["a", "b"], "ranking": [[0, 1]]}""" + "\n");
        using var lines = new StringWriter();
        RecipeRun.Execute(RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [change, "dpo.epochs=1"]), new RunSettings(_temporary.PathOf("run")),
            new ProgressReporter(lines, terminal: false, color: false, () => 80, TimeProvider.System), default);

        Assert.Contains(expected, lines.ToString(), StringComparison.Ordinal);
    }
}
