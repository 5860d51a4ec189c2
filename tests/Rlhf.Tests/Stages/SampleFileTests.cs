using Rlhf.Stages;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

public sealed class SampleFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_resumed_run_keeps_the_answers_before_its_checkpoint()
    {
        string[] kept = ["""{"step":1,"prompt":"a","response":"b"}""", """{"step":2,"prompt":"a","response":"c"}"""];
        var path = _folder.Write("samples.jsonl", string.Join('\n', [.. kept, """{"step":2,"prompt":"a","response":"d"}""", "{\"step\":1"]));
        Assert.Equal(3, new SampleFile(path).Count());
        new SampleFile(path).KeepFirst(2);
        Assert.Equal(kept, File.ReadAllLines(path));
    }
}
