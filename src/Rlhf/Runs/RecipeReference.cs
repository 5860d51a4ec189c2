using System.Globalization;
using System.Text;
using Rlhf.Data;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>
/// Writes <c>docs/recipe.md</c>: every key of a recipe with its type, its default and its meaning, from the option records themselves, so that the page cannot
/// say anything else than the code.
/// </summary>
public sealed class RecipeReference
{
    private const string Beginning = """
        # Recipe reference

        Every key of a recipe. This page is written by `./rlhf recipe > docs/recipe.md` from the option records in the code; do not edit it.

        - A recipe is YAML. An unknown key, a value of the wrong type and a key that nothing would read are errors with file, line and column.
        - A section that is absent is not done (`ppo`), or has its defaults (`format`). `{}` is a section with its defaults.
        - Relative paths are seen from the recipe's folder.
        - `none` leaves something out, where the default column or the text names it.
        - `--set a.b=value` changes one key on the command line; it may be given several times.
        - The run folder's `recipe.yaml` has every default written out.

        """;

    // Options that stand in several places and are the same in all of them.
    private static readonly Type[] Shared = [typeof(DataSource), typeof(FormatOptions), typeof(EncodingOptions)];

    private readonly OptionTexts _texts = OptionTexts.Load();
    private readonly StringBuilder _page = new(Beginning.ReplaceLineEndings("\n"));
    private readonly List<(string Key, Type Type)> _words = [];

    private RecipeReference()
    {
    }

    /// <summary>The page.</summary>
    public static string Write()
    {
        var reference = new RecipeReference();
        reference.WriteAll();
        return reference._page.ToString();
    }

    private void WriteAll()
    {
        var sections = RecipeKeys.Of(typeof(Recipe));
        WriteSection("The recipe", typeof(Recipe), isTop: true);
        foreach (var section in sections.Where(section => RecipeKeys.IsOptions(section.ValueType) && !Shared.Contains(section.ValueType)))
        {
            WriteSection($"`{section.Name}`", section.ValueType);
        }

        foreach (var type in Shared)
        {
            WriteSection(TitleOf(type), type);
        }

        _page.Append("\n## Words that keys take\n");
        foreach (var (key, type) in _words)
        {
            _page.Append(CultureInfo.InvariantCulture, $"\n`{key}`:\n\n");
            foreach (var word in RecipeWord.Of(type))
            {
                _page.Append(
                    CultureInfo.InvariantCulture, $"- `{word.Name}`: {(type.IsEnum ? _texts.Of(type, $"{word.Value}") : _texts.Of(word.Value.GetType()))}\n");
            }
        }
    }

    private void WriteSection(string title, Type type, bool isTop = false)
    {
        _page.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n{_texts.Of(type)}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        WriteKeys("", type, Activator.CreateInstance(type)!, isTop);
    }

    private void WriteKeys(string path, Type type, object defaults, bool isTop)
    {
        foreach (var key in RecipeKeys.Of(type))
        {
            var value = key.ValueOf(defaults);
            if (RecipeKeys.ItemOf(key.ValueType) is { } item)
            {
                WriteRow(path + key.Name, "list of keys below", "empty", key.MeaningIn(_texts));
                WriteKeys($"{path}{key.Name}[].", item, Activator.CreateInstance(item)!, isTop: false);
                continue;
            }

            if (!RecipeKeys.IsOptions(key.ValueType))
            {
                WriteRow(path + key.Name, TypeOf(key), DefaultOf(value), key.MeaningIn(_texts));
                continue;
            }

            var linked = isTop || Shared.Contains(key.ValueType);
            WriteRow(path + key.Name, linked ? LinkTo(key) : "keys below", value is null ? "absent" : linked ? "its defaults" : "", key.MeaningIn(_texts));
            if (!linked)
            {
                WriteKeys($"{path}{key.Name}.", key.ValueType, value ?? Activator.CreateInstance(key.ValueType)!, isTop: false);
            }
        }
    }

    private void WriteRow(string key, string type, string value, string meaning) =>
        _page.Append(CultureInfo.InvariantCulture, $"| `{key}` | {type} | {value} | {meaning.Replace("|", "\\|", StringComparison.Ordinal)} |\n");

    private string TypeOf(RecipeKey key)
    {
        var type = key.ValueType;
        if (RecipeWord.Of(type) is { Count: > 0 } words)
        {
            if (!_words.Exists(word => word.Type == type))
            {
                _words.Add((key.Name, type));
            }

            return string.Join(", ", words.Select(word => $"`{word.Name}`"));
        }

        return type == typeof(string) ? "text"
            : type == typeof(IReadOnlyList<string>) ? "text or list of texts"
            : type == typeof(IReadOnlyList<double>) ? "list of numbers"
            : type == typeof(IReadOnlyDictionary<string, string>) ? "names with texts"
            : type == typeof(HeldOutRule) ? "number or list of names"
            : Type.GetTypeCode(type) switch
            {
                TypeCode.Boolean => "`true`, `false`",
                TypeCode.Int32 or TypeCode.Int64 or TypeCode.UInt64 => "whole number",
                _ => "number",
            };
    }

    private static string LinkTo(RecipeKey key) => Shared.Contains(key.ValueType)
        ? $"see [{TitleOf(key.ValueType).ToLowerInvariant()}](#{TitleOf(key.ValueType).ToLowerInvariant().Replace(' ', '-')})"
        : $"see [{key.Name}](#{key.Name})";

    private static string TitleOf(Type type) =>
        type == typeof(DataSource) ? "Data source" : type == typeof(FormatOptions) ? "Text format" : "Length limits";

    private static string DefaultOf(object? value) => value switch
    {
        null => "`none`",
        "" or IReadOnlyList<string> { Count: 0 } or IReadOnlyList<double> { Count: 0 } or IReadOnlyDictionary<string, string> { Count: 0 } => "empty",
        IReadOnlyList<string> texts => $"`{string.Join(", ", texts)}`",
        HeldOutRule rule => DefaultOf(rule.Share),
        double number => $"`{number.ToString(number != 0 && Math.Abs(number) < 1e-3 ? "0.###e0" : "R", CultureInfo.InvariantCulture)}`",
        bool flag => flag ? "`true`" : "`false`",
        _ when RecipeWord.For(value) is { } word => $"`{word.Name}`",
        IFormattable number => $"`{number.ToString(null, CultureInfo.InvariantCulture)}`",
        _ => $"`{value.ToString()!.Replace("\n", "\\n", StringComparison.Ordinal)}`",
    };
}
