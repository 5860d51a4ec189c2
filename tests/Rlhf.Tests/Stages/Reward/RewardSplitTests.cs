using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Reward;

/// <summary>Reward models on votes that are split by topic: 8 topics, 4 prompts to each, 3 votes on each pair.</summary>
public sealed class RewardSplitTests : IDisposable
{
    private const string Text = """
        name: votes
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 300}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          text: {path: texts.jsonl}
          comparisons: {path: votes.jsonl, split_by: topic, held_out: [t0, "t7*"]}
        pretrain: {max_steps: 1, batch: 4, keep_best: none}
        reward: {batch: 4, learning_rate: 1e-3, normalize_on: none, ties: half}
        """;

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private RunSummary Run(params string[] changes)
    {
        _temporary.Write("votes.yaml", Text);
        File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "A text about number {{i}}."}"""));
        File.WriteAllLines(
            _temporary.PathOf("votes.jsonl"), from topic in Enumerable.Range(0, 8)
                                              from prompt in Enumerable.Range(0, 4)
                                              from vote in Enumerable.Range(0, 3)
                                              let ranking = (prompt + vote) % 5 == 0 ? "[[0, 1]]" : vote == 2 ? "[[1], [0]]" : "[[0], [1]]"
                                              select $$"""{"prompt": "Question {{prompt}} of {{topic}}?", "responses": ["Yes, it is.", "No, it is."], "ranking": {{ranking}}, "labeler": "w{{(topic % 2 * 3) + vote}}", "topic": "t{{topic}}"}""");
        return RecipeRun.Execute(
            RecipeReader.Read(_temporary.PathOf("votes.yaml"), changes), new RunSettings(_temporary.PathOf("run")), ProgressReporter.Silent, CancellationToken.None);
    }

    [Fact]
    public void Named_topics_are_held_out_whole()
    {
        var stage = Run().Stages[^1];
        Assert.Equal((72.0, 24), (stage.Figures["training_rankings"].Value, Assert.Single(stage.Rankings!).HeldOut));
        Assert.Equal(8, stage.Trust!.Prompts);
        Assert.Equal(stage.Trust.SimilarLengths!.Accuracy.Value, stage.Figures["similar_length_accuracy"].Value);
        Assert.Equal(stage.Trust.SimilarLengths.LongerWins.Value, stage.Figures["similar_length_longer_wins"].Value);
        Assert.DoesNotContain("unseen_labeler_accuracy", stage.Figures.Keys); // everybody voted on other topics, too
    }

    [Fact]
    public void The_second_model_leaves_out_whole_topics()
    {
        string[] trained = ["t1", "t2", "t3", "t4", "t5", "t6"];
        var share = Enumerable.Range(1, 19).Select(i => i / 20.0).First(one => Dropped(one).Length == 3);
        var stage = Run(FormattableString.Invariant($"reward.second_model.drop_fraction={share}")).Stages[^1];
        Assert.Equal((72.0, 36.0), (stage.Figures["training_rankings"].Value, stage.Figures["second_training_rankings"].Value));
        Assert.Contains("second_similar_length_accuracy", stage.Figures.Keys);

        string[] Dropped(double one) => [.. trained.Where(topic => PromptSplit.IsHeldOut(topic, one, "second reward model"))];
    }

    [Fact]
    public void Disjoint_models_have_no_topic_in_common()
    {
        var stage = Run("reward.second_model.drop_fraction=0.5", "reward.second_model.disjoint=true").Stages[^1];
        var (first, second) = (stage.Figures["training_rankings"].Value, stage.Figures["second_training_rankings"].Value);
        Assert.Equal(72, first + second);
        Assert.Equal((0, 0), (first % 12, second % 12)); // twelve votes to each topic
    }

    [Fact]
    public void The_second_model_leaves_out_named_topics_and_the_first_learns_from_them()
    {
        string[] second = ["reward.second_model.drop_values=[t1, \"t2*\"]", "reward.second_model.disjoint=true"];
        var stage = Run(second).Stages[^1];
        Assert.Equal((24.0, 48.0), (stage.Figures["training_rankings"].Value, stage.Figures["second_training_rankings"].Value));
    }

    [Fact]
    public void Steps_end_where_they_are_told_to()
    {
        var stage = Run("reward.max_steps=3", "reward.second_model.drop_fraction=0.5", "reward.epochs=2").Stages[^1];
        Assert.Equal(3, stage.Steps);
        var rows = File.ReadAllLines(_temporary.PathOf("run", "metrics.jsonl")).Where(row => row.Contains("02-reward", StringComparison.Ordinal)).ToArray();
        Assert.Contains(rows, row => row.Contains("\"second_loss\"", StringComparison.Ordinal) && row.Contains("\"step\":3", StringComparison.Ordinal));
        Assert.DoesNotContain(rows, row => row.Contains("\"step\":4", StringComparison.Ordinal));
        Assert.Contains(rows, row => row.Contains("\"validation_loss\"", StringComparison.Ordinal));
    }

    [Fact]
    public void A_share_of_the_labelers_is_never_seen_and_judges_beside_its_agreement()
    {
        var stage = Run("reward.held_out_labelers=[w0, w1]").Stages[^1];
        var unseen = stage.Trust!.UnseenLabelers!;
        Assert.Equal(2, unseen.Labelers);
        Assert.Equal(unseen.Accuracy.Value, stage.Figures["unseen_labeler_accuracy"].Value);
        Assert.Equal(1, stage.Figures["unseen_labeler_agreement"].Value); // both prefer the first where they prefer one
        Assert.True(stage.Figures["rankings_left_out"].Value > 0);
        var page = File.ReadAllText(_temporary.PathOf("run", "report.html"));
        Assert.Contains("Labelers never seen (2):", page, StringComparison.Ordinal);
        Assert.Contains("Among pairs of similar length (within 20 %):", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Ties_count_half_on_both_sides_of_the_split()
    {
        var half = Run().Stages[^1].Figures["train_loss"].Value;
        Directory.Delete(_temporary.PathOf("run"), recursive: true);
        Assert.NotEqual(half, Run("reward.ties=drop").Stages[^1].Figures["train_loss"].Value);
    }

    [Fact]
    public void A_topic_that_is_not_there_is_told_before_anything_is_trained()
    {
        var message = Assert.Throws<InputException>(() => Run("data.comparisons.held_out=[t0, t9]")).Message;
        Assert.Contains("data.comparisons.held_out: no row of", message, StringComparison.Ordinal);
        Assert.Contains("\"t9\"", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_temporary.PathOf("run", "stages")));
    }

    [Theory]
    [InlineData("[t1, t7]", "t7")]
    [InlineData("[t0]", "t0")] // held out: no ranking to train on
    [InlineData("[\"x*\"]", "x*")]
    public void A_topic_that_the_second_model_cannot_leave_out_is_told_before_anything_is_trained(string names, string wrong)
    {
        var change = $"reward.second_model.drop_values={names}";
        var message = Assert.Throws<InputException>(() => Run(change)).Message;
        Assert.StartsWith($"--set {change}: reward.second_model.drop_values: no ranking to train on of ", message, StringComparison.Ordinal);
        Assert.Contains($"has \"{wrong}\" in the field", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_temporary.PathOf("run", "stages")));
    }

    [Theory]
    [InlineData("data.comparisons.split_by=none", "names values of a field: say which with split_by")]
    [InlineData("data.comparisons.held_out=often", "names values")]
    [InlineData("data.comparisons.held_out=1.5", "must be at least 0 and below 1, found 1.5")]
    [InlineData("data.comparisons.split_seed=2", "has no effect where no share is held out")]
    [InlineData("data.comparisons.held_out_limit=0", "must be above 0")]
    [InlineData("data.comparisons.held_out={a: b}", "expected a share, as 0.1, or a list of names, found keys")]
    [InlineData("reward.second_model={drop_fraction: 0, disjoint: true}", "must be above 0 with disjoint")]
    [InlineData("reward.second_model={drop_fraction: 0.2, drop_values: [t1]}", "has no effect beside drop_values")]
    [InlineData("reward.max_steps=0", "must be above 0, or none")]
    public void Options_that_do_not_fit_together_are_told(string change, string message) => Assert.Contains(
        message,
        Assert.Throws<InputException>(() => Run([.. change.Contains("often", StringComparison.Ordinal) ? ["data.comparisons.split_by=none"] : Array.Empty<string>(), change])).Message,
        StringComparison.Ordinal);

    [Fact]
    public void The_runs_own_recipe_says_how_it_was_split()
    {
        Run("data.comparisons.held_out_limit=9");
        var again = RecipeReader.Read(_temporary.PathOf("run", "recipe.yaml")).Data.Comparisons!;
        Assert.Equal(("topic", 9), (again.SplitBy, again.HeldOutLimit));
        Assert.Equal(["t0", "t7*"], again.HeldOut.Names);
        var ledger = JsonNode.Parse(File.ReadAllText(_temporary.PathOf("run", "stages", "02-reward", "ledger.json")))!;
        Assert.Contains("held out, beyond held_out_limit", ledger.ToJsonString(), StringComparison.Ordinal);
    }
}
