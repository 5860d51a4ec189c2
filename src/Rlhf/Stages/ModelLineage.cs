using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;

namespace Rlhf.Stages;

/// <summary>A model that a stage reads.</summary>
/// <param name="Source">The stage that made it (<c>01-sft</c>), <c>base</c>, or a folder.</param>
/// <param name="Folder">Where it is.</param>
public sealed record ModelPlace(string Source, string Folder);

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
    public ModelPlace Supervised => Last(StageKind.Sft) ?? Last(StageKind.Pretrain) ?? Base;

    /// <summary>The newest policy: the last round's, or the supervised model.</summary>
    public ModelPlace Policy => Last(StageKind.Ppo) ?? Supervised;

    /// <summary>What this round's PPO starts from.</summary>
    public ModelPlace PpoStart => _recipe.Ppo?.StartFrom == PolicyStart.Previous ? Policy : Supervised;

    /// <summary>The newest reward model.</summary>
    public ModelPlace Reward => Last(StageKind.Reward) ?? new ModelPlace(_recipe.Ppo!.RewardModel!, _recipe.Ppo.RewardModel!);

    /// <summary>The check model beside the newest reward model; null without one.</summary>
    public ModelPlace? SecondReward => _recipe.Reward?.SecondModel is null || LastStep(StageKind.Reward) is not { } reward
        ? null
        : new ModelPlace($"{reward.Name}/{SecondModel}", Path.Combine(_run.StageFolder(reward), SecondModel));

    /// <summary>The rankings that collect stages before this one wrote, oldest first.</summary>
    public IReadOnlyList<(StageStep Stage, string File)> CollectedRankings =>
        [.. _before.Where(other => other.Kind == StageKind.Collect).Select(other => (other, Path.Combine(_run.StageFolder(other), RankingFile.Name)))];

    private StageStep? LastStep(StageKind kind) => _before.LastOrDefault(other => other.Kind == kind);

    private ModelPlace? Last(StageKind kind) => LastStep(kind) is { } made ? new ModelPlace(made.Name, _run.ModelFolder(made)) : null;
}
