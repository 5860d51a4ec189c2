using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>What a stage leaves behind for those after it.</summary>
public enum StageProduct
{
    /// <summary>A model that imitates: what SFT, the reward model, DPO and PPO start from.</summary>
    SupervisedModel,

    /// <summary>Ranked answers.</summary>
    Rankings,

    /// <summary>A model that scores answers.</summary>
    RewardModel,

    /// <summary>A model that was trained on feedback.</summary>
    Policy,
}

/// <summary>
/// One kind of stage: a folder below <c>Stages/</c> and a line in the list of all stages. A recipe's section, the stage's folders in a run and its command have
/// its name.
/// </summary>
public interface IStage
{
    /// <summary>Its name: <c>ppo</c>.</summary>
    string Name { get; }

    /// <summary>What it does, in one sentence (Markdown).</summary>
    string Summary { get; }

    /// <summary>What it leaves behind.</summary>
    StageProduct Makes { get; }

    /// <summary>Whether it is done again in every round.</summary>
    bool Repeats { get; }

    /// <summary>Whether it learns from what was ranked.</summary>
    bool LearnsFromRankings { get; }

    /// <summary>Whether a round needs nothing else: it samples the newest policy itself and learns from what comes.</summary>
    bool SamplesPolicy { get; }

    /// <summary>Tells its random numbers from those of other stages. It never changes: results depend on it.</summary>
    internal uint SeedNumber { get; }

    /// <summary>The record of its options.</summary>
    internal Type OptionsType { get; }

    /// <summary>The options with every path made absolute by <paramref name="full"/>.</summary>
    internal object WithFullPaths(object options, Func<string, string> full);

    /// <summary>Adds what is wrong with its section, alone and beside the rest of the recipe.</summary>
    internal void Validate(Recipe recipe, OptionErrors errors);

    /// <summary>What it reads from outside of the run.</summary>
    internal IReadOnlyList<StageInput> Reads(Recipe recipe);

    /// <summary>What has to be there before anything begins, beside files: keys of services.</summary>
    internal void Prepare(Recipe recipe);

    /// <summary>What it will do and need.</summary>
    internal StagePlan Plan(StagePlanning planning);

    /// <summary>Does it.</summary>
    internal StageSummary Run(StageContext context);

    /// <summary>What it shows of its results.</summary>
    internal StageReport Report { get; }
}

/// <summary>Something that a stage reads from outside of the run.</summary>
/// <param name="Key">The recipe's key: <c>ppo.reward_model</c>; or, below <c>data</c>, the source's property name: <c>Prompts</c>.</param>
/// <param name="Reader">Which part of the recipe reads it: <c>ppo.ptx</c>.</param>
/// <param name="Folder">The folder of a model; null for data.</param>
/// <param name="IsOptional">Whether the stage also does without.</param>
/// <param name="Scores">Whether the model must have a scalar head.</param>
internal sealed record StageInput(string Key, string Reader, string? Folder = null, bool IsOptional = false, bool Scores = false);

/// <summary>What stages have in common.</summary>
/// <typeparam name="TOptions">The options of the stage's section.</typeparam>
internal abstract class Stage<TOptions> : IStage where TOptions : class, IStageOptions, new()
{
    public abstract string Name { get; }

    public abstract string Summary { get; }

    public abstract StageProduct Makes { get; }

    public abstract uint SeedNumber { get; }

    public virtual bool Repeats => true;

    public virtual bool LearnsFromRankings => false;

    public virtual bool SamplesPolicy => false;

    public Type OptionsType => typeof(TOptions);

    /// <summary>The stage's options in a recipe that has it.</summary>
    protected static TOptions OptionsOf(Recipe recipe) =>
        recipe.Find<TOptions>() ?? throw new InvalidOperationException($"The recipe has no {typeof(TOptions).Name}.");

    public object WithFullPaths(object options, Func<string, string> full) => WithFullPaths((TOptions)options, full);

    /// <inheritdoc cref="IStage.WithFullPaths"/>
    protected virtual TOptions WithFullPaths(TOptions options, Func<string, string> full) => options;

    public void Validate(Recipe recipe, OptionErrors errors)
    {
        var options = OptionsOf(recipe);
        options.Validate(errors.Below(Name));
        Validate(recipe, options, errors);
    }

    /// <summary>Adds what is wrong between the section and the rest of the recipe.</summary>
    protected virtual void Validate(Recipe recipe, TOptions options, OptionErrors errors)
    {
    }

    public abstract IReadOnlyList<StageInput> Reads(Recipe recipe);

    public virtual void Prepare(Recipe recipe)
    {
    }

    public abstract StagePlan Plan(StagePlanning planning);

    public abstract StageSummary Run(StageContext context);

    public abstract StageReport Report { get; }

    /// <summary>Prompts to answer, and held-out ones.</summary>
    protected static IReadOnlyList<StageInput> Prompts(string reader) =>
        [new(nameof(DataOptions.Prompts), reader), new(nameof(DataOptions.EvaluationPrompts), reader, IsOptional: true)];
}
