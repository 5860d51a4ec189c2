using Rlhf.Model.Checkpoints;


namespace Rlhf.Stages;

/// <summary>A model that a stage reads.</summary>
/// <param name="Source">The stage that made it (<c>01-sft</c>), <c>base</c>, or a folder.</param>
/// <param name="Folder">Where it is.</param>
public sealed record ModelPlace(string Source, string Folder)
{
    /// <summary>Opens it.</summary>
    public Checkpoint Open() => Checkpoint.Open(Folder);
}

/// <summary>Which model stands where, seen from one stage: all of it follows from the recipe.</summary>
public sealed class ModelLineage
{
    /// <summary>The folder of a second reward model, beside a reward stage's <c>model/</c>.</summary>
    public const string SecondModel = "second_model";

    private readonly Recipe _recipe;
    private readonly RunFolder _run;
    private readonly StageStep _step;
    private readonly IReadOnlyList<StageStep> _before;

    internal ModelLineage(Recipe recipe, RunFolder run, StageStep step)
    {
        (_recipe, _run, _step) = (recipe, run, step);
        _before = [.. StageStep.Of(recipe).Where(other => other.Number < step.Number)];
    }

    /// <summary>The base model: the recipe's folder, or the one made from scratch in this run.</summary>
    public ModelPlace Base => new("base", BaseModel.FolderOf(_recipe, _run));

    /// <summary>The model that supervised training (so far) ended with: what SFT starts from, the reward model starts from and PPO is held to.</summary>
    public ModelPlace Supervised => Last(StageProduct.SupervisedModel) ?? Base;

    /// <summary>The newest policy: the last round's, or the supervised model.</summary>
    public ModelPlace Policy => Last(StageProduct.Policy) ?? Supervised;

    /// <summary>What a stage's policy starts from.</summary>
    public ModelPlace PolicyStart(RoundStart start) => start == RoundStart.Previous ? Policy : Supervised;

    /// <summary>What a reward model starts from: its namesake of the round before, where there is one and it is asked for.</summary>
    /// <param name="start">What is asked for.</param>
    /// <param name="second">Whether it is the check model beside the first.</param>
    public ModelPlace RewardStart(RoundStart start, bool second) =>
        start == RoundStart.Previous && Reward is { } before ? (second ? SecondReward : before) : Supervised;

    /// <summary>The newest reward model; null before there is one.</summary>
    public ModelPlace? Reward => Last(StageProduct.RewardModel);

    /// <summary>The check model beside the newest reward model, where its stage made one.</summary>
    public ModelPlace SecondReward => LastStep(StageProduct.RewardModel) is { } reward
        ? new ModelPlace($"{reward.Name}/{SecondModel}", Path.Combine(_run.StageFolder(reward), SecondModel))
        : throw new InvalidOperationException("No reward model was made.");

    /// <summary>The stages before this one that ranked answers, oldest first, with their folders.</summary>
    public IReadOnlyList<(StageStep Stage, string Folder)> Rankings =>
        [.. _before.Where(static other => other.Stage.Makes == StageProduct.Rankings).Select(other => (other, _run.StageFolder(other)))];

    private StageStep? LastStep(StageProduct product) => _before.LastOrDefault(other => other.Stage.Makes == product);

    private ModelPlace? Last(StageProduct product) => LastStep(product) is { } made ? new ModelPlace(made.Name, _run.ModelFolder(made)) : null;
}
