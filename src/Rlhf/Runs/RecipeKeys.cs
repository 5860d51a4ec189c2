using System.Collections.Concurrent;
using System.Reflection;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>How option records and recipe keys belong together: every property that can be set is a key, in snake case.</summary>
internal static class RecipeKeys
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<RecipeKey>> Known = new();

    /// <summary>The keys of an options record, the base record's first, in the order of declaration.</summary>
    public static IReadOnlyList<RecipeKey> Of(Type options) => Known.GetOrAdd(options, type =>
    [
        .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is not null && property.GetMethod is not null)
            .OrderBy(property => DepthOf(property.DeclaringType!))
            .ThenBy(property => property.MetadataToken)
            .Select(property => new PropertyKey(property)),
        .. type == typeof(Recipe) ? StageList.All.Select(stage => new StageKey(stage)) : [],
    ]);

    /// <summary>Where in a recipe there is a key of this name, as full paths.</summary>
    public static IEnumerable<string> PathsOf(string name) => Below(typeof(Recipe), "").Where(path => path.EndsWith("." + name, StringComparison.Ordinal));

    private static IEnumerable<string> Below(Type options, string path) => Of(options).SelectMany(key =>
        IsOptions(key.ValueType) ? Below(key.ValueType, $"{path}{key.Name}.").Prepend(path + key.Name)
            : ItemOf(key.ValueType) is { } item ? Below(item, $"{path}{key.Name}[].").Prepend(path + key.Name)
            : [path + key.Name]);

    /// <summary>The options record of which a type is a list; null for other types.</summary>
    public static Type? ItemOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) && type.GetGenericArguments()[0] is var item && IsOptions(item)
            ? item
            : null;

    /// <summary>Whether a type is an options record, whose keys stand one level deeper.</summary>
    public static bool IsOptions(Type type) =>
        type is { IsClass: true, IsAbstract: false } && type != typeof(string) && RecipeWord.Of(type).Count == 0
        && type.Namespace?.StartsWith("Rlhf", StringComparison.Ordinal) == true && type.GetConstructor(Type.EmptyTypes) is not null;

    private static int DepthOf(Type type)
    {
        var depth = 0;
        for (var above = type.BaseType; above is not null; above = above.BaseType)
        {
            depth++;
        }

        return depth;
    }
}

/// <summary>One key of an options record.</summary>
/// <param name="Name">As it is written.</param>
/// <param name="ValueType">The type of the value, without its question mark.</param>
/// <param name="MayBeNone">Whether <c>none</c> is a value of this key.</param>
internal abstract record RecipeKey(string Name, Type ValueType, bool MayBeNone)
{
    /// <summary>The value; null where there is none.</summary>
    public abstract object? ValueOf(object options);

    /// <summary>Sets the value.</summary>
    public abstract void Set(object options, object? value);

    /// <summary>What the key means (Markdown).</summary>
    public abstract string MeaningIn(OptionTexts texts);
}

/// <summary>A key that is a property.</summary>
internal sealed record PropertyKey(PropertyInfo Property) : RecipeKey(
    SnakeCase.From(Property.Name), Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType,
    Nullable.GetUnderlyingType(Property.PropertyType) is not null || IsNullableReference(Property))
{
    private static readonly NullabilityInfoContext Nullability = new();

    public override object? ValueOf(object options) => Property.GetValue(options);

    public override void Set(object options, object? value) => Property.SetValue(options, value);

    public override string MeaningIn(OptionTexts texts) => texts.Of(Property);

    private static bool IsNullableReference(PropertyInfo property)
    {
        lock (Nullability)
        {
            return !property.PropertyType.IsValueType && Nullability.Create(property).ReadState == NullabilityState.Nullable;
        }
    }
}

/// <summary>A key of a recipe that is the section of a stage.</summary>
internal sealed record StageKey(IStage Stage) : RecipeKey(Stage.Name, Stage.OptionsType, MayBeNone: true)
{
    public override object? ValueOf(object options) => ((Recipe)options).Sections.FirstOrDefault(section => section.Stage == Stage)?.Options;

    public override void Set(object options, object? value)
    {
        var recipe = (Recipe)options;
        recipe.Sections =
        [
            .. from stage in StageList.All
            let own = stage == Stage ? value : new StageKey(stage).ValueOf(recipe)
            where own is not null
            select new StageSection(stage, own),
        ];
    }

    public override string MeaningIn(OptionTexts texts) => Stage.Summary;
}
