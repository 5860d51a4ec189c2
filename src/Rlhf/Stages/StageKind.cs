namespace Rlhf.Stages;

/// <summary>What a stage does; its recipe section has the same name.</summary>
public enum StageKind
{
    /// <summary>Next-token training on plain text.</summary>
    Pretrain,

    /// <summary>Step 1: supervised fine-tuning.</summary>
    Sft,

    /// <summary>Sampling and ranking of answers.</summary>
    Collect,

    /// <summary>Step 2: the reward model.</summary>
    Reward,

    /// <summary>Step 3: PPO.</summary>
    Ppo,
}

/// <summary>One stage of a run: <c>04-ppo</c>, or <c>07-ppo-2</c> in round 2.</summary>
/// <param name="Number">Place in the run, from 1.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Round">Its round, from 1.</param>
public sealed record StageStep(int Number, StageKind Kind, int Round)
{
    /// <summary>The name of its folder and of its rows in metrics.jsonl.</summary>
    public string Name => FormattableString.Invariant($"{Number:00}-{SnakeCase.From(Kind.ToString())}") + (Round > 1 ? FormattableString.Invariant($"-{Round}") : "");

    /// <summary>The stage's seed: its own if it gives one, else derived from the recipe's, its kind and its round.</summary>
    public ulong SeedOf(ulong? own, Recipe recipe) => Philox.Derive(own ?? recipe.Seed, ((ulong)Round << 8) | (uint)Kind);

    /// <summary>All stages of a recipe in order: what comes once, then collect, reward and ppo as often as there are rounds.</summary>
    public static IReadOnlyList<StageStep> Of(Recipe recipe)
    {
        var steps = new List<StageStep>();
        var repeated = recipe.StageOrder.Where(IsRepeated).ToArray();
        foreach (var kind in recipe.StageOrder.Where(kind => !IsRepeated(kind)))
        {
            steps.Add(new StageStep(steps.Count + 1, kind, 1));
        }

        for (var round = 1; round <= recipe.Rounds; round++)
        {
            foreach (var kind in repeated)
            {
                steps.Add(new StageStep(steps.Count + 1, kind, round));
            }
        }

        return steps;
    }

    private static bool IsRepeated(StageKind kind) => kind is StageKind.Collect or StageKind.Reward or StageKind.Ppo;
}
