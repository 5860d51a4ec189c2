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
    private const int MostKept = 1000;

    private readonly string? _salt = source.SplitSeed == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"split {source.SplitSeed}");
    private readonly Dictionary<UInt128, bool> _groups = []; // by hash: there may be as many groups as rows
    private readonly List<string> _first = []; // to be shown
    private readonly HashSet<string> _found = new(StringComparer.Ordinal);

    /// <summary>Whether the rows of a group are held out.</summary>
    public bool IsHeldOut(string group)
    {
        if (source.SplitBy is null)
        {
            return source.HeldOut.Holds(group, _salt);
        }

        var hash = TextHash.Of(group);
        if (!_groups.TryGetValue(hash, out var held))
        {
            _groups[hash] = held = source.HeldOut.Holds(group, _salt);
            _found.UnionWith(source.HeldOut.Names.Where(name => HeldOutRule.Fits(name, group)));
            if (_first.Count < MostKept)
            {
                _first.Add(group);
            }
        }

        return held;
    }

    /// <summary>The rows with their sides, each side in the order of the rows. One row is in memory at a time; with <see cref="DataSource.HeldOutLimit"/> those
    /// held-out rows too, which come last.</summary>
    /// <param name="rows">All rows of the source.</param>
    /// <param name="describe">A row's group, its id and its place.</param>
    /// <param name="ledger">Counts held-out rows beyond <see cref="DataSource.HeldOutLimit"/> as dropped.</param>
    /// <exception cref="InputException">The groups cannot be split as asked.</exception>
    public IEnumerable<(T Row, bool IsHeldOut)> Split<T>(
        IEnumerable<T> rows, Func<T, (string Group, string Id, RowPosition Position)> describe, Ledger ledger)
    {
        // The rows whose ids have the smallest hashes, so that they are spread over the groups and rows of one id stay together.
        var heldOut = new PriorityQueue<(int At, T Row), (uint Hash, int At)>(Comparer<(uint, int)>.Create(static (one, other) => other.CompareTo(one)));
        foreach (var (at, row) in rows.Index())
        {
            var (group, id, _) = describe(row);
            var isHeldOut = IsHeldOut(group);
            if (!isHeldOut || source.HeldOutLimit is not { } most)
            {
                yield return (row, isHeldOut);
                continue;
            }

            heldOut.Enqueue((at, row), (PromptSplit.Hash("held out\n" + id), at));
            if (heldOut.Count > most)
            {
                ledger.Drop(describe(heldOut.Dequeue().Row).Position, "held out, beyond held_out_limit");
            }
        }

        Check();
        foreach (var ((_, row), _) in heldOut.UnorderedItems.OrderBy(static item => item.Element.At))
        {
            yield return (row, true);
        }
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
        foreach (var name in source.HeldOut.Names.Where(name => !_found.Contains(name)))
        {
            var meant = NearestName.Of(name, _first) ?? _first.Find(group => group.StartsWith(name, StringComparison.Ordinal));
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

    private string Groups()
    {
        var names = _first.Order(StringComparer.Ordinal).Take(MostNamed).Select(group => $"\"{Short(group)}\"");
        return string.Join(", ", names) + (_groups.Count > MostNamed ? string.Create(CultureInfo.InvariantCulture, $" and {_groups.Count - MostNamed} more") : "");
    }

    private static string Short(string group) => group.Length <= 80 ? group : group[..80] + "...";
}
