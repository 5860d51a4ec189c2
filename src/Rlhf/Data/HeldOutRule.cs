using System.Text.RegularExpressions;

namespace Rlhf.Data;

/// <summary>What is held out: a share of the groups, by hash, or the groups that are named.</summary>
/// <param name="Share">From 0 up to but not including 1; does not count where groups are named.</param>
/// <param name="Names">Names of groups; a <c>*</c> in one stands for any text. Empty: the share decides.</param>
public sealed record HeldOutRule(double Share, IReadOnlyList<string> Names)
{
    /// <summary>Holds out nothing.</summary>
    public static HeldOutRule None { get; } = new(0, []);

    /// <summary>Whether the rule can hold out anything.</summary>
    public bool HoldsAny => Share > 0 || Names.Count > 0;

    /// <summary>A share by hash.</summary>
    public static implicit operator HeldOutRule(double share) => new(share, []);

    /// <summary>The groups of these names.</summary>
    public static HeldOutRule Of(params IReadOnlyList<string> names) => new(0, names);

    /// <summary>Whether a group is held out.</summary>
    /// <param name="group">What is shared by the rows that stay together: a prompt's text, a topic, a labeler.</param>
    /// <param name="salt">Of a share: gives an independent one; see <see cref="PromptSplit.IsHeldOut"/>.</param>
    public bool Holds(string group, string? salt = null) =>
        Names.Count > 0 ? Names.Any(name => Fits(name, group)) : PromptSplit.IsHeldOut(group, Share, salt);

    /// <summary>Whether a name is that of a group. White space counts as in a split.</summary>
    public static bool Fits(string name, string group)
    {
        var (pattern, text) = (PromptSplit.Normalized(name), PromptSplit.Normalized(group));
        return pattern.Contains('*', StringComparison.Ordinal)
            ? Regex.IsMatch(
                text, $"\\A{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}\\z", RegexOptions.NonBacktracking | RegexOptions.Singleline)
            : pattern == text;
    }
}
