using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>Files with one flaw each.</summary>
public sealed class GgufBrokenReferenceTests
{
    private const long MostBytes = 16 << 20;

    public static TheoryData<string> Broken() => FilesOf("broken", "either");

    public static TheoryData<string> Sound() => [.. GgufReferences.Json(Path.Combine("broken", "index.json")).GetProperty("sound").GetProperty("files")
        .EnumerateArray().Select(file => file.GetString()!)];

    [Theory]
    [MemberData(nameof(Sound))]
    public void The_sound_files_are_read(string name)
    {
        var sound = GgufReferences.Json(Path.Combine("broken", "index.json")).GetProperty("sound");
        var found = GgufReferences.LogProbabilities(GgufReferences.PathOf("broken", name), [GgufReferences.Ids(sound.GetProperty("input_ids"))]);
        Assert.All(GgufReferences.Numbers(sound.GetProperty("next_logprobs")).Zip(found), pair => Assert.Equal(pair.First, pair.Second, 5e-5));
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public void Others_are_refused_with_a_sentence_that_names_the_file_and_without_the_memory_they_announce(string name)
    {
        var path = GgufReferences.PathOf("broken", name);
        using var device = CpuDevice.Create(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refusal = Assert.Throws<InputException>(() =>
        {
            using var decoder = Checkpoint.Open(path).Load(device, HeadKind.Language);
        });
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refusal.Message, StringComparison.Ordinal);
    }

    private static TheoryData<string> FilesOf(params string[] groups)
    {
        var index = GgufReferences.Json(Path.Combine("broken", "index.json"));
        return [.. groups.SelectMany(group => index.GetProperty(group).EnumerateArray().Select(file => file.GetProperty("file").GetString()!))];
    }
}
