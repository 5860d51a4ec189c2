using Rlhf.Runs;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages;

/// <summary>Targets of adapters that the base model does not have.</summary>
public sealed class StageAdaptersTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void Wrong_targets_of_all_stages_are_told_with_their_places_before_there_is_a_run()
    {
        var text = File.ReadAllText(_run.PathOf("tiny.yaml")).Replace("reward: {", "reward: {adapter: {targets: [c_fc, gate, up]}, ", StringComparison.Ordinal);
        File.WriteAllText(_run.PathOf("tiny.yaml"), text);
        var line = 1 + Array.FindIndex(text.Split('\n'), one => one.StartsWith("reward:", StringComparison.Ordinal));

        var message = Assert.Throws<InputException>(() => _run.Run(changes: "sft.adapter.targets=[c_atn]")).Message.Split(Environment.NewLine);

        Assert.StartsWith(
            "--set sft.adapter.targets=[c_atn]: sft.adapter.targets: c_atn is no linear layer of the model's blocks; there are c_attn, c_proj", message[0],
            StringComparison.Ordinal);
        Assert.StartsWith(
            FormattableString.Invariant($"{_run.PathOf("tiny.yaml")}:{line}:20: reward.adapter.targets: gate, up are no linear layers"), message[1],
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.Folder));
    }

    [Fact]
    public void A_plan_tells_them_too() => Assert.Contains(": sft.adapter.targets: c_atn is no linear layer",
        Assert.Throws<InputException>(() => RecipePlan.Of(_run.Recipe("sft.adapter.targets=[c_atn]"))).Message, StringComparison.Ordinal);
}
