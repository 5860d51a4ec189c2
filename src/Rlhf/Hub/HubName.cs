using System.Text.RegularExpressions;

namespace Rlhf.Hub;

/// <summary>The two kinds of repositories that are read.</summary>
public enum HubKind
{
    /// <summary>A model.</summary>
    Model,

    /// <summary>A data set.</summary>
    Dataset,
}

/// <summary>
/// What is named on the hub: <c>org/name</c>, <c>org/name@revision</c>, <c>org/name/file.gguf</c>, <c>hf://org/name/file</c>,
/// <c>hf://datasets/org/name@revision/data/train-*.parquet</c>, <c>hf://datasets/org/name?subset=main&amp;split=train</c>.
/// </summary>
/// <param name="Kind">Model or data set.</param>
/// <param name="Repository"><c>org/name</c>.</param>
/// <param name="Revision">A branch, a tag or a commit; null means the branch <c>main</c>.</param>
/// <param name="File">A file in it, or a glob; null means all that a model needs.</param>
public sealed partial record HubName(HubKind Kind, string Repository, string? Revision, string? File)
{
    internal const string Scheme = "hf://";

    private const string Datasets = "datasets/";
    private const int LongestRevision = 200;
    private const int LongestPart = 96;

    // A name of two parts that ends like a file is one that is missing.
    private static readonly string[] FileEndings =
    [
        ".jsonl", ".json", ".ndjson", ".gz", ".zst", ".csv", ".tsv", ".txt", ".md", ".yaml", ".yml", ".parquet", ".arrow", ".safetensors", ".bin", ".pt", ".pth",
        ".ckpt", ".gguf", ".model", ".db", ".zip", ".tar", ".html", ".xz", ".bz2",
    ];

    /// <summary>A subset of a data set, as the hub's viewer names it; null for the default one.</summary>
    public string? Subset { get; init; }

    /// <summary>A split of a data set: <c>train</c>, <c>test</c>; null for train, or the only one.</summary>
    public string? Split { get; init; }

    /// <summary>The revision that is asked for.</summary>
    public string RevisionOrMain => Revision ?? "main";

    /// <summary>Whether the revision is a commit, which never changes its meaning.</summary>
    public bool IsPinned => Revision is { } revision && IsCommit(revision);

    /// <summary>The repository's address below the hub's: <c>datasets/org/name</c>.</summary>
    internal string Address => Kind == HubKind.Dataset ? Datasets + Repository : Repository;

    /// <summary>Whether a text is a commit's hash.</summary>
    internal static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>The name that a text is where a model, a data file or a folder can stand; null where it is a path. What exists here is always a path.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <param name="folder">What relative paths are seen from.</param>
    /// <exception cref="InputException">It begins with <c>hf://</c> and is no name.</exception>
    public static HubName? Find(string text, string folder = ".")
    {
        if (text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return Parse(text);
        }

        if (PageAddress().Match(text) is { Success: true } page)
        {
            var (place, revision, file) = (page.Groups["place"].Value, page.Groups["revision"].Value, page.Groups["file"].Value);
            return Parse($"{Scheme}{place}{(revision.Length > 0 ? "@" + revision : "")}{(file.Length > 0 ? "/" + Uri.UnescapeDataString(file) : "")}");
        }

        if (!BareName().IsMatch(text) || EndsLikeFile(text))
        {
            return null;
        }

        var path = Path.Combine(folder, text);
        var isPath = System.IO.File.Exists(path) || Directory.Exists(path)
            || (!text.Contains('@', StringComparison.Ordinal) && Directory.Exists(Path.Combine(folder, text.Split('/')[0])));
        return isPath ? null : TryParse(text, HubKind.Model);
    }

    /// <summary>The same where a data file can stand: a repository alone is none, unless it is written as an address.</summary>
    /// <inheritdoc cref="Find" path="/exception"/>
    public static HubName? FindData(string text, string folder = ".") =>
        Find(text, folder) is { } name && (name.File is not null || text.Contains("://", StringComparison.Ordinal)) ? name : null;

    /// <summary>The name that a text must be: <c>rlhf pull</c> takes no paths.</summary>
    /// <exception cref="InputException">It is none.</exception>
    public static HubName Parse(string text)
    {
        var rest = text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? text[Scheme.Length..] : text;
        var kind = rest.StartsWith(Datasets, StringComparison.Ordinal) ? HubKind.Dataset : HubKind.Model;
        return TryParse(kind == HubKind.Dataset ? rest[Datasets.Length..] : rest, kind) ?? throw new InputException(
            $"'{text}' is no name on the hub: expected org/name, org/name@revision, org/name/file.gguf or hf://datasets/org/name/file.");
    }

    /// <summary>The same with a commit in place of a branch or tag.</summary>
    public HubName At(string commit) => this with { Revision = commit };

    /// <summary>The repository alone.</summary>
    internal HubName WithoutFile => this with { File = null, Subset = null, Split = null };

    /// <summary>The name in the one form that is never a path: <c>hf://org/name@revision/file</c>.</summary>
    public string Full => $"{Scheme}{Address}{(Revision is null ? "" : "@" + EscapedRevision)}{(File is null ? "" : "/" + File)}{Query}";

    private string Query => (Subset, Split) switch
    {
        (null, null) => "",
        (null, _) => $"?split={Split}",
        (_, null) => $"?subset={Subset}",
        _ => $"?subset={Subset}&split={Split}",
    };

    /// <summary>The name as people write it.</summary>
    public override string ToString() => Kind == HubKind.Model && (File is null || IsGguf) ? Full[Scheme.Length..] : Full;

    private string EscapedRevision => SpecialReference().IsMatch(RevisionOrMain) ? RevisionOrMain : Uri.EscapeDataString(RevisionOrMain);

    /// <summary>Whether the file is a model in one file.</summary>
    public bool IsGguf => File is { } file && IsGgufFile(file);

    /// <summary>The same with a revision that someone wrote, still to be parsed.</summary>
    public string WithRevision(string revision) => (this with { Revision = revision }).Full;

    private static bool IsGgufFile(string file) => file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    private static bool EndsLikeFile(string text)
    {
        var parts = text.Split('/');
        return parts.Length == 2
            ? Array.Exists(FileEndings, ending => parts[1].EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            : !IsGgufFile(text) && !SpecialReference().IsMatch(string.Join('/', parts[1..]).Split('@', 2)[^1]);
    }

    private static HubName? TryParse(string text, HubKind kind)
    {
        var (subset, split) = ((string?)null, (string?)null);
        if (kind == HubKind.Dataset && PartOf().Match(text) is { Success: true } part)
        {
            (text, subset, split) = (part.Groups["name"].Value, ValueOf(part.Groups["subset"]), ValueOf(part.Groups["split"]));
        }

        if (Form().Match(text) is not { Success: true } match)
        {
            return null;
        }

        var (organisation, name) = (match.Groups["org"].Value, match.Groups["name"].Value);
        var revision = match.Groups["revision"] is { Success: true } given ? Uri.UnescapeDataString(given.Value) : null;
        var file = match.Groups["file"] is { Success: true, Value: { Length: > 0 } path } ? path : null;
        return IsSound(organisation) && IsSound(name) && (revision is null || IsSoundRevision(revision)) && (file is null || HubPath.IsSafeGlob(file))
            ? new HubName(kind, $"{organisation}/{name}", revision, file) { Subset = subset, Split = split }
            : null;
    }

    private static string? ValueOf(Group group) => group.Success ? group.Value : null;

    // What the hub itself allows; each is also the name of a folder of the cache.
    private static bool IsSound(string part) => part.Length <= LongestPart && !part.Contains("--", StringComparison.Ordinal)
        && !part.Contains("..", StringComparison.Ordinal) && part[^1] is not ('.' or '-') && !part.EndsWith(".git", StringComparison.OrdinalIgnoreCase);

    private static bool IsSoundRevision(string revision) => revision.Length <= LongestRevision && HubPath.IsSafe(revision)
        && revision.All(static sign => char.IsAsciiLetterOrDigit(sign) || sign is '-' or '_' or '.' or '/' or '+' or '#');

    [GeneratedRegex(@"^[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*(?:@[^\s\\]+)?(?:/[^\\]+)?$", RegexOptions.ECMAScript)]
    private static partial Regex BareName();

    [GeneratedRegex(
        @"^(?<org>[A-Za-z0-9_][A-Za-z0-9_.-]*)/(?<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?:@(?<revision>refs/(?:pr|convert)/[^/@]+|[^/@]+))?(?:/(?<file>.*))?$",
        RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex(
        @"^(?<name>[^/?]+/[^/?]+)\?(?:subset=(?<subset>[\w.-]{1,96})(?:&split=(?<split>[\w.-]{1,96}))?|split=(?<split>[\w.-]{1,96}))$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex PartOf();

    [GeneratedRegex("^refs/(?:pr|convert)/[A-Za-z0-9_.-]+$")]
    private static partial Regex SpecialReference();

    // The address of a page or file, as a browser shows it.
    [GeneratedRegex(
        @"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?<place>(?:datasets/)?[^/?#\s]+/[^/?#\s]+)(?:/(?:tree|blob|resolve|raw)/(?<revision>refs%2F[^/?#\s]+|[^/?#\s]+)(?:/(?<file>[^?#\s]+))?)?/?(?:[?#].*)?$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex PageAddress();
}
