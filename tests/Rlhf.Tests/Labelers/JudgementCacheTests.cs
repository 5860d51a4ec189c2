using Rlhf.Labelers;
using Rlhf.World;

namespace Rlhf.Tests.Labelers;

public sealed class JudgementCacheTests : IDisposable
{
    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_flipped_bit_of_any_line_is_named_or_the_judgement_is_asked_again()
    {
        var path = _temporary.PathOf("judgements.jsonl");
        Judged[] all = [.. Enumerable.Range(0, 3).Select(i => new Judged($"request {i}", Verdict.First, "A", 1, 0, 10, 1))];
        using (var cache = new JudgementCache<Judged>(path))
        {
            Array.ForEach(all, cache.Add);
        }

        var whole = File.ReadAllBytes(path);
        var named = 0;
        for (var at = 0; at < whole.Length; at++)
        {
            var damaged = whole.ToArray();
            damaged[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(path, damaged);
            try
            {
                using var cache = new JudgementCache<Judged>(path);
                Assert.All(all, judged => Assert.True(cache.Find(judged.Request) is not { } found || found == judged, $"byte {at} changed a judgement"));
                Assert.Contains(all, judged => cache.Find(judged.Request) is null);
            }
            catch (InputException exception)
            {
                Assert.StartsWith(path, exception.Message, StringComparison.Ordinal);
                Assert.Contains("Remove the line to ask its question again", exception.Message, StringComparison.Ordinal);
                named++;
            }
        }

        Assert.True(named >= whole.Length - 1, "only a last line without its end counts as torn");
    }
}
