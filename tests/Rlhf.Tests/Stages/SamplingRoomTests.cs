using Rlhf.Runs;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages;

/// <summary>Answers that leave no room for a prompt in the base model's context.</summary>
public sealed class SamplingRoomTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void They_are_told_of_every_stage_before_there_is_a_run()
    {
        var message = Assert.Throws<InputException>(() => _run.Run(changes: ["collect.max_new_tokens=128", "ppo.max_new_tokens=200"])).Message;
        Assert.Contains("collect.max_new_tokens: 128 leaves no room for a prompt in the model's context of 128 tokens", message, StringComparison.Ordinal);
        Assert.Contains("ppo.max_new_tokens: 200 leaves no room", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.Folder));
    }

    [Fact]
    public void A_plan_tells_them_too() => Assert.Contains(
        "ppo.max_new_tokens: 128 leaves no room", Assert.Throws<InputException>(() => RecipePlan.Of(_run.Recipe("ppo.max_new_tokens=128"))).Message,
        StringComparison.Ordinal);
}
