using Rlhf.Hub;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>
/// The names on the hub that a recipe has. A branch means another commit tomorrow, so a run keeps the commits that it began with: they stand in its
/// <c>recipe.yaml</c>, and beside the names that were asked for in <c>hub.json</c>, from which it goes on.
/// </summary>
internal static class RecipeHub
{
    /// <summary>The recipe with commits in place of branches and tags.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="before">The commits that the run has begun with, by name; empty for a new one.</param>
    /// <returns>The recipe, and the commits by name; none where no branch or tag is named.</returns>
    /// <exception cref="InputException">The hub has no such repository or revision, or does not give it.</exception>
    /// <exception cref="RunFailedException">The hub cannot be asked.</exception>
    public static (Recipe Recipe, IReadOnlyDictionary<string, string> Commits) Pin(Recipe recipe, IReadOnlyDictionary<string, string> before)
    {
        var commits = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string Pinned(string path)
        {
            if (!path.StartsWith(HubName.Scheme, StringComparison.Ordinal) || HubName.Parse(path) is not { IsPinned: false } name)
            {
                return path;
            }

            var asked = name.WithoutFile.Full;
            var pinned = before.TryGetValue(asked, out var commit) ? name.At(commit) : HubFiles.Pinned(name);
            commits[asked] = pinned.Revision!;
            return pinned.Full;
        }

        return (recipe.WithPaths(Pinned, Pinned), commits);
    }
}
