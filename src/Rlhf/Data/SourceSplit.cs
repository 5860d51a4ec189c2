using System.Globalization;

namespace Rlhf.Data;

/// <summary>
/// Splits the rows of one source into those to train on and those held out, by their prompts or by the field that <see cref="DataSource.SplitBy"/> names. The
/// side depends on the source's options and the row's group alone, so it is the same in every stage.
/// </summary>
/// <param name="source">The source.</param>
/// <param name="key">Its recipe key, for messages: <c>data.comparisons</c>.</param>
public sealed class SourceSplit(DataSource source, string key)
{
    private const int MostNamed = 10;

    private readonly string? _salt = source.SplitSeed == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"split {source.SplitSeed}");
    private readonly Dictionary<string, bool> _groups = new(StringComparer.Ordinal);

    /// <summary>Whether the rows of a group are held out.</summary>
    public bool IsHeldOut(string group)
    {
        if (source.SplitBy is null)
        {
            return source.HeldOut.Holds(group, _salt);
        }

        if (!_groups.TryGetValue(group, out var held))
        {
            _groups[group] = held = source.HeldOut.Holds(group, _salt);
        }

        return held;
    }

    /// <summary>Both sides in the order of the rows.</summary>
    /// <param name="rows">All rows of the source.</param>
    /// <param name="describe">A row's group, its id and its place.</param>
    /// <param name="ledger">Counts held-out rows beyond <see cref="DataSource.HeldOutLimit"/> as dropped.</param>
    /// <exception cref="InputException">The groups cannot be split as asked.</exception>
    public (IReadOnlyList<T> Train, IReadOnlyList<T> HeldOut) Split<T>(
        IEnumerable<T> rows, Func<T, (string Group, string Id, RowPosition Position)> describe, Ledger ledger)
    {
        List<T> train = [], heldOut = [];
        foreach (var row in rows)
        {
            (IsHeldOut(describe(row).Group) ? heldOut : train).Add(row);
        }

        Check();
        return (train, Limited(heldOut, describe, ledger));
    }

    /// <summary>After all rows: whether the groups that there are can be split as asked.</summary>
    /// <exception cref="InputException">A named group is in no row, or all rows are on one side.</exception>
    public void Check()
    {
        if (source.SplitBy is null || !source.HeldOut.HoldsAny)
        {
            return;
        }

        var files = string.Join(", ", source.Path);
        foreach (var name in source.HeldOut.Names.Where(name => !_groups.Keys.Any(group => HeldOutRule.Fits(name, group))))
        {
            var meant = NearestName.Of(name, _groups.Keys) ?? _groups.Keys.FirstOrDefault(group => group.StartsWith(name, StringComparison.Ordinal));
            throw new InputException(
                $"{key}.held_out: no row of {files} has \"{name}\" in the field \"{source.SplitBy}\""
                + (meant is not null ? $"; did you mean \"{meant}\" (or \"{name}*\" for all that begin so)?" : $"; there are {Groups()}"));
        }

        if (_groups.Count == 1)
        {
            throw new InputException(
                $"{key}.split_by: all rows of {files} have {Groups()} in the field \"{source.SplitBy}\": whole groups are held out, so it must have two values at least. Split by another field, or leave split_by out to split by the prompt.");
        }

        if (_groups.Values.Distinct().Count() == 1)
        {
            var side = _groups.Values.First() ? "every one" : "none";
            throw new InputException(
                $"{key}.held_out: {side} of the {_groups.Count} values of \"{source.SplitBy}\" in {files} is held out; there are {Groups()}. Name those to hold out, or take another share or {key}.split_seed.");
        }
    }

    /// <summary>The rows whose ids have the smallest hashes, so that they are spread over the groups and rows of one id stay together.</summary>
    private List<T> Limited<T>(List<T> rows, Func<T, (string Group, string Id, RowPosition Position)> describe, Ledger ledger)
    {
        if (source.HeldOutLimit is not { } most || rows.Count <= most)
        {
            return rows;
        }

        var kept = rows.Index().OrderBy(row => PromptSplit.Hash("held out\n" + describe(row.Item).Id)).Take(most).Select(row => row.Index).ToHashSet();
        foreach (var (index, row) in rows.Index())
        {
            if (!kept.Contains(index))
            {
                ledger.Drop(describe(row).Position, "held out, beyond held_out_limit");
            }
        }

        return [.. rows.Where((_, index) => kept.Contains(index))];
    }

    private string Groups()
    {
        var names = _groups.Keys.Order(StringComparer.Ordinal).Take(MostNamed).Select(group => $"\"{Short(group)}\"");
        return string.Join(", ", names) + (_groups.Count > MostNamed ? string.Create(CultureInfo.InvariantCulture, $" and {_groups.Count - MostNamed} more") : "");
    }

    private static string Short(string group) => group.Length <= 80 ? group : group[..80] + "...";
}
