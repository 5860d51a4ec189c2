using System.Collections.Concurrent;
using System.Reflection;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>How option records and recipe keys belong together: every property that can be set is a key, in snake case.</summary>
internal static class RecipeKeys
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<RecipeKey>> Known = new();

    /// <summary>The keys of an options record, the base record's first, in the order of declaration.</summary>
    public static IReadOnlyList<RecipeKey> Of(Type options) => Known.GetOrAdd(options, type => type
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.SetMethod is not null && property.GetMethod is not null)
        .OrderBy(property => DepthOf(property.DeclaringType!))
        .ThenBy(property => property.MetadataToken)
        .Select(property => new RecipeKey(SnakeCase.From(property.Name), property))
        .ToArray());

    /// <summary>Where in a recipe there is a key of this name, as full paths.</summary>
    public static IEnumerable<string> PathsOf(string name) => Below(typeof(Recipe), "").Where(path => path.EndsWith("." + name, StringComparison.Ordinal));

    private static IEnumerable<string> Below(Type options, string path) => Of(options).SelectMany(key =>
        IsOptions(key.ValueType) ? Below(key.ValueType, $"{path}{key.Name}.").Prepend(path + key.Name) : [path + key.Name]);

    /// <summary>Whether a type is an options record, whose keys stand one level deeper.</summary>
    public static bool IsOptions(Type type) =>
        type is { IsClass: true, IsAbstract: false } && type != typeof(string)
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
internal sealed record RecipeKey(string Name, PropertyInfo Property)
{
    private static readonly NullabilityInfoContext Nullability = new();

    /// <summary>The type of the value, without its question mark.</summary>
    public Type ValueType { get; } = Nullable.GetUnderlyingType(Property.PropertyType) ?? Property.PropertyType;

    /// <summary>Whether <c>none</c> is a value of this key.</summary>
    public bool MayBeNone { get; } = Nullable.GetUnderlyingType(Property.PropertyType) is not null || IsNullableReference(Property);

    private static bool IsNullableReference(PropertyInfo property)
    {
        lock (Nullability)
        {
            return !property.PropertyType.IsValueType && Nullability.Create(property).ReadState == NullabilityState.Nullable;
        }
    }
}
