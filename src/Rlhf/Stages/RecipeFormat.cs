using System.Globalization;
using Rlhf.Data;
using Rlhf.Model.Checkpoints;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>Settles what a recipe leaves open about its format: which form <c>auto</c> is, and the day that templates write.</summary>
public static class RecipeFormat
{
    /// <summary>The recipe with formats that no later day and no other folder changes.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="today">The day for templates that write the date, where the recipe gives none.</param>
    /// <exception cref="InputException">The base model's tokenizer cannot be read.</exception>
    public static Recipe Settle(Recipe recipe, DateOnly today)
    {
        var folder = recipe.Base.Model ?? recipe.Base.Tokenizer;
        var model = folder is null ? null : Checkpoint.Open(folder);
        FormatOptions Settled(FormatOptions options) =>
            WithDate(model?.Resolve(options) ?? FormatFile.Resolve(options, own: null, tokenizer: null), today);
        DataSource SettledSource(DataSource source) => source.Format is { } format ? source with { Format = Settled(format) } : source;
        return recipe with
        {
            Format = Settled(recipe.Format),
            Data = recipe.Data.Each(SettledSource),
        };
    }

    /// <summary>What the settled format is and where it comes from, for people.</summary>
    public static string Describe(Recipe asked, Recipe settled)
    {
        var name = SnakeCase.Of(settled.Format.Template);
        var folder = settled.Base.Model ?? settled.Base.Tokenizer;
        return asked.Format.Template != FormatTemplate.Auto ? $"format: {name}, as the recipe says"
            : folder is not null && Checkpoint.Open(folder).WrittenFormat is not null ? $"format: {name}, from {FormatFile.Name} in {folder}"
            : settled.Format.Template == FormatTemplate.Tokenizer ? $"format: tokenizer, the chat template in {folder}"
            : "format: plain, since the base model names no format and has no chat template";
    }

    private static FormatOptions WithDate(FormatOptions options, DateOnly today) =>
        options.Template == FormatTemplate.Tokenizer && options.Date is null
            ? options with { Date = today.ToString(FixedDate.Form, CultureInfo.InvariantCulture) }
            : options;
}
