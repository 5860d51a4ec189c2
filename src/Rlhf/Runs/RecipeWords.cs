using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Model.Families;

namespace Rlhf.Runs;

/// <summary>One of the words that a key takes.</summary>
/// <param name="Name">As in a recipe.</param>
/// <param name="Value">What the option is set to.</param>
internal sealed record RecipeWord(string Name, object Value)
{
    /// <summary>The words of a type of option: an enum's members in snake case, the families, or the rules; empty for other types.</summary>
    public static IReadOnlyList<RecipeWord> Of(Type type) =>
        type.IsEnum ? [.. Enum.GetValues(type).Cast<Enum>().Select(value => new RecipeWord(SnakeCase.Of(value), value))]
            : typeof(ModelFamily).IsAssignableFrom(type) ? [.. ModelFamilies.All.Select(family => new RecipeWord(family.Name, family))]
            : typeof(RewardRule).IsAssignableFrom(type) ? [.. RewardRules.All.Select(rule => new RecipeWord(rule.Name, rule))]
            : [];

    /// <summary>The word for a value.</summary>
    public static RecipeWord? For(object value) => Of(value.GetType()).FirstOrDefault(word => word.Value.Equals(value));
}
