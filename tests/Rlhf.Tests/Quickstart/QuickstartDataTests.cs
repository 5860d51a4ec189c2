using System.Text.Json;
using Rlhf.Quickstart;

namespace Rlhf.Tests.Quickstart;

public sealed class QuickstartDataTests : IDisposable
{
    private static readonly QuickstartCounts Few = new(Demonstrations: 40, Prompts: 30, EvaluationPrompts: 20, Texts: 10);
    private readonly string folder = Directory.CreateTempSubdirectory("rlhf-quickstart-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void The_same_counts_and_seed_give_the_same_bytes()
    {
        QuickstartData.Write(Path.Combine(folder, "a"), Few);
        QuickstartData.Write(Path.Combine(folder, "b"), Few);
        Assert.All(Directory.GetFiles(Path.Combine(folder, "a")), file =>
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder, "b", Path.GetFileName(file)))));
    }

    [Fact]
    public void Every_set_has_its_rows_and_no_prompt_stands_in_two_sets()
    {
        QuickstartData.Write(folder, Few);
        var demonstrations = Read("demonstrations.jsonl", "prompt");
        var prompts = Read("prompts.jsonl", "prompt");
        var evaluation = Read("evaluation_prompts.jsonl", "prompt");
        Assert.Equal((40, 30, 20, 10), (demonstrations.Length, prompts.Length, evaluation.Length, Read("text.jsonl", "text").Length));
        Assert.Equal(90, demonstrations.Concat(prompts).Concat(evaluation).Distinct().Count());
        Assert.All(Read("demonstrations.jsonl", "response"), Assert.NotEmpty);
    }

    private string[] Read(string file, string key) =>
        [.. File.ReadLines(Path.Combine(folder, file)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty(key).GetString()!)];
}
