using System.Globalization;
using Rlhf.Data;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>Fills option records from recipe nodes; remembers where every key stood, collects all errors.</summary>
internal sealed class RecipeBinder
{
    private const int MostNamed = 10;
    private const string PresetKey = "preset"; // sets other keys, so it is bound before them, wherever it stands

    private readonly Dictionary<string, string> _origins = new(StringComparer.Ordinal);
    private readonly HashSet<string> _emptied = new(StringComparer.Ordinal);
    private readonly List<string> _errors = [];

    /// <summary>All errors, each with its place.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>The keys that were written down, as full paths. One that the command line sets to <c>none</c> asks for nothing, and is not among
    /// them.</summary>
    public IReadOnlySet<string> GivenKeys => _origins.Keys.Except(_emptied, StringComparer.Ordinal).ToHashSet(StringComparer.Ordinal);

    /// <summary>Where a key stands, or else the nearest key above it that was written down.</summary>
    public string OriginOf(string key)
    {
        for (var path = key; path.Length > 0; path = path.LastIndexOf('.') is > 0 and var dot ? path[..dot] : "")
        {
            if (_origins.TryGetValue(path, out var origin))
            {
                return origin;
            }
        }

        return _origins.GetValueOrDefault("", "");
    }

    /// <summary>Sets the properties of <paramref name="options"/> that <paramref name="node"/> names.</summary>
    public void Bind(object options, RecipeNode node, string path = "")
    {
        _origins.TryAdd(path, node.Origin);
        if (node is not RecipeMapping mapping)
        {
            _errors.Add(node is RecipeScalar { Quoted: false, Text: "" }
                ? $"{node.Origin}: {Shown(path)} is empty; write {{}} for its defaults"
                : $"{node.Origin}: expected keys below {Shown(path)}, found {Describe(node)}");
            return;
        }

        var keys = RecipeKeys.Of(options.GetType());
        foreach (var entry in mapping.Entries.OrderBy(static entry => entry.Key == PresetKey ? 0 : 1))
        {
            var full = path.Length == 0 ? entry.Key : $"{path}.{entry.Key}";
            if (keys.FirstOrDefault(key => key.Name == entry.Key) is { } found)
            {
                _origins[full] = entry.Origin;
                BindProperty(options, found, entry.Value, full);
            }
            else
            {
                _errors.Add($"{entry.Origin}: unknown key '{full}'{Suggestion(entry.Key, [.. keys.Select(key => key.Name)])}");
            }
        }
    }

    private static string Suggestion(string key, string[] names)
    {
        if (KnownWords.Find(key) is { } advice)
        {
            return $": {advice}";
        }

        if (NearestName.Of(key, names) is { } nearest)
        {
            return $"; did you mean '{nearest}'?";
        }

        if (RecipeKeys.PathsOf(key).Take(MostNamed).ToArray() is { Length: > 0 } elsewhere)
        {
            return $"; there is {string.Join(", ", elsewhere)}";
        }

        return names.Length <= MostNamed
            ? $"; the keys here are {string.Join(", ", names)}"
            : $"; of the {names.Length} keys here the nearest are {string.Join(", ", NearestName.InOrder(key, names).Take(MostNamed))} ('rlhf recipe' prints all)";
    }

    private void BindProperty(object options, RecipeKey key, RecipeNode node, string path)
    {
        if (key.MayBeNone && node is RecipeScalar { Quoted: false, Text: "none" or "null" or "~" })
        {
            key.Set(options, null);
            if (RecipeOverride.IsOverride(node.Origin))
            {
                _emptied.Add(path);
            }
        }
        else if (RecipeKeys.IsOptions(key.ValueType))
        {
            var inner = key.ValueOf(options) ?? Activator.CreateInstance(key.ValueType)!;
            Bind(inner, node, path);
            key.Set(options, inner);
        }
        else if (RecipeKeys.ItemOf(key.ValueType) is { } item && node is RecipeSequence list)
        {
            var items = Array.CreateInstance(item, list.Items.Count);
            foreach (var (i, part) in list.Items.Index())
            {
                var inner = Activator.CreateInstance(item)!;
                Bind(inner, part, FormattableString.Invariant($"{path}[{i}]"));
                items.SetValue(inner, i);
            }

            key.Set(options, items);
        }
        else if (RecipeKeys.ItemOf(key.ValueType) is null && Convert(key.ValueType, node) is { } value)
        {
            key.Set(options, value);
        }
        else
        {
            var found = node is RecipeScalar { Quoted: false, Text: "" } ? "nothing" : Describe(node);
            _errors.Add(
                $"{node.Origin}: {path}: expected {Expectation(key.ValueType)}{(key.MayBeNone ? " or none" : "")}, found {found}{WordSuggestion(key.ValueType, node)}");
        }
    }

    private static object? Convert(Type type, RecipeNode node)
    {
        if (type == typeof(IReadOnlyList<string>))
        {
            return ConvertList(node);
        }

        if (type == typeof(IReadOnlyList<double>))
        {
            return ConvertNumbers(node);
        }

        if (type == typeof(IReadOnlyDictionary<string, string>))
        {
            return ConvertDictionary(node);
        }

        if (type == typeof(HeldOutRule))
        {
            return node is RecipeScalar { Quoted: false } share && ConvertNumber(share.Text, out var number) ? (HeldOutRule)number
                : ConvertList(node) is { } names ? HeldOutRule.Of(names) : null;
        }

        if (node is not RecipeScalar scalar)
        {
            return null;
        }

        if (type == typeof(string))
        {
            return scalar.Text.Length == 0 && !scalar.Quoted ? null : scalar.Text;
        }

        return scalar.Quoted ? null : ConvertPlain(type, scalar.Text);
    }

    private static object? ConvertPlain(Type type, string text)
    {
        const NumberStyles Whole = NumberStyles.AllowLeadingSign;
        var culture = CultureInfo.InvariantCulture;
        if (RecipeWord.Of(type) is { Count: > 0 } words)
        {
            return words.FirstOrDefault(word => word.Name == text.Replace('-', '_'))?.Value;
        }

        return Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean => text switch { "true" => true, "false" => false, _ => null },
            TypeCode.Int32 => int.TryParse(text, Whole, culture, out var value) ? value : null,
            TypeCode.Int64 => long.TryParse(text, Whole, culture, out var value) ? value : null,
            TypeCode.UInt64 => ulong.TryParse(text, NumberStyles.None, culture, out var value) ? value : null,
            TypeCode.Double => ConvertNumber(text, out var value) ? value : null,
            TypeCode.Single => ConvertNumber(text, out var value) ? (float)value : null,
            _ => throw new NotSupportedException($"Recipes cannot hold a {type}."),
        };
    }

    private static bool ConvertNumber(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static string[]? ConvertList(RecipeNode node) => node switch
    {
        RecipeScalar { Text.Length: > 0 } one => [one.Text],
        RecipeSequence list when list.Items.All(
            item => item is RecipeScalar { Text.Length: > 0 }) => [.. list.Items.Cast<RecipeScalar>().Select(item => item.Text)],
        _ => null,
    };

    private static double[]? ConvertNumbers(RecipeNode node)
    {
        var numbers =
            (node as RecipeSequence)?.Items.Select(
                item => item is RecipeScalar { Quoted: false } scalar && ConvertNumber(scalar.Text, out var value) ? value : double.NaN).ToArray();
        return numbers?.Contains(double.NaN) == false ? numbers : null;
    }

    private static Dictionary<string, string>? ConvertDictionary(RecipeNode node) =>
        node is RecipeMapping mapping && mapping.Entries.All(entry => entry.Value is RecipeScalar { Text.Length: > 0 })
            ? mapping.Entries.ToDictionary(entry => entry.Key, entry => ((RecipeScalar)entry.Value).Text, StringComparer.Ordinal)
            : null;

    private static string Expectation(Type type)
    {
        if (RecipeWord.Of(type) is { Count: > 0 } words)
        {
            return $"one of {string.Join(", ", words.Select(word => word.Name))}";
        }

        return RecipeKeys.ItemOf(type) is not null ? "a list of keys with values, [{...}, {...}]"
            : type == typeof(IReadOnlyList<string>) ? "a text or a list of texts"
            : type == typeof(IReadOnlyList<double>) ? "a list of numbers"
            : type == typeof(IReadOnlyDictionary<string, string>) ? "names with texts, {ours: theirs}"
            : type == typeof(HeldOutRule) ? "a share, as 0.1, or a list of names"
            : Type.GetTypeCode(type) switch
            {
                TypeCode.Boolean => "true or false",
                TypeCode.Int32 or TypeCode.Int64 => "a whole number",
                TypeCode.UInt64 => "a whole number, 0 or above",
                TypeCode.Double or TypeCode.Single => "a number",
                _ => "a text",
            };
    }

    private static string WordSuggestion(Type type, RecipeNode node) =>
        RecipeWord.Of(type) is not { Count: > 0 } words || node is not RecipeScalar scalar ? ""
            : KnownWords.Find(scalar.Text) is { } advice ? $": {advice}"
            : NearestName.Of(scalar.Text, words.Select(word => word.Name)) is { } nearest ? $"; did you mean '{nearest}'?"
            : "";

    private static string Describe(RecipeNode node) => node switch
    {
        RecipeScalar { Quoted: true } text => $"the text \"{text.Text}\"",
        RecipeScalar scalar => $"'{scalar.Text}'",
        RecipeSequence => "a list",
        _ => "keys",
    };

    private static string Shown(string path) => path.Length == 0 ? "the recipe" : $"'{path}'";
}
