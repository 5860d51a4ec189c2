using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>The oracles of GGUF files.</summary>
internal static class GgufReferences
{
    public static string PathOf(params string[] parts) => ReferenceFiles.PathOf(["gguf", .. parts]);

    public static JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(PathOf(name))).RootElement;

    /// <summary>Names of the whole files.</summary>
    public static TheoryData<string> Files()
    {
        var data = new TheoryData<string>();
        foreach (var file in Directory.EnumerateFiles(PathOf(), "*.expected.json").Order(StringComparer.Ordinal))
        {
            data.Add(Path.GetFileName(file)[..^".expected.json".Length]);
        }

        return data;
    }

    /// <summary>log p of every token but each row's first.</summary>
    public static float[] LogProbabilities(string path, int[][] rows)
    {
        using var device = CpuDevice.Create(1);
        using var decoder = Checkpoint.Open(path).Load(device, HeadKind.Language);
        using var scorer = new Scorer(decoder, 64);
        return scorer.ResponseLogProbabilities(rows, [.. rows.Select(_ => 1)]).LogProbabilities;
    }

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    public static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.GetDouble())];
}
