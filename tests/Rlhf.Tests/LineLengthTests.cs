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
            from number in TooLong(File.ReadLines(file))
            select $"{Path.GetRelativePath(ReferenceFiles.Repository, file)}:{number}";
        Assert.Empty(wrong);
    }

    // A text between three quotation marks may be as wide as it is.
    private static IEnumerable<int> TooLong(IEnumerable<string> lines)
    {
        var inText = false;
        foreach (var (at, line) in lines.Index())
        {
            var marks = Marks().Count(line);
            if (!inText && marks == 0 && line.Length > Longest && Text().Replace(line, "").Length > Longest)
            {
                yield return at + 1;
            }

            inText ^= marks % 2 == 1;
        }
    }

    [GeneratedRegex("\"{3,}")]
    private static partial Regex Marks();

    [GeneratedRegex("\"(?:[^\"\\\\]|\\\\.)*\"")]
    private static partial Regex Text();
}
