using Rlhf.Compute;
using Rlhf.Data;
using Rlhf.Stages;
using Rlhf.Text.Templates;

namespace Rlhf.Runs;

/// <summary>What must hold between the parts of a recipe: every stage finds what it needs, everything that is given is used.</summary>
internal static class RecipeValidation
{
    public static void Validate(Recipe recipe, OptionErrors errors)
    {
        errors.Require(recipe.Sections.Count > 0, "", $"the recipe has no stage; add one of {StageList.Names}");
        errors.Within(recipe.Rounds, 1, 1000, nameof(recipe.Rounds));
        errors.Require(
            recipe.Device is null || Devices.Names.Contains(recipe.Device), nameof(recipe.Device),
            $"there is no device '{recipe.Device}'; there is {string.Join(", ", Devices.Names)}");
        recipe.Base.Validate(errors.Below(nameof(recipe.Base)));
        ValidateFormat(recipe.Format, errors.Below(nameof(recipe.Format)));
        recipe.Save.Validate(errors.Below(nameof(recipe.Save)));
        ValidateData(recipe, errors.Below(nameof(recipe.Data)));
        ValidateRounds(recipe, errors);
        foreach (var section in recipe.Sections)
        {
            section.Stage.Validate(recipe, errors);
        }
    }

    // What one round hands to the next: a policy that samples, what was ranked, and what learned from it.
    private static void ValidateRounds(Recipe recipe, OptionErrors errors)
    {
        IStage[] stages = [.. recipe.Sections.Select(static section => section.Stage)];
        errors.Require(
            recipe.Rounds == 1 || Array.Exists(stages, static stage => stage.SamplesPolicy)
            || (Array.Exists(stages, static stage => stage.Makes == StageProduct.Rankings)
                && Array.Exists(stages, static stage => stage.LearnsFromRankings)
                && Array.Exists(stages, static stage => stage.Makes == StageProduct.Policy)), nameof(recipe.Rounds),
            "above 1 repeats collect, reward and ppo, or collect and dpo, and the recipe must have all of them; or rejection, or distill");
        string[] policies = [.. stages.Where(static stage => stage.Makes == StageProduct.Policy).Select(static stage => stage.Name)];
        errors.Require(recipe.Rounds == 1 || policies.Length < 2, nameof(recipe.Rounds),
            $"above 1 needs one policy that the next round samples, and {string.Join(" and ", policies)} make one each");
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
        errors.Require(
            format.Date is null || FixedDate.Parse(format.Date) is not null, nameof(format.Date), $"expected a day as {FixedDate.Form}, found '{format.Date}'");
    }

    private static void ValidateSplit(string key, DataSource source, OptionErrors errors)
    {
        if (key == nameof(DataOptions.EvaluationPrompts))
        {
            foreach (var name in (string[])[nameof(source.HeldOut), nameof(source.SplitBy), nameof(source.SplitSeed), nameof(source.HeldOutLimit)])
            {
                errors.NoEffect(false, name, "here, where all prompts are held out");
            }

            return;
        }

        errors.Below(source.HeldOut.Share, 0, 1, nameof(source.HeldOut));
        errors.Require(source.HeldOut.Names.Count == 0 || source.SplitBy is not null, nameof(source.HeldOut),
            "names values of a field: say which with split_by, or write a share of the prompts, as 0.1");
        errors.Require(source.HeldOutLimit is null or > 0, nameof(source.HeldOutLimit), "must be above 0, or none");
        errors.NoEffect(source.HeldOut.HoldsAny, nameof(source.HeldOutLimit), "where nothing is held out");
        errors.NoEffect(source.HeldOut.Share > 0, nameof(source.SplitSeed), "where no share is held out");

        // Of comparisons and prompts the second reward model leaves out groups too.
        errors.NoEffect(source.HeldOut.HoldsAny || key is nameof(DataOptions.Comparisons) or nameof(DataOptions.Prompts), nameof(source.SplitBy),
            "where nothing is held out");
    }

    private static void ValidateData(Recipe recipe, OptionErrors errors)
    {
        foreach (var (key, source) in recipe.Data.Given())
        {
            var below = errors.Below(key);
            var builtIn = recipe.Data.Quickstart is not null && key is not (nameof(DataOptions.Comparisons) or nameof(DataOptions.Labeled));
            below.Require(source.Path.Count > 0 || builtIn, nameof(source.Path), "is missing: a file, a glob, or a list of them");
            ValidateSplit(key, source, below);
            below.Require(source.Limit is null or > 0, nameof(source.Limit), "must be above 0, or none");
            below.NoEffect(key == nameof(DataOptions.Demonstrations), nameof(source.Take), "here, only on data.demonstrations");
            if (source.Format is not null)
            {
                ValidateFormat(source.Format, below.Below(nameof(source.Format)));
            }
        }

        recipe.Data.Quickstart?.Validate(errors.Below(nameof(DataOptions.Quickstart)));
        errors.NoEffect(
            recipe.Data.Given().Any(entry => entry.Source.Path.Count == 0), nameof(DataOptions.Quickstart), "where every source has a path of its own");
        errors.Require(recipe.Data is not { EvaluationPrompts: not null, Prompts.HeldOut.HoldsAny: true }, nameof(DataOptions.EvaluationPrompts),
            "stands beside prompts.held_out; hold out one way only");
        errors.NoEffect(recipe.Data.Prompts is not null, nameof(DataOptions.EvaluationPrompts), "without prompts");
        var reads = recipe.Sections.SelectMany(section => section.Stage.Reads(recipe)).Where(static input => input.Folder is null)
            .ToLookup(static input => input.Key);
        foreach (var (key, source) in recipe.Data.All().Where(static entry => entry.Key != nameof(DataOptions.EvaluationPrompts)))
        {
            string[] users = [.. reads[key].Where(static input => !input.IsOptional).Select(static input => input.Reader)];
            errors.Require(source is not null || users.Length == 0, key, $"is missing; {string.Join(", ", users)} needs it");
            errors.NoEffect(reads[key].Any(), key, "in this recipe: no stage reads it");
        }
    }
}
