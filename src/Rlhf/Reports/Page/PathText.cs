using System.Text.RegularExpressions;

namespace Rlhf.Reports.Page;

/// <summary>Places in a file system, for a page that is handed on: where somebody's folders lie is nobody's business, and files are known by their
/// ends.</summary>
internal static partial class PathText
{
    /// <summary>A file by its name and folder: <c>…/data/rows.jsonl</c>; a path that is not whole stays as it is.</summary>
    public static string Of(string path)
    {
        if (!Whole().IsMatch(path))
        {
            return path;
        }

        var parts = path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries);
        return $"…/{string.Join('/', parts.TakeLast(2))}";
    }

    /// <summary>A text in which only the ends of whole paths are left.</summary>
    public static string Shorten(string text) => Inside().Replace(text, "…/");

    [GeneratedRegex(@"^(?:/|~/|[A-Za-z]:[\\/]|\\\\)")]
    private static partial Regex Whole();

    // Not the slashes of addresses, of fractions and of units, which follow a letter, a colon or another slash.
    [GeneratedRegex(@"(?<![\w.~:/\\…)-])(?:[A-Za-z]:[\\/]+|~?/)(?:[^\s/\\""'<>|,;\[\]{}]+[\\/]+)+")]
    private static partial Regex Inside();
}
