using Rlhf.Runs;

namespace Rlhf.Tests.Runs;

public sealed class SampleFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_resumed_run_keeps_the_answers_up_to_its_checkpoint_and_no_line_that_is_none_of_its_own()
    {
        string[] kept = ["""{"step":1,"prompt":"a","response":"b"}""", """{"step":2,"prompt":"a","response":"c"}"""];
        var path = _folder.Write("samples.jsonl", string.Join('\n', [.. kept, """{"step":3,"prompt":"a","response":"d"}""", """{"step":1,"te":1,"te":2}""", """{"step":"one"}""", "[1]", "{\"step\":1"]));
        new SampleFile(path).TruncateAfter(2);
        Assert.Equal(kept, File.ReadAllLines(path));
    }
}
