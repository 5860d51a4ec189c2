using System.Text.RegularExpressions;
using Rlhf.Reporting;

namespace Rlhf.Tests;

/// <summary>The documents say what the code says: metrics, links, commands, and the tests that hold the invariants.</summary>
public sealed partial class DocumentsTests
{
    [Fact]
    public void Metric_tables_are_the_glossarys()
    {
        var found = 0;
        foreach (var file in Documents())
        {
            foreach (Match block in MetricTable().Matches(File.ReadAllText(file)))
            {
                found++;
                var expected = TableOf(block.Groups["names"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                Assert.True(expected == block.Groups["table"].Value, $"{file}: a metric table differs from src/Rlhf/Reporting/Glossary.cs; put this in its place:\n{expected}");
            }
        }

        Assert.True(found >= 3, "docs/sft.md, docs/reward-model.md and docs/ppo.md each have a metric table");
    }

    [Fact]
    public void Links_lead_to_files_that_are_there()
    {
        // A picture is made after the run that it shows.
        var broken =
            from file in Documents()
            from Match link in Link().Matches(File.ReadAllText(file))
            let target = link.Groups[1].Value
            where !target.StartsWith("http", StringComparison.Ordinal) && !target.EndsWith(".png", StringComparison.Ordinal)
            where !Path.Exists(Path.Combine(Path.GetDirectoryName(file)!, target))
            select $"{Path.GetRelativePath(ReferenceFiles.Repository, file)}: {target}";
        Assert.Empty(broken);
    }

    [Fact]
    public void Tests_that_the_documents_name_exist()
    {
        var tests = typeof(DocumentsTests).Assembly.GetTypes();
        var unknown =
            from file in Documents()
            from Match name in TestName().Matches(File.ReadAllText(file))
            let type = tests.FirstOrDefault(type => type.Name == name.Groups[1].Value)
            where type is null || (name.Groups[2].Length > 0 && type.GetMethod(name.Groups[2].Value) is null)
            select $"{Path.GetRelativePath(ReferenceFiles.Repository, file)}: {name.Value}";
        Assert.Empty(unknown);
    }

    private static IEnumerable<string> Documents() =>
        Directory.GetFiles(ReferenceFiles.Repository, "*.md").Concat(Directory.GetFiles(Path.Combine(ReferenceFiles.Repository, "docs"), "*.md"));

    private static string TableOf(IEnumerable<string> names) =>
        "| metric | in the report | meaning |\n| --- | --- | --- |\n"
        + string.Concat(names.Select(name => $"| `{name}` | {Glossary.NameOf(name)} | {Glossary.MeaningOf(name)} |\n"));

    [GeneratedRegex(@"<!-- metrics: (?<names>[a-z_0-9 ]+) -->\r?\n(?<table>.*?)<!-- /metrics -->", RegexOptions.Singleline)]
    private static partial Regex MetricTable();

    [GeneratedRegex(@"\]\(([^)#\s]+)[^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(\w+Tests)(?:\.(\w+))?`")]
    private static partial Regex TestName();
}
