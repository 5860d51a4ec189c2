using System.Globalization;
using System.Text.RegularExpressions;
using Rlhf.Cli;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Runs;
using Rlhf.World;

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
                Assert.True(expected == block.Groups["table"].Value, $"{file}: a metric table differs from the metrics; put this in its place:\n{expected}");
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
    public void Commands_in_the_documents_exist()
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Program.Run(["--help"], output, error);
        var unknown =
            from file in Documents()
            from Match command in Command().Matches(File.ReadAllText(file))
            where !Regex.IsMatch(output.ToString(), $@"^  {command.Groups[1].Value}\b", RegexOptions.Multiline)
            select $"{Path.GetRelativePath(ReferenceFiles.Repository, file)}: rlhf {command.Groups[1].Value}";
        Assert.Empty(unknown);
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

    [Fact]
    public void Every_example_row_of_the_data_page_is_read()
    {
        var rows = ExampleRow().Matches(File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "docs", "data.md"))).Select(match => match.Groups[1].Value)
            .ToArray();
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        try
        {
            File.WriteAllLines(file, rows);
            var names = new DataSource { Fields = new Dictionary<string, string> { ["prompt"] = "question", ["response"] = "answer" } };
            var kinds = JsonRows.Read(file)
                .Zip(rows, (row, text) => AnyRecord.Parse(row, text.Contains("\"answer\"", StringComparison.Ordinal) ? names : new DataSource()).Kind)
                .CountBy(kind => kind).ToDictionary();

            Assert.Equal(8, kinds[RecordKind.Demonstration]);
            Assert.Equal(8, kinds[RecordKind.Ranking]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void The_recipe_in_the_readme_is_valid()
    {
        var text = RecipeText().Match(File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "README.md"))).Groups[1].Value;
        var recipe = RecipeReader.Parse(text, "README.md", ReferenceFiles.Repository);

        Assert.Equal(["sft", "reward", "ppo"], recipe.Sections.Select(section => section.Stage.Name));
    }

    [Fact]
    public void The_tree_in_the_readme_is_that_of_the_repository()
    {
        var tree = Tree().Match(File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "README.md"))).Groups[1].Value;
        var folders = new List<string>();
        foreach (var line in tree.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var names = line.TrimStart();
            var depth = (line.Length - names.Length) / 2;
            var paths = names.Split("  ")[0].Split(", ").Select(name => Path.Combine([ReferenceFiles.Repository, .. folders.Take(depth), name])).ToArray();
            Assert.All(paths, path => Assert.True(Path.Exists(path), $"README.md: {path} is not there"));
            folders.RemoveRange(depth, folders.Count - depth);
            folders.Add(paths[0]);
        }

        Assert.NotEmpty(folders);
    }

    [Fact]
    public void The_log_has_dated_sections_newest_first()
    {
        var lines = File.ReadAllLines(Path.Combine(ReferenceFiles.Repository, "docs", "log.md"));
        DateOnly[] dates =
        [
            .. from line in lines
            where line.StartsWith("## ", StringComparison.Ordinal)
            select DateOnly.ParseExact(line[3..], "yyyy-MM-dd", CultureInfo.InvariantCulture),
        ];

        Assert.NotEmpty(dates);
        Assert.Equal(dates.Distinct().OrderDescending(), dates);
        Assert.DoesNotContain(lines, line => line.StartsWith('|'));
        Assert.DoesNotContain(lines.Where(line => line.StartsWith("- ", StringComparison.Ordinal)).CountBy(line => line), count => count.Value > 1);
    }

    private static IEnumerable<string> Documents() =>
        Directory.GetFiles(ReferenceFiles.Repository, "*.md").Concat(Directory.GetFiles(Path.Combine(ReferenceFiles.Repository, "docs"), "*.md"));

    private static string TableOf(IEnumerable<string> names) =>
        "| metric | in the report | meaning |\n| --- | --- | --- |\n"
        + string.Concat(names.Select(name => $"| `{name}` | {MetricCatalogue.Of(name).Name} | {MetricCatalogue.Of(name).Meaning} |\n"));

    [GeneratedRegex(@"<!-- metrics: (?<names>[a-z_0-9 ]+) -->\r?\n(?<table>.*?)<!-- /metrics -->", RegexOptions.Singleline)]
    private static partial Regex MetricTable();

    [GeneratedRegex(@"\]\(([^)#\s]+)[^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?:\./|`)rlhf ([a-z]+)")]
    private static partial Regex Command();

    [GeneratedRegex(@"^\|[^|]*\| `(\{.*?\})`", RegexOptions.Multiline)]
    private static partial Regex ExampleRow();

    [GeneratedRegex(@"```yaml\r?\n(name: .*?)```", RegexOptions.Singleline)]
    private static partial Regex RecipeText();

    [GeneratedRegex(@"```\r?\n(rlhf, .*?)```", RegexOptions.Singleline)]
    private static partial Regex Tree();

    [GeneratedRegex(@"`(\w+Tests)(?:\.(\w+))?`")]
    private static partial Regex TestName();
}
