using System.Text.Json;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Rejection;

/// <summary>The stage in whole runs of a tiny model.</summary>
public sealed class RejectionStageTests : IDisposable
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
          prompts: {path: prompts.jsonl, held_out: 0.2}
        pretrain: {max_steps: 2, batch: 4, keep_best: none}
        rounds: 2
        rejection:
          answers_per_prompt: 4
          max_new_tokens: 6
          finished_only: false
          batch: 4
          learning_rate: 1e-3
          checkpoint_every: 1
          combine: mean
          rewards:
            - {rule: length, at_most: 3, unit: words}
            - {rule: contains, name: letters, reference: info.letter, ignore_case: true, weight: 2, normalize: running}
        """;

    private readonly TestFolder _temporary = new();

    public RejectionStageTests()
    {
        File.WriteAllText(_temporary.PathOf("tiny.yaml"), Text);
        File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "A text about number {{i}}."}"""));
        File.WriteAllLines(_temporary.PathOf("prompts.jsonl"), Enumerable.Range(0, 12).Select(i =>
            $$$"""{"prompt": "Name number {{{i}}}.", "info": {"letter": "{{{(char)('a' + (i % 6))}}}"}}"""));
    }

    public void Dispose() => _temporary.Dispose();

    private RunSummary Run(string folder, params string[] changes) => RecipeRun.Execute(
        RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes), new RunSettings(_temporary.PathOf(folder), Resume: true), ProgressReporter.Silent, default);

    private JsonElement[] Chosen(string folder, string stage = "02-rejection") =>
        [.. File.ReadLines(_temporary.PathOf(folder, "stages", stage, "chosen.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    [Fact]
    public void A_run_that_is_stopped_again_and_again_ends_with_the_same_bytes()
    {
        Run("whole");
        var stops = StopAfterStep.AgainAndAgain(
            () => RecipeReader.Read(_temporary.PathOf("tiny.yaml")), _temporary.PathOf("stopped"), "-rejection", later: 2, most: 30);

        Assert.True(stops > 2, $"stopped {stops} times");
        Assert.Equal(ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("stopped")));
    }

    [Fact]
    public void The_best_answer_to_each_prompt_is_trained_on_and_its_row_says_why()
    {
        var summary = Run("run", "rounds=1");
        var stage = summary.Stages[^1];
        var rows = Chosen("run");
        Assert.NotEmpty(rows);
        Assert.Equal(rows.Length, stage.Figures["rejection_chosen"].Value);
        Assert.Equal(BestOfN.KlBound(4), stage.Figures["rejection_kl_bound"].Value, 12);
        Assert.True(stage.Figures["rejection_best_score"].Value >= stage.Figures["rejection_mean_score"].Value);
        Assert.InRange(stage.Figures["rejection_mean.letters"].Value, 0, 1);
        Assert.Contains(summary.Sentences, sentence => sentence.Contains("the best of 4 to each of", StringComparison.Ordinal));
        Assert.All(rows, row =>
        {
            Assert.True(row.GetProperty("score").GetDouble() >= row.GetProperty("mean_score").GetDouble() - 1e-6);
            Assert.Equal(row.GetProperty("response").GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length <= 3 ? 1 : 0,
                row.GetProperty("scores").GetProperty("length").GetDouble());
            Assert.InRange(row.GetProperty("response_tokens").GetArrayLength(), 1, 6);
        });
    }

    [Fact]
    public void The_policy_is_judged_on_held_out_prompts_before_and_after_its_training()
    {
        var summary = Run("run", "rounds=1", "rejection.best_of=4", "rejection.epochs=2", "rejection.evaluation_samples=2");
        var stage = summary.Stages[^1];

        var rows = MetricsFile.Read(_temporary.PathOf("run")).Where(row => row.Stage == "02-rejection" && row.Values.ContainsKey("heldout_score")).ToArray();
        Assert.Equal(0, rows[0].Step);
        Assert.Equal(3, rows.Length); // before, and after each epoch
        Assert.Equal(0, rows[0].Values["heldout_kl"], 6); // in round 1 the SFT model is what is trained
        Assert.Equal(rows[^1].Values["heldout_score"], stage.Figures["score"].Value, 12);
        Assert.Equal(rows[0].Values["heldout_score"], stage.Figures["sft_score"].Value, 12);
        Assert.All(["score", "kl", "response_length", "score_gain", "reward_mean.letters", "sft_reward_mean.letters"],
            key => Assert.NotNull(stage.Figures[key].Low));
        Assert.Equal(rows.Length, stage.Frontier!.Count);
        Assert.Equal([1, 4], stage.BestOfN!.Select(point => point.N));
        Assert.Equal(["base", "SFT", "rejection"], stage.SideBySide![0].Answers.Select(answer => answer.Model));
        Assert.Equal(["start", "reference", "policy", "length", "letters"], stage.Inputs.Select(link => link.Role));
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("By letters the answers of Rejection sampling", StringComparison.Ordinal));
        var page = File.ReadAllText(_temporary.PathOf("run", "report.html"));
        Assert.Contains("id=\"rejection-answers\"", page, StringComparison.Ordinal);
        Assert.Contains("id=\"rejection-frontier\"", page, StringComparison.Ordinal);
        Assert.NotEmpty(File.ReadAllLines(_temporary.PathOf("run", "stages", "02-rejection", "samples.jsonl")));
    }

    [Fact]
    public void The_numbers_of_the_held_out_answers_are_on_the_scale_of_the_chosen_ones()
    {
        var stage = Run("run", "rounds=1").Stages[^1];
        // mean of (length + 2 (letters - m) / sd) / 3, which is linear in the means of the sources
        var letters = stage.Figures["rejection_mean.letters"].Value;
        double MeanOf(string key) => stage.Figures[key].Value;
        double ScoreOf(string prefix) => (MeanOf($"{prefix}.length") + (2 * (MeanOf($"{prefix}.letters") - letters) / Deviation(letters))) / 3;
        Assert.Equal(ScoreOf("reward_mean"), stage.Figures["score"].Value, 1e-5);
        Assert.Equal(ScoreOf("sft_reward_mean"), stage.Figures["sft_score"].Value, 1e-5);
        static double Deviation(double share) => Math.Sqrt(share * (1 - share)); // of zeros and ones
    }

    [Fact]
    public void The_evaluation_leaves_the_training_as_it_is_and_may_be_left_out()
    {
        Run("with", "rounds=1");
        var stage = Run("without", "rounds=1", "rejection.evaluation_prompts=0").Stages[^1];
        Assert.DoesNotContain("score", stage.Figures.Keys);
        Assert.Null(stage.SideBySide);
        static string Model(string folder) => Path.Combine(folder, "stages", "02-rejection", "model", "model.safetensors");
        Assert.Equal(File.ReadAllBytes(Model(_temporary.PathOf("with"))), File.ReadAllBytes(Model(_temporary.PathOf("without"))));
    }

    [Fact]
    public void The_plan_reads_each_prompt_once_and_counts_the_evaluation()
    {
        var recipe = RecipeReader.Read(_temporary.PathOf("tiny.yaml"), ["rounds=1"]);
        var ledger = new Ledger("plan");
        using var spill = new SpillFile(_temporary.PathOf("encoded" + SpillFile.Ending));
        var tokenizer = BaseModel.CreateTokenizer(recipe, _temporary.Path);
        var config = recipe.Base.Shape!.ToConfig(tokenizer.VocabularySize, tokenizer.BeginningOfSequence, tokenizer.EndOfSequenceIds);
        var step = StageStep.Of(recipe)[^1];
        step.Stage.Plan(new StagePlanning(recipe, new StageData(recipe, _temporary.Path, ledger), tokenizer, config, ledger, spill) { Step = step });
        Assert.Equal(12, ledger.RowsIn);

        StagePlan Plan(string change) => RecipePlan.Of(RecipeReader.Read(_temporary.PathOf("tiny.yaml"), ["rounds=1", change])).Stages[^1];
        var (without, with, best) = (Plan("rejection.evaluation_prompts=0"), Plan("rejection.evaluation_samples=2"), Plan("rejection.best_of=64"));
        Assert.True(without.SampledOperations < with.SampledOperations && with.SampledOperations < best.SampledOperations);
        Assert.True(without.Operations < with.Operations && without.Bytes <= with.Bytes);
    }

    [Fact]
    public void Weak_answers_may_be_left_out()
    {
        Run("all", "rounds=1");
        Run("top", "rounds=1", "rejection.top_share=0.5");
        var (all, top) = (Chosen("all"), Chosen("top"));
        Assert.Equal((all.Length + 1) / 2, top.Length);
        static double ScoreOf(JsonElement row) => row.GetProperty("score").GetDouble();
        Assert.Equal(all.Select(ScoreOf).OrderDescending().Take(top.Length).Order(), top.Select(ScoreOf).Order());
        Assert.Contains("no answer is left to train on", Assert.Throws<InputException>(() => Run("none", "rounds=1", "rejection.min_score=9")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_without_the_right_answer_is_told_before_anything_is_trained()
    {
        File.AppendAllText(_temporary.PathOf("prompts.jsonl"), """{"prompt": "And without?", "info": {"number": 5}}""" + "\n");
        var message = Assert.Throws<InputException>(() => Run("run", "data.prompts.on_bad_row=error")).Message;
        Assert.Contains("prompts.jsonl:13", message, StringComparison.Ordinal);
        Assert.Contains("the field \"info.letter\" that rejection.rewards[1].reference names", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Chosen_answers_that_were_changed_are_refused()
    {
        using var stop = new StopAfterStep("-rejection", 2);
        Assert.Throws<OperationCanceledException>(() => RecipeRun.Execute(
            RecipeReader.Read(_temporary.PathOf("tiny.yaml")), new RunSettings(_temporary.PathOf("run")), stop.Progress, stop.Token));
        var file = _temporary.PathOf("run", "stages", "02-rejection", "chosen.jsonl");
        if (!File.Exists(file))
        {
            Run("run");
        }

        File.AppendAllText(file, "{}\n");
        Assert.Contains("chosen.jsonl", Assert.Throws<InputException>(() => Run("run")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rejection.rewards=[]", "rejection.rewards: is missing")]
    [InlineData("rejection.rewards=[{model: trained}]", "the recipe has no reward stage")]
    [InlineData("rejection.rewards=[{rule: exact}]", "rejection.rewards[0].reference: is missing")]
    [InlineData("rejection.rewards=[{rule: exactly}]", "rejection.rewards[0].rule: expected one of math_answer, exact")]
    [InlineData("rejection.rewards=[{rule: json, wieght: 2}]", "unknown key 'rejection.rewards[0].wieght'; did you mean 'weight'?")]
    [InlineData("rejection.rewards=[{rule: json, normalize: sft_samples}]", "rejection.rewards[0].normalize: sft_samples is measured by ppo alone")]
    [InlineData("rejection.evaluation_prompts=1", "rejection.evaluation_prompts: must be 0, or at least 2")]
    [InlineData("data.prompts.held_out=0 rejection.best_of=4", "rejection.best_of: has no effect without held-out prompts")]
    [InlineData("rejection.evaluation_prompts=0 rejection.evaluate_every=2", "rejection.evaluate_every: has no effect with evaluation_prompts: 0")]
    [InlineData("rejection.rewards=exact", "expected a list of keys with values")]
    [InlineData("rejection.rewards=[exact]", "expected keys below 'rejection.rewards[0]'")]
    [InlineData("rejection.sampling.temperature=0", "the same answer n times")]
    [InlineData("rejection.keep_best=validation_loss", "nothing of the chosen answers is held out")]
    public void What_is_wrong_is_told_with_its_place(string change, string message) => Assert.Contains(message,
        Assert.Throws<InputException>(() => RecipeReader.Read(
            _temporary.PathOf("tiny.yaml"), change.StartsWith("rejection.rewards", StringComparison.Ordinal) ? [change] : change.Split(' '))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_list_that_is_written_out_reads_back_as_the_same()
    {
        var recipe = RecipeReader.Read(_temporary.PathOf("tiny.yaml"),
        [
            "rejection.rewards=[{rule: regex, pattern: \"^a: [{b}] # \\\"c\\\"$\", weight: -0.5}, {program: [sh, grade.sh, \"a, b\"]}, {judge: {url: http://localhost/v1, model: m, criteria: [{name: kind, question: \"Is it, well: kind?\"}]}}, "
                + "{rule: contains, texts: [a, \"b]\"]}]",
            "rejection.combine=sum",
        ]);
        var written = RecipeWriter.Write(recipe);
        Assert.Equal(written, RecipeWriter.Write(RecipeReader.Parse(written, "written.yaml", _temporary.Path)));
        Assert.Contains("weight: -0.5", written, StringComparison.Ordinal);
        Assert.DoesNotContain("schema", written, StringComparison.Ordinal);
    }
}
