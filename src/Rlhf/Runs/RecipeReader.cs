using Rlhf.Hub;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>Reads recipes: strict about every key and value, all errors at once, each with file, line and column.</summary>
public static class RecipeReader
{
    /// <summary>Reads a recipe file; paths in it become absolute, seen from the file's folder; names on the hub get the form hf://org/name.</summary>
    /// <param name="file">The recipe.</param>
    /// <param name="overrides">Changes in the form <c>a.b=value</c>, checked like the file.</param>
    /// <exception cref="InputException">The file cannot be read or something in it is wrong.</exception>
    public static Recipe Read(string file, IReadOnlyList<string>? overrides = null)
    {
        return Parse(WholeFile.NamedText(file, Limits.HandWrittenFile), file, Path.GetDirectoryName(Path.GetFullPath(file))!, overrides);
    }

    /// <summary>Reads a recipe's text; <paramref name="folder"/> is what its relative paths are seen from.</summary>
    public static Recipe Parse(string text, string file, string folder, IReadOnlyList<string>? overrides = null)
    {
        var root = RecipeNodeReader.ReadFile(text, file);
        foreach (var change in overrides ?? [])
        {
            root = RecipeOverride.Apply(root, change);
        }

        var binder = new RecipeBinder();
        var recipe = new Recipe();
        binder.Bind(recipe, root);
        ThrowIfAny(binder.Errors);

        recipe = Resolve(recipe, folder, overrides ?? []) with { Written = new WrittenKeys(binder.GivenKeys, binder.OriginOf) };
        var errors = new OptionErrors("", recipe.Written.Given);
        RecipeValidation.Validate(recipe, errors);
        CheckOrder((RecipeMapping)root, recipe, errors);
        ThrowIfAny([.. errors.All.Select(
            error => $"{binder.OriginOf(error.Key)}: {(error.Key.Length == 0 ? "" : error.Key + ": ")}{error.Message}{Remedy(error)}")]);
        return recipe;

        // Who changes one key of a file from the command line may have to take another one away.
        string Remedy(OptionError error) =>
            overrides is { Count: > 0 } && error.HasNoEffect && !RecipeOverride.IsOverride(binder.OriginOf(error.Key))
                ? $"; --set {error.Key}=default takes it away"
                : "";
    }

    // A stage reads what stages before it wrote: a file that lists them in another order says something that will not happen.
    private static void CheckOrder(RecipeMapping root, Recipe recipe, OptionErrors errors)
    {
        string[] order = [.. recipe.Sections.Select(static section => section.Stage.Name)];
        var written = root.Entries.Where(entry => !RecipeOverride.IsOverride(entry.Origin)).Select(static entry => entry.Key).Where(order.Contains).ToArray();
        for (var i = 1; i < written.Length; i++)
        {
            errors.Require(Array.IndexOf(order, written[i]) > Array.IndexOf(order, written[i - 1]), written[i],
                $"stands after {written[i - 1]}; the order is {StageList.Names}");
        }
    }

    private static Recipe Resolve(Recipe recipe, string folder, IReadOnlyList<string> overrides)
    {
        return recipe.WithPaths(path => HubName.Find(path, folder)?.Full ?? FullPath(path), path => HubName.FindData(path, folder)?.Full ?? FullPath(path));

        // Who types a path sees it from the folder where it is typed. What is not there is looked for where the recipe is, as all its paths are.
        string FullPath(string path)
        {
            var full = Path.GetFullPath(path, folder);
            var isTyped = overrides.Any(change => change.Contains(path, StringComparison.Ordinal));
            return isTyped && !IsThere(full) && Path.GetFullPath(path) is var here && IsThere(here) ? here : full;
        }

        static bool IsThere(string path) =>
            Path.Exists(path.IndexOfAny(['*', '?']) is >= 0 and var wildcard ? Path.GetDirectoryName(path[..wildcard]) : path);
    }

    private static void ThrowIfAny(IReadOnlyList<string> errors)
    {
        if (errors.Count > 0)
        {
            throw new InputException(string.Join(Environment.NewLine, errors));
        }
    }
}
