using System.Text.Json;
using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Runs;
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
        Assert.Contains("reward_mean.letters", stage.Figures.Keys);
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
    [InlineData("rejection.rewards=exact", "expected a list of keys with values")]
    [InlineData("rejection.rewards=[exact]", "expected keys below 'rejection.rewards[0]'")]
    [InlineData("rejection.sampling.temperature=0", "the same answer n times")]
    [InlineData("rejection.keep_best=validation_loss", "nothing of the chosen answers is held out")]
    public void What_is_wrong_is_told_with_its_place(string change, string message) => Assert.Contains(message,
        Assert.Throws<InputException>(() => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), [change])).Message, StringComparison.Ordinal);

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
