using System.Collections;
using System.Globalization;
using System.Text;
using Rlhf.Data;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>Writes a recipe with every default that has an effect: what <see cref="RecipeReader"/> reads back as the same recipe.</summary>
public sealed class RecipeWriter
{
    private readonly StringBuilder _text = new();
    private readonly HashSet<string> _withoutEffect;

    private RecipeWriter(HashSet<string> withoutEffect) => _withoutEffect = withoutEffect;

    /// <summary>The recipe as YAML, its stages in their order.</summary>
    public static string Write(Recipe recipe)
    {
        // A valid recipe with every key written down has only errors of one kind: keys that nothing reads.
        var errors = new OptionErrors("", EveryKey(recipe, "").ToHashSet(StringComparer.Ordinal));
        RecipeValidation.Validate(recipe, errors);
        var writer = new RecipeWriter(errors.All.Select(error => error.Key).ToHashSet(StringComparer.Ordinal));
        writer.WriteOptions(recipe, "", 0);
        return writer._text.ToString();
    }

    private static IEnumerable<string> EveryKey(object options, string path)
    {
        foreach (var key in RecipeKeys.Of(options.GetType()))
        {
            yield return path + key.Name;
            if (key.ValueOf(options) is { } inner && RecipeKeys.IsOptions(inner.GetType()))
            {
                foreach (var below in EveryKey(inner, $"{path}{key.Name}."))
                {
                    yield return below;
                }
            }
        }
    }

    private void WriteOptions(object options, string path, int indent)
    {
        foreach (var key in RecipeKeys.Of(options.GetType()).Where(key => !_withoutEffect.Contains(path + key.Name)))
        {
            var value = key.ValueOf(options);
            _text.Append(' ', indent).Append(key.Name).Append(':');
            if (value is null || !RecipeKeys.IsOptions(value.GetType()))
            {
                _text.Append(' ').Append(Scalar(value)).Append('\n');
                continue;
            }

            var before = _text.Length;
            _text.Append('\n');
            WriteOptions(value, $"{path}{key.Name}.", indent + 2);
            if (_text.Length == before + 1)
            {
                _text.Insert(before, " {}");
            }
        }
    }

    private static string Scalar(object? value) => value switch
    {
        null => "none",
        bool flag => flag ? "true" : "false",
        _ when RecipeWord.For(value) is { } word => word.Name,
        string text => Quoted(text),
        HeldOutRule rule => rule.Names.Count > 0 ? Scalar(rule.Names) : Scalar(rule.Share),
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
