using System.Collections;
using System.Globalization;
using System.Text;

namespace Rlhf.Runs;

/// <summary>Writes a recipe with every default: what <see cref="RecipeReader"/> reads back as the same recipe.</summary>
public static class RecipeWriter
{
    /// <summary>The recipe as YAML, its stages in their order.</summary>
    public static string Write(Recipe recipe)
    {
        var stages = recipe.StageOrder.Select(kind => SnakeCase.From(kind.ToString())).ToArray();
        var all = Enum.GetNames<StageKind>().Select(SnakeCase.From).ToArray();
        var keys = RecipeKeys.Of(typeof(Recipe));
        var text = new StringBuilder();
        foreach (var key in keys.Where(key => !all.Contains(key.Name)).Concat(stages.Select(stage => keys.First(key => key.Name == stage))))
        {
            WriteKey(text, key, recipe, 0);
        }

        return text.ToString();
    }

    private static void WriteOptions(StringBuilder text, object options, int indent)
    {
        foreach (var key in RecipeKeys.Of(options.GetType()))
        {
            WriteKey(text, key, options, indent);
        }
    }

    private static void WriteKey(StringBuilder text, RecipeKey key, object owner, int indent)
    {
        var value = key.Property.GetValue(owner);
        text.Append(' ', indent).Append(key.Name).Append(':');
        if (value is not null && RecipeKeys.IsOptions(value.GetType()))
        {
            text.Append('\n');
            WriteOptions(text, value, indent + 2);
        }
        else
        {
            text.Append(' ').Append(Scalar(value)).Append('\n');
        }
    }

    private static string Scalar(object? value) => value switch
    {
        null => "none",
        bool flag => flag ? "true" : "false",
        Enum member => SnakeCase.From(member.ToString()),
        string text => Quoted(text),
        IReadOnlyDictionary<string, string> names => $"{{{string.Join(", ", names.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{Quoted(pair.Key)}: {Quoted(pair.Value)}"))}}}",
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Scalar))}]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new NotSupportedException($"Recipes cannot hold a {value.GetType()}."),
    };

    // YAML's double-quoted form, in which every character can be written.
    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var character in text)
        {
            _ = character switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\t' => quoted.Append("\\t"),
                < ' ' or '\u007f' or '\u0085' or '\u2028' or '\u2029' or '\ufeff' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
                _ => quoted.Append(character),
            };
        }

        return quoted.Append('"').ToString();
    }
}
