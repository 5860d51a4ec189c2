using System.Text.RegularExpressions;

namespace Rlhf.Tests;

/// <summary>What the formatter does not hold.</summary>
public sealed partial class LineLengthTests
{
    private const int Longest = 160;

    [Fact]
    public void Lines_have_160_characters_at_most_but_for_the_texts_in_them()
    {
        string[] folders = ["src", "tests", "bench"];
        var wrong =
            from folder in folders
            from file in Directory.EnumerateFiles(Path.Combine(ReferenceFiles.Repository, folder), "*.cs", SearchOption.AllDirectories)
            where !file.Contains($"{Path.DirectorySeparatorChar}node_modules{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            from line in File.ReadLines(file).Index()
            where line.Item.Length > Longest && !line.Item.Contains("\"\"\"", StringComparison.Ordinal) && Text().Replace(line.Item, "").Length > Longest
            select $"{Path.GetRelativePath(ReferenceFiles.Repository, file)}:{line.Index + 1}";
        Assert.Empty(wrong);
    }

    [GeneratedRegex("\"(?:[^\"\\\\]|\\\\.)*\"")]
    private static partial Regex Text();
}
