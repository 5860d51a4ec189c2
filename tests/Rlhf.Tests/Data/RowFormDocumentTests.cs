using System.Text.Json.Nodes;
using Rlhf.Tests.Cli;

namespace Rlhf.Tests.Data;

/// <summary>The examples of docs/row-forms.md: each row means what stands behind its arrow.</summary>
public sealed class RowFormDocumentTests
{
    private const string Indent = "    ";
    private const string Arrow = "=> ";

    public static TheoryData<string> Forms() => [.. Sections().Select(section => section.Name)];

    [Theory]
    [MemberData(nameof(Forms))]
    public void An_example_means_what_is_written_behind_it(string name)
    {
        using var folder = new TestFolder();
        var lines = Sections().Single(section => section.Name == name).Lines;
        var file = folder.PathOf("rows.jsonl");
        File.WriteAllLines(file, lines.Where(line => !line.StartsWith(Arrow, StringComparison.Ordinal)));
        var found = TinyModels.Run("data", "show", file, "--all", "--json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var written = lines.Where(line => line.StartsWith(Arrow, StringComparison.Ordinal)).Select(line => line[Arrow.Length..]).ToArray();
        Assert.Equal(written.Length, found.Length);
        Assert.All(written.Zip(found), pair => Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse(pair.First), JsonNode.Parse(pair.Second.Replace(file, "rows.jsonl", StringComparison.Ordinal))),
            $"expected {pair.First}, found {pair.Second}"));
    }

    private static IEnumerable<(string Name, string[] Lines)> Sections()
    {
        var text = File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "docs", "row-forms.md"));
        foreach (var section in text.Split("\n## ").Skip(1))
        {
            var lines = section.Split('\n');
            yield return (lines[0], [.. lines.Where(line => line.StartsWith(Indent, StringComparison.Ordinal)).Select(line => line[Indent.Length..])]);
        }
    }
}
