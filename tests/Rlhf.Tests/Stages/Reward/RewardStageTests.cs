using Rlhf.Data;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Reward;

public sealed class RewardStageTests : IDisposable
{
    private const string Text = """
        name: ties
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 300}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          text: {path: texts.jsonl}
          comparisons: {path: comparisons.jsonl, held_out: 0.5}
        pretrain: {max_steps: 1, batch: 4, keep_best: none}
        reward: {batch: 4, learning_rate: 1e-3, normalize_on: none}
        """;

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    /// <summary>Rankings of two answers to each of twelve prompts; <paramref name="isTie"/> says which are ties.</summary>
    private RunSummary Run(Func<int, bool> isTie, params string[] changes)
    {
        File.WriteAllText(_temporary.PathOf("ties.yaml"), Text);
        File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "A text about number {{i}}."}"""));
        File.WriteAllLines(_temporary.PathOf("comparisons.jsonl"), Enumerable.Range(0, 12).Select(i =>
            $$"""{"prompt": "Name number {{i}}.", "responses": ["{{i}}", "No."], "ranking": {{(isTie(i) ? "[[0, 1]]" : "[[0], [1]]")}}, "labeler": "eve"}"""));
        return RecipeRun.Execute(RecipeReader.Read(_temporary.PathOf("ties.yaml"), changes), new RunSettings(_temporary.PathOf("run")),
            ProgressReporter.Silent, CancellationToken.None);
    }

    [Fact]
    public void Rankings_of_ties_alone_are_an_error_that_says_where_they_are_and_what_to_do()
    {
        var message = Assert.Throws<InputException>(() => Run(_ => true)).Message;

        Assert.Contains("02-reward", message, StringComparison.Ordinal);
        Assert.Contains("comparisons.jsonl", message, StringComparison.Ordinal);
        Assert.Contains("only ties", message, StringComparison.Ordinal);
        Assert.Contains("reward.ties=half", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_temporary.PathOf("run", "stages", "02-reward", "model")));
    }

    [Fact]
    public void Ties_can_be_trained_on()
    {
        var summary = Run(_ => true, "reward.ties=half");

        Assert.True(summary.Stages[^1].Figures["train_loss"].Value > 0);
    }

    [Fact]
    public void Held_out_ties_alone_give_no_validation_loss()
    {
        var heldOut = Enumerable.Range(0, 12).Where(i => PromptSplit.IsHeldOut($"Name number {i}.", 0.5)).ToHashSet();
        Assert.InRange(heldOut.Count, 1, 11);

        var stage = Run(heldOut.Contains).Stages[^1];

        Assert.True(stage.Figures["train_loss"].Value > 0);
        Assert.DoesNotContain("validation_loss", stage.Figures.Keys);
        Assert.DoesNotContain(
            "\"validation_loss\"", File.ReadAllText(_temporary.PathOf("run", "metrics.jsonl")).Split("02-reward", 2)[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Held_out_ties_that_count_give_a_loss_but_no_accuracy()
    {
        var heldOut = Enumerable.Range(0, 12).Where(i => PromptSplit.IsHeldOut($"Name number {i}.", 0.5)).ToHashSet();

        Run(heldOut.Contains, "reward.ties=half");

        var rows = File.ReadAllText(_temporary.PathOf("run", "metrics.jsonl")).Split("02-reward", 2)[1];
        Assert.Contains("\"validation_loss\"", rows, StringComparison.Ordinal);
        Assert.Contains("\"accuracy\"", rows, StringComparison.Ordinal);
        Assert.DoesNotContain("\"validation_accuracy\"", rows, StringComparison.Ordinal);
    }

    [Fact]
    public void Training_on_ties_alone_has_no_accuracy()
    {
        var stage = Run(_ => true, "reward.ties=half").Stages[^1];

        Assert.DoesNotContain("train_accuracy", stage.Figures.Keys);
        Assert.DoesNotContain("accuracy\"", File.ReadAllText(_temporary.PathOf("run", "metrics.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_labeler_to_hold_out_who_ranked_nothing_is_an_error_that_names_those_who_did()
    {
        var message = Assert.Throws<InputException>(() => Run(_ => false, "reward.held_out_labelers=[evee]")).Message;

        Assert.Contains("evee", message, StringComparison.Ordinal);
        Assert.Contains("labelers are eve", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_model_without_a_pair_is_an_error() =>
        Assert.Contains(
            "drop_fraction",
            Assert.Throws<InputException>(() => Run(i => i != 0, "data.comparisons.held_out=0", "reward.second_model.drop_fraction=0.999")).Message,
            StringComparison.Ordinal);
}
