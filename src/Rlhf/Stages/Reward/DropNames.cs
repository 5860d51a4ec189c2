using Rlhf.Data;

namespace Rlhf.Stages.Reward;

/// <summary>Whether the values that a second reward model is not to see are in the rows at all: a misspelt one is told before the first stage.</summary>
internal static class DropNames
{
    private const int MostKept = 1000;

    /// <summary>Looks for every name among the rows that are trained on.</summary>
    /// <param name="recipe">A recipe with comparisons that are split by a field.</param>
    /// <param name="names">Values of that field, or patterns of them.</param>
    /// <exception cref="InputException">No row has one of them.</exception>
    public static void Check(Recipe recipe, IReadOnlyList<string> names)
    {
        var collects = recipe.Sections.Any(static section => section.Stage.Makes == StageProduct.Rankings);
        if (names.Count == 0 || (collects && recipe.Data.Prompts is not { Path.Count: > 0 }))
        {
            return; // prompts that the run itself writes are not there yet
        }

        var data = new StageData(recipe, Directory.GetCurrentDirectory(), new Ledger("names"));
        var keys = data.Comparisons().Where(static row => !row.IsHeldOut).Select(static row => row.Row.Prompt.SplitKey);
        var collected = collects ? data.Prompts().Where(static row => !row.IsHeldOut).Select(static row => row.Row.Prompt.SplitKey) : [];
        var (left, seen, first) = (names.ToList(), new HashSet<UInt128>(), new List<string>());
        foreach (var key in keys.Concat(collected).Where(key => seen.Add(TextHash.Of(key))))
        {
            left.RemoveAll(name => HeldOutRule.Fits(name, key));
            if (left.Count == 0)
            {
                return;
            }

            if (first.Count < MostKept)
            {
                first.Add(key);
            }
        }

        var source = recipe.Data.Comparisons!;
        throw new InputException(recipe.Written.Problem("reward.second_model.drop_values",
            $"no ranking to train on of {string.Join(", ", source.Path)} has \"{left[0]}\" in the field \"{source.SplitBy}\" (data.comparisons.split_by)"
            + (NearestName.Of(left[0], first) is { } meant ? $"; did you mean \"{meant}\"?" : "")));
    }
}
