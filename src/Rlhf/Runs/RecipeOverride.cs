using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>A change of a recipe on the command line: <c>--set sft.epochs=3</c>; <c>--set sft.epochs=default</c> takes the key away.</summary>
internal static class RecipeOverride
{
    private const string Mark = "--set ";
    private const string Default = "default";

    /// <summary>Whether a key came from the command line.</summary>
    public static bool IsOverride(string origin) => origin.StartsWith(Mark, StringComparison.Ordinal);

    /// <summary>The recipe with the value at the key replaced, added or taken away.</summary>
    /// <exception cref="InputException">The change does not have the form <c>a.b=value</c>, or its key leads through a value.</exception>
    public static RecipeNode Apply(RecipeNode root, string change)
    {
        var origin = Mark + change;
        var equals = change.IndexOf('=', StringComparison.Ordinal);
        var keys = equals < 0 ? [] : change[..equals].Split('.');
        if (keys.Length == 0 || keys.Any(string.IsNullOrWhiteSpace))
        {
            throw new InputException($"{origin}: expected key=value, for example --set sft.epochs=3");
        }

        return change[(equals + 1)..].Trim() == Default
            ? Remove(root, keys, origin)
            : Replace(root, keys, RecipeNodeReader.ReadOverride(change[(equals + 1)..], origin), origin);
    }

    /// <summary>The recipe as if the file did not have the key.</summary>
    private static RecipeNode Remove(RecipeNode node, ReadOnlySpan<string> keys, string origin)
    {
        var key = keys[0];
        if (node is not RecipeMapping mapping || mapping.Entries.FindIndex(entry => entry.Key == key) is var index && index < 0)
        {
            throw new InputException($"{origin}: the recipe has no such key to take away");
        }

        var entries = mapping.Entries.ToList();
        if (keys.Length == 1)
        {
            entries.RemoveAt(index);
        }
        else
        {
            entries[index] = entries[index] with { Value = Remove(entries[index].Value, keys[1..], origin) };
        }

        return mapping with { Entries = entries };
    }

    private static RecipeMapping Replace(RecipeNode node, ReadOnlySpan<string> keys, RecipeNode value, string origin)
    {
        // A section that is empty, none or absent so far comes into being with its first key.
        var mapping = node switch
        {
            RecipeMapping found => found,
            RecipeScalar { Quoted: false, Text: "" or "none" or "null" or "~" } => new RecipeMapping(origin, []),
            _ => throw new InputException($"{origin}: there are no keys below the value at {node.Origin}"),
        };
        var key = keys[0];
        var entries = mapping.Entries.ToList();
        var index = entries.FindIndex(entry => entry.Key == key);
        var old = index < 0 ? new RecipeScalar(origin, "", Quoted: false) : entries[index].Value;
        var entry = new RecipeEntry(origin, key, keys.Length == 1 ? value : Replace(old, keys[1..], value, origin));
        if (index < 0)
        {
            entries.Add(entry);
        }
        else
        {
            entries[index] = keys.Length == 1 ? entry : entry with { Origin = entries[index].Origin };
        }

        return mapping with { Entries = entries };
    }
}
