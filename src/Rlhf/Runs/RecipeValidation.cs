using Rlhf.Data;
using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Pretrain;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Runs;

/// <summary>What must hold between the parts of a recipe: every stage finds what it needs, everything that is given is used.</summary>
internal static class RecipeValidation
{
    public static void Validate(Recipe recipe, OptionErrors errors)
    {
        errors.Require(recipe.StageOrder.Count > 0, "", "the recipe has no stage; add one of pretrain, sft, collect, reward, ppo");
        errors.Within(recipe.Rounds, 1, 1000, nameof(recipe.Rounds));
        recipe.Base.Validate(errors.Below(nameof(recipe.Base)));
        ValidateFormat(recipe.Format, errors.Below(nameof(recipe.Format)));
        ValidateData(recipe, errors.Below(nameof(recipe.Data)));
        recipe.Pretrain?.Validate(errors.Below(nameof(recipe.Pretrain)));
        recipe.Sft?.Validate(errors.Below(nameof(recipe.Sft)));
        recipe.Collect?.Validate(errors.Below(nameof(recipe.Collect)));
        recipe.Reward?.Validate(errors.Below(nameof(recipe.Reward)));
        recipe.Ppo?.Validate(errors.Below(nameof(recipe.Ppo)));
        ValidateStages(recipe, errors);
    }

    private static void ValidateFormat(FormatOptions format, OptionErrors errors)
    {
        var custom = format.Template == FormatTemplate.Custom;
        errors.Require(!custom || format.Prompt is not null, nameof(format.Prompt), "template: custom needs the prompt's text here");
        errors.NoEffect(custom, nameof(format.Prompt), "without template: custom");
        errors.NoEffect(custom, nameof(format.Response), "without template: custom");
        var chat = format.Template is FormatTemplate.Auto or FormatTemplate.Tokenizer;
        errors.NoEffect(chat, nameof(format.Variables), "without a chat template of the model's folder");
        errors.NoEffect(chat, nameof(format.Date), "without a chat template of the model's folder");
        errors.Require(format.Date is null || FixedDate.Parse(format.Date) is not null, nameof(format.Date), $"expected a day as {FixedDate.Form}, found '{format.Date}'");
    }

    private static void ValidateData(Recipe recipe, OptionErrors errors)
    {
        foreach (var (key, source) in recipe.Data.Given())
        {
            var below = errors.Below(key);
            var builtIn = recipe.Data.Quickstart is not null && key != nameof(DataOptions.Comparisons);
            below.Require(source.Path.Count > 0 || builtIn, nameof(source.Path), "is missing: a file, a glob, or a list of them");
            below.Below(source.HeldOut, 0, 1, nameof(source.HeldOut));
            below.Require(source.Limit is null or > 0, nameof(source.Limit), "must be above 0, or none");
            below.NoEffect(key != nameof(DataOptions.EvaluationPrompts), nameof(source.HeldOut), "here, where all prompts are held out");
            below.NoEffect(key == nameof(DataOptions.Demonstrations), nameof(source.Take), "here, only on data.demonstrations");
            if (source.Format is not null)
            {
                ValidateFormat(source.Format, below.Below(nameof(source.Format)));
            }
        }

        Needs(recipe.Data.Demonstrations, nameof(DataOptions.Demonstrations), DemonstrationUsers(recipe), errors);
        recipe.Data.Quickstart?.Validate(errors.Below(nameof(DataOptions.Quickstart)));
        errors.NoEffect(recipe.Data.Given().Any(entry => entry.Source.Path.Count == 0), nameof(DataOptions.Quickstart), "where every source has a path of its own");
        errors.Require(recipe.Data is not { EvaluationPrompts: not null, Prompts.HeldOut: > 0 }, nameof(DataOptions.EvaluationPrompts),
            "stands beside prompts.held_out; hold out one way only");
        errors.NoEffect(recipe.Data.Prompts is not null, nameof(DataOptions.EvaluationPrompts), "without prompts");
        Needs(recipe.Data.Text, nameof(DataOptions.Text), TextUsers(recipe), errors);
        Needs(recipe.Data.Prompts, nameof(DataOptions.Prompts), PromptUsers(recipe), errors);
        var rankings = recipe.Data.Comparisons is not null || recipe.Collect is not null;
        errors.Require(recipe.Reward is null || rankings, nameof(DataOptions.Comparisons), "is missing; the reward stage needs it, or a collect stage before it");
        errors.NoEffect(recipe.Reward is not null, nameof(DataOptions.Comparisons), "without a reward stage");
    }

    private static void Needs(DataSource? source, string key, IReadOnlyList<string> users, OptionErrors errors)
    {
        errors.Require(source is not null || users.Count == 0, key, $"is missing; {string.Join(", ", users)} needs it");
        errors.NoEffect(users.Count > 0, key, "in this recipe: no stage reads it");
    }

    private static string[] DemonstrationUsers(Recipe recipe) => Users(
        (recipe.Sft is not null, "sft"),
        (recipe.Reward?.NormalizeOn == NormalizeOn.Demonstrations, "reward.normalize_on: demonstrations"));

    private static string[] TextUsers(Recipe recipe) => Users((recipe.Pretrain is not null, "pretrain"), (recipe.Ppo?.Ptx is not null, "ppo.ptx"));

    private static string[] PromptUsers(Recipe recipe) => Users(
        (recipe.Collect is not null, "collect"),
        (recipe.Ppo is not null, "ppo"),
        (recipe.Sft?.KeepBest == KeepBest.Reward, "sft.keep_best: reward"));

    private static string[] Users(params (bool Uses, string Name)[] users) => [.. users.Where(user => user.Uses).Select(user => user.Name)];

    private static void ValidateStages(Recipe recipe, OptionErrors errors)
    {
        var ppo = errors.Below(nameof(recipe.Ppo));
        errors.Require(recipe.Rounds == 1 || recipe is { Collect: not null, Reward: not null, Ppo: not null }, nameof(recipe.Rounds),
            "above 1 repeats collect, reward and ppo; the recipe must have all three");
        errors.Require(recipe.Collect is not { Labeler: null } || recipe.Reward is null, $"{nameof(recipe.Collect)}.{nameof(CollectOptions.Labeler)}",
            "is missing; the reward stage needs ranked answers: write people, judge, gold, or the folder of a reward model");
        errors.NoEffect(recipe.Collect is not null, $"{nameof(recipe.Reward)}.{nameof(RewardOptions.CollectedHeldOut)}", "without a collect stage");
        errors.NoEffect(recipe.Rounds > 1, $"{nameof(recipe.Reward)}.{nameof(RewardOptions.RoundWeights)}", "with one round");
        errors.Require(recipe.Reward is null || recipe.Reward.RoundWeights.Count <= recipe.Rounds, $"{nameof(recipe.Reward)}.{nameof(RewardOptions.RoundWeights)}",
            "has more weights than there are rounds");
        errors.NoEffect(recipe.Data.Demonstrations?.HeldOut > 0, $"{nameof(recipe.Sft)}.{nameof(SftOptions.EvaluateEvery)}", "without data.demonstrations.held_out");
        errors.Require(recipe.Sft is not { KeepBest: KeepBest.ValidationLoss } || recipe.Data.Demonstrations is null or { HeldOut: > 0 },
            $"{nameof(recipe.Sft)}.{nameof(SftOptions.KeepBest)}", "validation_loss needs data.demonstrations.held_out above 0; or write none to keep the last model");
        errors.NoEffect(recipe.Data.Text?.HeldOut > 0, $"{nameof(recipe.Pretrain)}.{nameof(PretrainOptions.EvaluateEvery)}", "without data.text.held_out");
        errors.Require(recipe.Pretrain is not { KeepBest: KeepBest.ValidationLoss } || recipe.Data.Text is null or { HeldOut: > 0 },
            $"{nameof(recipe.Pretrain)}.{nameof(PretrainOptions.KeepBest)}", "validation_loss needs data.text.held_out above 0; or write none to keep the last model");
        if (recipe.Ppo is not null)
        {
            errors.Require(recipe.Data.Prompts is null or { HeldOut: > 0 } || recipe.Data.EvaluationPrompts is not null, $"{nameof(recipe.Data)}.{nameof(DataOptions.Prompts)}.{nameof(DataSource.HeldOut)}",
                "must be above 0, or data.evaluation_prompts be given: ppo is judged on prompts that it does not see");
            ppo.Require(recipe.Reward is not null || recipe.Ppo.RewardModel is not null, nameof(PpoOptions.RewardModel),
                "is missing; ppo needs a reward stage before it or a reward model's folder here");
            ppo.NoEffect(recipe.Reward is null, nameof(PpoOptions.RewardModel), "beside the recipe's reward stage");
            ppo.NoEffect(recipe.Rounds > 1, nameof(PpoOptions.StartFrom), "with one round");
        }
    }
}
