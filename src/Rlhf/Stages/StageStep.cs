namespace Rlhf.Stages;

/// <summary>One stage of a run: <c>04-ppo</c>, or <c>07-ppo-2</c> in round 2.</summary>
/// <param name="Number">Place in the run, from 1.</param>
/// <param name="Stage">What it does.</param>
/// <param name="Round">Its round, from 1.</param>
public sealed record StageStep(int Number, IStage Stage, int Round)
{
    /// <summary>The name of its folder and of its rows in metrics.jsonl.</summary>
    public string Name => FormattableString.Invariant($"{Number:00}-{Stage.Name}") + (Round > 1 ? FormattableString.Invariant($"-{Round}") : "");

    /// <summary>The stage's seed: its own if it gives one, else derived from the recipe's, its kind and its round.</summary>
    public ulong SeedOf(ulong? own, Recipe recipe) => Philox.Derive(own ?? recipe.Seed, ((ulong)Round << 8) | Stage.SeedNumber);

    /// <summary>All stages of a recipe in order: what comes once, then the others as often as there are rounds.</summary>
    public static IReadOnlyList<StageStep> Of(Recipe recipe)
    {
        var once = recipe.Sections.Where(static section => !section.Stage.Repeats).Select(static section => (section.Stage, Round: 1));
        var rounds = Enumerable.Range(1, recipe.Rounds)
            .SelectMany(round => recipe.Sections.Where(static section => section.Stage.Repeats).Select(section => (section.Stage, Round: round)));
        return [.. once.Concat(rounds).Select(static (step, place) => new StageStep(place + 1, step.Stage, step.Round))];
    }
}
