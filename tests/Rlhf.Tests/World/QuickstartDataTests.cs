using System.Text.Json;
using Rlhf.World;

namespace Rlhf.Tests.World;

public sealed class QuickstartDataTests : IDisposable
{
    private static readonly QuickstartCounts Few = new(Demonstrations: 40, Prompts: 30, EvaluationPrompts: 20, Texts: 10);
    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-quickstart-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_same_counts_and_seed_give_the_same_bytes()
    {
        QuickstartData.Write(Path.Combine(_folder, "a"), Few);
        QuickstartData.Write(Path.Combine(_folder, "b"), Few);
        Assert.All(Directory.GetFiles(Path.Combine(_folder, "a")), file =>
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(_folder, "b", Path.GetFileName(file)))));
    }

    [Fact]
    public void Every_set_has_its_rows_and_no_prompt_stands_in_two_sets()
    {
        QuickstartData.Write(_folder, Few);
        var demonstrations = Read("demonstrations.jsonl", "prompt");
        var prompts = Read("prompts.jsonl", "prompt");
        var evaluation = Read("evaluation_prompts.jsonl", "prompt");
        Assert.Equal((40, 30, 20, 10), (demonstrations.Length, prompts.Length, evaluation.Length, Read("text.jsonl", "text").Length));
        Assert.Equal(90, demonstrations.Concat(prompts).Concat(evaluation).Distinct().Count());
        Assert.All(Read("demonstrations.jsonl", "response"), Assert.NotEmpty);
    }

    [Fact]
    public void A_text_holds_as_many_questions_as_are_asked_for()
    {
        QuickstartData.Write(Path.Combine(_folder, "one"), Few with { FactsPerText = 1 });
        QuickstartData.Write(Path.Combine(_folder, "two"), Few with { FactsPerText = 2 });
        var one = Read(Path.Combine("one", "text.jsonl"), "text");
        var two = Read(Path.Combine("two", "text.jsonl"), "text");
        Assert.All(one.Zip(two), pair => Assert.StartsWith(pair.First + " ", pair.Second, StringComparison.Ordinal));
    }

    private string[] Read(string file, string key) =>
        [.. File.ReadLines(Path.Combine(_folder, file)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty(key).GetString()!)];
}
