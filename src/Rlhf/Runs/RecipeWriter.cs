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
            foreach (var below in Inside(key, options, path))
            {
                yield return below;
            }
        }
    }

    private static IEnumerable<string> Inside(RecipeKey key, object options, string path) => key.ValueOf(options) switch
    {
        { } inner when RecipeKeys.IsOptions(inner.GetType()) => EveryKey(inner, $"{path}{key.Name}."),
        IEnumerable list when RecipeKeys.ItemOf(key.ValueType) is not null =>
            list.Cast<object>().Index().SelectMany(item => EveryKey(item.Item, FormattableString.Invariant($"{path}{key.Name}[{item.Index}]."))),
        _ => [],
    };

    private void WriteOptions(object options, string path, int indent)
    {
        foreach (var key in RecipeKeys.Of(options.GetType()).Where(key => !_withoutEffect.Contains(path + key.Name)))
        {
            var value = key.ValueOf(options);
            _text.Append(' ', indent).Append(key.Name).Append(':');
            if (value is IEnumerable list && RecipeKeys.ItemOf(key.ValueType) is not null)
            {
                _text.Append(' ').Append(Listed(list, path + key.Name)).Append('\n');
                continue;
            }

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

    private string Listed(IEnumerable list, string path) => $"[{string.Join(", ", list.Cast<object>().Select(
        (item, i) => Flow(item, FormattableString.Invariant($"{path}[{i}]."))))}]";

    /// <summary>Keys of an entry of a list, on one line.</summary>
    private string Flow(object options, string path) => $"{{{string.Join(", ",
        from key in RecipeKeys.Of(options.GetType())
        where !_withoutEffect.Contains(path + key.Name)
        let value = key.ValueOf(options)
        select $"{key.Name}: {(value is IEnumerable list && RecipeKeys.ItemOf(key.ValueType) is not null ? Listed(list, path + key.Name)
            : value is not null && RecipeKeys.IsOptions(value.GetType()) ? Flow(value, $"{path}{key.Name}.") : Scalar(value))}")}}}";

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
