using System.Reflection;

namespace Rlhf.Core;

/// <summary>
/// Every metric of the program: the static fields of all classes whose names end in <c>Metrics</c>, each in the folder of what logs it. Nothing else can be
/// logged.
/// </summary>
public static class MetricCatalogue
{
    private static readonly Dictionary<string, Metric> ByKey = Collect<Metric>().ToDictionary(static metric => metric.Key, StringComparer.Ordinal);

    private static readonly MetricFamily[] Families = [.. Collect<MetricFamily>()];

    private static readonly Dictionary<string, int> Places =
        ByKey.Keys.Index().ToDictionary(static one => one.Item, static one => one.Index, StringComparer.Ordinal);

    /// <summary>All metrics.</summary>
    public static IReadOnlyCollection<Metric> All => ByKey.Values;

    /// <summary>The metric of a key; one with blanks for underscores and no meaning where a run of another version has logged what this one does not
    /// know.</summary>
    public static Metric Of(string key) => ByKey.GetValueOrDefault(key) ?? OfFamily(key) ?? new Metric(key, key.Replace('_', ' '), "");

    /// <summary>Its place among all metrics; those that are not known come last.</summary>
    public static int PlaceOf(Metric metric) => Places.GetValueOrDefault(metric.Key, int.MaxValue);

    /// <summary>Whether a metric is known.</summary>
    public static bool Contains(Metric metric) => ByKey.ContainsKey(metric.Key) || OfFamily(metric.Key) is not null;

    private static Metric? OfFamily(string key) =>
        Array.Find(Families, family => key.StartsWith(family.Prefix, StringComparison.Ordinal)) is { } family ? family.Of(key[family.Prefix.Length..]) : null;

    private static IEnumerable<T> Collect<T>() where T : class
    {
        var fields =
            from type in typeof(MetricCatalogue).Assembly.GetTypes()
            where type.IsAbstract && type.IsSealed && type.Name.EndsWith("Metrics", StringComparison.Ordinal)
            from field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            orderby field.MetadataToken
            select field.GetValue(null);
        return fields.SelectMany(static value => value switch { T metric => [metric], IEnumerable<T> metrics => metrics, _ => Array.Empty<T>() });
    }
}
