using System.Text.Json.Nodes;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Reward;

/// <summary>Reward models of a second round that go on from those of the first.</summary>
public sealed class RewardRoundsTests : IDisposable
{
    private const string Second = "06-reward-2";

    private static readonly string[] Rounds =
    [
        "rounds=2", "data.comparisons.held_out=0.4", "reward.collected_held_out=0", "reward.evaluate_every=1", "reward.checkpoint_every=1",
        "reward.second_model.drop_fraction=0.3", "ppo.steps=1",
    ];

    private readonly TinyRun _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("reward.adapter={rank: 2}")]
    [InlineData("sft.adapter={rank: 2};reward.adapter={rank: 2};ppo.adapter={rank: 2, base_storage: int8}")]
    [InlineData("sft.adapter={rank: 2};reward.adapter={rank: 3, base_storage: bf16};reward.normalize_on=none;reward.centering=0.1")]
    public void Each_begins_with_the_held_out_loss_that_its_own_last_round_ended_with_and_resumes_to_the_same_bytes(string changes)
    {
        string[] all = [.. Rounds, "reward.start_from=previous", .. changes.Split(';', StringSplitOptions.RemoveEmptyEntries)];
        var summary = _tiny.Run(changes: all);

        foreach (var (model, loss) in new[] { ("", "validation_loss"), ("-second", "second_validation_loss") })
        {
            var (before, after) = (LossesOf("03-reward" + model, loss), LossesOf(Second + model, loss));
            Assert.Equal(0, after[0].Step);
            Assert.Equal(before[^1].Loss, after[0].Loss, 1e-6);
            Assert.NotEqual(before[0].Loss, after[0].Loss, 1e-4); // there was something to lose
            Assert.NotEqual(after[0].Loss, after[^1].Loss, 1e-4); // and it is trained further
        }

        var inputs = summary.Stages.Single(stage => stage.Name == Second).Inputs;
        Assert.Equal([("start", "03-reward"), ("second_start", "03-reward/second_model")], inputs.Select(input => (input.Role, input.Source)));

        var pieces = _tiny.PathOf("pieces");
        Assert.InRange(StopAfterStep.AgainAndAgain(() => _tiny.Recipe(all), pieces, $"{Second} ", later: 3, most: 30), 2, 29);
        Assert.Equal(TinyRun.ResultsOf(_tiny.Folder), TinyRun.ResultsOf(pieces));
    }

    [Fact]
    public void A_model_that_goes_on_has_the_same_files_as_a_new_one()
    {
        _tiny.Run(changes: [.. Rounds, "reward.start_from=previous"]);

        var (first, second) = (ModelOf("03-reward"), ModelOf(Second));
        Assert.Equal(FilesOf(first), FilesOf(second));
        Assert.Equal(ConfigOf(first), ConfigOf(second));
        Assert.Equal(0, Checkpoint.Open(second).Score!.Bias);
        Assert.NotEqual(0, Checkpoint.Open(second).Score!.Shift);
    }

    [Fact]
    public void By_default_a_second_round_begins_anew()
    {
        var summary = _tiny.Run(changes: Rounds);

        Assert.Equal(1, LossesOf(Second, "validation_loss")[0].Step);
        var input = Assert.Single(summary.Stages.Single(stage => stage.Name == Second).Inputs);
        Assert.Equal(("start", "01-sft"), (input.Role, input.Source));
    }

    [Fact]
    public void With_one_round_it_has_no_effect() => Assert.Contains(
        "reward.start_from: has no effect with one round",
        Assert.Throws<InputException>(() => _tiny.Recipe("reward.start_from=previous")).Message, StringComparison.Ordinal);

    private (long Step, double Loss)[] LossesOf(string stage, string loss) =>
        [.. MetricsFile.Read(_tiny.Folder).Where(row => row.Stage == stage && row.Values.ContainsKey(loss)).Select(row => (row.Step, row.Values[loss]))];

    private string ModelOf(string stage) => Path.Combine(_tiny.Folder, "stages", stage, "model");

    private static IEnumerable<string?> FilesOf(string folder) => Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static IEnumerable<string> ConfigOf(string folder) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(folder, ModelSource.ConfigFile)))!.AsObject()
            .Where(static pair => pair.Key != "score_shift").Select(static pair => $"{pair.Key} {pair.Value?.ToJsonString()}").Order(StringComparer.Ordinal);
}
