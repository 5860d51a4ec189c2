namespace Rlhf.Stages;

/// <summary>Which keys of a recipe somebody wrote, and where: what is found out only with a model or with data is told there, too.</summary>
/// <param name="Given">The keys, as full paths.</param>
/// <param name="OriginOf">Where a key stands, or else the nearest key above it: <c>file:line:column</c>, or <c>--set a.b=value</c>.</param>
internal sealed record WrittenKeys(IReadOnlySet<string> Given, Func<string, string> OriginOf)
{
    /// <summary>Of a recipe that code made.</summary>
    public static WrittenKeys None { get; } = new(new HashSet<string>(), static _ => "");

    /// <summary>A problem with a key, and its place before it.</summary>
    public string Problem(string key, string message) => OriginOf(key) is { Length: > 0 } origin ? $"{origin}: {key}: {message}" : $"{key}: {message}";
}
