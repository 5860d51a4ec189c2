using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text;

namespace Rlhf.Stages;

/// <summary>What stages with a list of rewards have in common: its models, its inputs, what must hold beside the rest of the recipe.</summary>
internal static class StageRewards
{
    /// <summary>The list with every path made absolute by <paramref name="full"/>.</summary>
    public static IReadOnlyList<RewardSourceOptions> WithFullPaths(IReadOnlyList<RewardSourceOptions> sources, Func<string, string> full) =>
        [.. sources.Select(source => source.WithFullPaths(full))];

    /// <summary>The folders of models that a list names.</summary>
    public static IEnumerable<StageInput> Reads(IRewardList list, string section) =>
        list.Rewards.Index().Where(static source => source.Item.HasModelFolder)
            .Select(source => new StageInput($"{section}.rewards[{source.Index}].model", section, source.Item.Model, Scores: true));

    /// <summary>Looks for the keys of judges before anything begins.</summary>
    /// <exception cref="InputException">One is not there.</exception>
    public static void Prepare(IRewardList list, string section)
    {
        foreach (var (i, source) in list.Rewards.Index())
        {
            _ = source.Judge?.ReadApiKey($"{section}.rewards[{i}].judge");
        }
    }

    /// <summary>Adds what is wrong between a list and the rest of the recipe.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="list">The list.</param>
    /// <param name="own">Errors of the section.</param>
    public static void Validate(Recipe recipe, IRewardList list, OptionErrors own)
    {
        var trains = TrainsReward(recipe);
        var reads = list.Rewards.Any(static source => source.Model == RewardSourceOptions.TrainedModel);
        own.Require(trains || !reads, nameof(list.Rewards), "names the model that is trained, and the recipe has no reward stage; write the model's folder");
        own.Require(!trains || reads || list.Rewards.Count == 0, nameof(list.Rewards),
            "leaves out the reward model that this recipe trains: add {model: trained}, or take the reward stage away");
    }

    /// <summary>How many reward models read an answer; with an empty list that of the recipe's own stage alone.</summary>
    public static int ModelsOf(IRewardList list) => list.Rewards.Count == 0 ? 1 : list.Rewards.Count(static source => source.Model is not null);

    /// <summary>Whether the recipe trains a reward model.</summary>
    public static bool TrainsReward(Recipe recipe) => recipe.Sections.Any(static section => section.Stage.Makes == StageProduct.RewardModel);

    /// <summary>Where a source's model is; null where it is none.</summary>
    public static ModelPlace? PlaceOf(StageContext context, RewardSourceOptions source) => source.Model switch
    {
        null => null,
        RewardSourceOptions.TrainedModel => context.Models.Reward ?? throw new InvalidOperationException("No reward model was made."),
        var folder => new ModelPlace(folder, folder),
    };

    /// <summary>The sources at work; with an empty list the reward model of the recipe's own stage.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="stored">Loads models.</param>
    /// <param name="list">The list.</param>
    /// <param name="tokenizer">Of the model that answers.</param>
    /// <param name="rowBudget">Tokens that go through a model at once.</param>
    /// <param name="arena">Memory for activations that others use in turn; null for memory of its own.</param>
    /// <exception cref="InputException">A model is none that scores, or reads other tokens; a judge's key is not there.</exception>
    public static AnswerRewards Open(
        StageContext context, StageModels stored, IRewardList list, Tokenizer tokenizer, int rowBudget, Arena? arena = null)
    {
        IGrader Model(RewardSourceOptions source)
        {
            var place = PlaceOf(context, source)!;
            var model = OpenReward(place);
            return model.Tokenizer.HasSameVocabulary(tokenizer)
                ? new ModelGrader(stored.Frozen(model, HeadKind.Scalar, shifted: true), rowBudget, arena, isOwner: true)
                : throw new InputException(
                    $"{place.Folder}: this reward model has another vocabulary than the model that answers, and it would read other texts than were written");
        }

        return list.Rewards.Count > 0
            ? RewardList.Open(list, context.Step.Stage.Name, context.Folder, Model)
            : new AnswerRewards([new RewardSource("reward_model", 1, RewardNormalization.None,
                Model(new RewardSourceOptions { Model = RewardSourceOptions.TrainedModel }))]);
    }

    /// <summary>A reward model.</summary>
    /// <exception cref="InputException">It has no scalar head.</exception>
    public static Checkpoint OpenReward(ModelPlace place)
    {
        var model = place.Open();
        return model.Score is not null
            ? model
            : throw new InputException($"{place.Folder}: this model has no scalar head, so it is not a reward model");
    }

    /// <summary>The sources for a summary: models with their hashes, others by what they are.</summary>
    public static IEnumerable<ModelLink> Links(StageContext context, IRewardList list) => list.Rewards.Select(source =>
        PlaceOf(context, source) is { } place
            ? StageTools.LinkTo(place, source.ShownName)
            : new ModelLink(source.ShownName, source.Rule?.Name ?? (source.Judge is { } judge ? $"judge {judge.Model}" : string.Join(' ', source.Program))));

    /// <summary>What a prompt is for graders.</summary>
    public static GradedPrompt PromptOf(PromptRecord record) => new(record.Id, record.Prompt.Text, record.References);

    /// <summary>What sources say of themselves; figures of one name are added up.</summary>
    public static void AddTo(FigureTable figures, AnswerRewards rewards)
    {
        foreach (var (key, figure) in rewards.Sources.SelectMany(static source => source.Grader.Figures))
        {
            figures[key] = figures.TryGetValue(key, out var before) ? figure with { Value = figure.Value + before.Value } : figure;
        }
    }
}
