using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Rejection;

/// <summary>What stands guard over rejection sampling: a second reward model, and alarms over its evaluations.</summary>
public sealed class RejectionChecksTests : IDisposable
{
    private const string Stage = "04-rejection";

    private static readonly string[] Sections =
    [
        "ppo=none",
        "rejection={answers_per_prompt: 4, max_new_tokens: 8, finished_only: false, batch: 4, epochs: 2, learning_rate: 3e-2, checkpoint_every: 1}",
    ];

    private readonly TinyRun _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void A_second_reward_model_scores_the_held_out_answers_and_changes_nothing_else()
    {
        var without = _tiny.PathOf("without");
        _tiny.Run(without, changes: Sections);
        var summary = _tiny.Run(changes: [.. Sections, "reward.second_model.drop_fraction=0.3"]);
        var stage = summary.Stages[^1];

        Assert.Equal([("start", "01-sft"), ("reference", "01-sft"), ("second_reward", "03-reward/second_model"), ("policy", "01-sft")],
            stage.Inputs.Select(input => (input.Role, input.Source)));
        var rows = MetricsFile.Read(_tiny.Folder).Where(row => row.Stage == Stage && row.Values.ContainsKey("heldout_score")).ToArray();
        Assert.Equal(3, rows.Length); // before, and after each epoch
        Assert.Equal(rows[^1].Values["heldout_second_score"], stage.Figures["second_score"].Value, 12);
        Assert.Equal(rows[0].Values["heldout_second_score"], stage.Figures["sft_second_score"].Value, 12);
        var gain = stage.Figures["second_score_gain"];
        Assert.Equal(stage.Figures["second_score"].Value - stage.Figures["sft_second_score"].Value, gain.Value, 1e-6);
        Assert.True(gain.Low <= gain.Value && gain.Value <= gain.High);
        Assert.NotEqual(stage.Figures["score"].Value, stage.Figures["second_score"].Value);

        static byte[] ModelIn(string folder) => File.ReadAllBytes(Path.Combine(folder, "stages", Stage, "model", "model.safetensors"));
        Assert.Equal(ModelIn(without), ModelIn(_tiny.Folder));
        Assert.DoesNotContain("second_score", SummaryFiles.ReadRun(without).Stages[^1].Figures.Keys);
    }

    [Fact]
    public void Alarms_go_off_at_the_evaluation_that_gives_cause_and_a_resumed_run_has_the_same_ones()
    {
        string[] changes = [.. Sections, "rejection.alarms={kl: 1e-6, length_change: none, entropy_fall: 1e-6}"];
        var summary = _tiny.Run(changes: changes);
        var alarms = summary.Stages[^1].Alarms;

        var first = MetricsFile.Read(_tiny.Folder).First(row => row.Stage == Stage && row.Of(Kl) > 1e-6).Step;
        Assert.True(first > 0);
        Assert.Equal(("kl", first), alarms.Where(alarm => alarm.Name == "kl").Select(alarm => (alarm.Name, alarm.Step)).Single());
        Assert.Contains("entropy", alarms.Select(alarm => alarm.Name));
        Assert.DoesNotContain("length", alarms.Select(alarm => alarm.Name));
        Assert.Contains("KL to the SFT model is", _tiny.Lines.ToString(), StringComparison.Ordinal);
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("Warning: KL to the SFT model is", StringComparison.Ordinal)
            && sentence.EndsWith($"(step {first}).", StringComparison.Ordinal));

        var pieces = _tiny.PathOf("pieces");
        Assert.InRange(StopAfterStep.AgainAndAgain(() => _tiny.Recipe(changes), pieces, Stage, later: 3, most: 20), 2, 19);
        Assert.Equal(alarms, SummaryFiles.ReadRun(pieces).Stages[^1].Alarms);
        Assert.Equal(TinyRun.ResultsOf(_tiny.Folder), TinyRun.ResultsOf(pieces));
    }

    [Fact]
    public void A_second_model_is_in_the_plan() =>
        Assert.True(OperationsOf("reward.second_model.drop_fraction=0.3") > OperationsOf("reward.dropout=0"), "it reads the held-out answers");

    [Theory]
    [InlineData("rejection.alarms={kl: 5}", "rejection.evaluation_prompts=0", "rejection.alarms.kl: has no effect with evaluation_prompts: 0")]
    [InlineData("rejection.alarms={length_change: 0}", "rejection.batch=4", "rejection.alarms.length_change: must be above 0, or none")]
    [InlineData("rejection.alarms={score_spread: 0}", "rejection.batch=4", "unknown key 'rejection.alarms.score_spread'")]
    public void What_is_wrong_with_alarms_is_told(string change, string other, string message) => Assert.Contains(
        message, Assert.Throws<InputException>(() => _tiny.Recipe([.. Sections, change, other])).Message, StringComparison.Ordinal);

    private double OperationsOf(string change) => RecipePlan.Of(_tiny.Recipe([.. Sections, change])).Stages[^1].Operations;

    private static Metric Kl { get; } = MetricCatalogue.All.Single(metric => metric.Key == "heldout_kl");
}
