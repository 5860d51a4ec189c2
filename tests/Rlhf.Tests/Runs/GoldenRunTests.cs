using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Runs;

/// <summary>
/// Reduced runs of two shipped recipes give the very bytes that are written down in <c>Runs/golden.json</c>: weights, rankings, samples and metrics (without
/// times). A change that only
/// moves code changes none of them. Where a change of the numbers is meant, its reason stands in docs/log.md and the file is written anew with
/// <c>RLHF_WRITE_GOLDEN=1</c>.
/// </summary>
public sealed class GoldenRunTests
{
    private static readonly string GoldenFile = Path.Combine(ReferenceFiles.Repository, "tests", "Rlhf.Tests", "Runs", "golden.json");

    [Fact]
    public void The_reduced_quickstart_gives_the_written_bytes() => Check("quickstart",
        "data.quickstart.demonstrations=160", "data.quickstart.prompts=80", "data.quickstart.evaluation_prompts=12", "data.quickstart.texts=80",
        "base.train_tokenizer.vocabulary_size=500",
        "pretrain.epochs=1", "sft.epochs=1", "reward.ties=half", "collect.max_prompts=24", "collect.max_new_tokens=12", "ppo.max_new_tokens=12", "ppo.steps=2",
        "ppo.rollouts_per_step=16", "ppo.minibatch=8");

    [DataFact("polite/comparisons.jsonl")]
    public void The_reduced_polite_gives_the_written_bytes() => Check("polite",
        "data.demonstrations.limit=80", "data.comparisons.limit=80", "data.prompts.limit=80", "sft.epochs=1", "reward.epochs=1",
        "ppo.steps=2", "ppo.rollouts_per_step=16", "ppo.minibatch=8", "ppo.max_new_tokens=12", "ppo.warm_up_steps=1");

    private static void Check(string name, params string[] changes)
    {
        if (!Fma.IsSupported && !AdvSimd.IsSupported)
        {
            return; // other bits without a fused multiply-add (docs/architecture.md)
        }

        using var temporary = new TestFolder();
        var folder = temporary.PathOf("run");
        var recipe = RecipeReader.Read(Path.Combine(ReferenceFiles.Repository, "recipes", name + ".yaml"), changes);
        RecipeRun.Execute(recipe, new RunSettings(folder), ProgressReporter.Silent, CancellationToken.None);
        var found = HashesOf(folder);
        var golden = File.Exists(GoldenFile) ? JsonNode.Parse(File.ReadAllText(GoldenFile))!.AsObject() : [];
        if (Environment.GetEnvironmentVariable("RLHF_WRITE_GOLDEN") == "1")
        {
            golden[name] = JsonSerializer.SerializeToNode(found);
            File.WriteAllText(GoldenFile, golden.ToJsonString(new JsonSerializerOptions { WriteIndented = true, NewLine = "\n" }) + "\n");
        }

        var written = golden[name].Deserialize<SortedDictionary<string, string>>()!;
        Assert.Equal(written.Keys, found.Keys);
        Assert.All(written, entry => Assert.True(entry.Value == found[entry.Key], $"{entry.Key} has other bytes"));
    }

    private static SortedDictionary<string, string> HashesOf(string folder)
    {
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(folder, file).Replace('\\', '/');
            if (name.EndsWith(".safetensors", StringComparison.Ordinal) || Path.GetFileName(name) is "rankings.jsonl" or "samples.jsonl" or "metrics.jsonl")
            {
                var bytes = name.EndsWith("metrics.jsonl", StringComparison.Ordinal) ? WithoutTimes(file) : File.ReadAllBytes(file);
                hashes[name] = Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];
            }
        }

        return hashes;
    }

    // What a machine took for it: seconds, rates, and shares of its peak.
    private static bool IsTime(string metric) =>
        metric.StartsWith("seconds", StringComparison.Ordinal) || metric.EndsWith("per_second", StringComparison.Ordinal)
            || metric.EndsWith("peak_fraction", StringComparison.Ordinal);

    private static byte[] WithoutTimes(string file)
    {
        var text = new StringBuilder();
        foreach (var line in File.ReadLines(file))
        {
            var row = JsonNode.Parse(line)!.AsObject();
            foreach (var time in row.Select(entry => entry.Key).Where(IsTime).ToList())
            {
                row.Remove(time);
            }

            text.Append(row.ToJsonString()).Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
