using System.IO.Enumeration;

namespace Rlhf.Hub;

/// <summary>
/// Names of files that a server sends. They become paths here, so no system's idea of a path may lead out of the folder or to a device: no empty part, no
/// <c>..</c>, no drive, no reserved name.
/// </summary>
internal static class HubPath
{
    private const char TurnsText = '\u202E'; // shows another ending than a name has
    private const int LongestPath = 1024;
    private const int LongestPart = 240; // file systems allow 255 bytes, and a lock's name is longer

    private static readonly HashSet<string> Devices = new(
        [
            "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
            .. Enumerable.Range(0, 10).SelectMany(static number => new[] { FormattableString.Invariant($"COM{number}"), FormattableString.Invariant($"LPT{number}") }),
        ],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a path of a repository can be one below a folder on any system.</summary>
    public static bool IsSafe(string path) => path.Length is > 0 and <= LongestPath && path.Split('/').All(part => IsSafePart(part, isGlob: false));

    /// <summary>The same for a pattern with <c>*</c> and <c>?</c>.</summary>
    public static bool IsSafeGlob(string path) => path.Length is > 0 and <= LongestPath && path.Split('/').All(part => IsSafePart(part, isGlob: true));

    /// <summary>Whether a path is a pattern.</summary>
    public static bool IsGlob(string path) => path.AsSpan().IndexOfAny('*', '?') >= 0;

    /// <summary>Whether a path fits a pattern: <c>*</c> and <c>?</c> within a name, <c>**</c> any number of folders. A path without signs names
    /// itself.</summary>
    public static bool Fits(string path, string pattern) => Fits(path.Split('/'), pattern.Split('/'));

    private static bool Fits(ReadOnlySpan<string> path, ReadOnlySpan<string> pattern)
    {
        // As with braces of a shell: what "**" takes is tried from nothing to all, and two in a row are one.
        while (pattern is ["**", "**", ..])
        {
            pattern = pattern[1..];
        }

        if (pattern.Length == 0)
        {
            return path.Length == 0;
        }

        if (pattern[0] == "**" && pattern.Length > 1)
        {
            return Fits(path, pattern[1..]) || (path.Length > 0 && Fits(path[1..], pattern));
        }

        return path.Length > 0 && FileSystemName.MatchesSimpleExpression(pattern[0], path[0], ignoreCase: false) && Fits(path[1..], pattern[1..]);
    }

    private static bool IsSafePart(string part, bool isGlob) =>
        part.Length is > 0 and <= LongestPart && System.Text.Encoding.UTF8.GetByteCount(part) <= LongestPart && part is not ("." or "..")
        && part[^1] is not ('.' or ' ') && part[0] != ' ' && part.All(sign => IsSafeSign(sign, isGlob)) && !Devices.Contains(part.Split('.')[0].TrimEnd());

    private static bool IsSafeSign(char sign, bool isGlob) => sign is '*' or '?' ? isGlob
        : !char.IsControl(sign) && sign is not ('\\' or ':' or '"' or '<' or '>' or '|' or TurnsText);
}
