using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Rlhf.Stages;

/// <summary>A piece of a recipe with the place it was read from.</summary>
/// <param name="Origin">Where it stands: <c>file:line:column</c>, or the command line's <c>--set a.b=value</c>.</param>
internal abstract record RecipeNode(string Origin);

/// <summary>A value; <paramref name="Quoted"/> values are always text.</summary>
internal sealed record RecipeScalar(string Origin, string Text, bool Quoted) : RecipeNode(Origin);

/// <summary>A list.</summary>
internal sealed record RecipeSequence(string Origin, List<RecipeNode> Items) : RecipeNode(Origin);

/// <summary>Keys and values in the order they were written.</summary>
internal sealed record RecipeMapping(string Origin, List<RecipeEntry> Entries) : RecipeNode(Origin);

/// <summary>One key with its value.</summary>
internal sealed record RecipeEntry(string Origin, string Key, RecipeNode Value);

/// <summary>Reads YAML into nodes: no anchors, no tags, no second document, limited in size and depth, no key twice.</summary>
internal sealed class RecipeNodeReader
{

    private readonly Parser _parser;
    private readonly Func<Mark, string> _originOf;

    private RecipeNodeReader(string text, Func<Mark, string> originOf)
    {
        _parser = new Parser(new StringReader(text));
        _originOf = originOf;
    }

    /// <summary>Reads a whole file's text.</summary>
    public static RecipeNode ReadFile(string text, string file) =>
        Read(text, mark => FormattableString.Invariant($"{file}:{mark.Line}:{mark.Column}"));

    /// <summary>Reads the value of a <c>--set</c>.</summary>
    public static RecipeNode ReadOverride(string value, string origin) => Read(value, _ => origin);

    private static RecipeNode Read(string text, Func<Mark, string> originOf)
    {
        if (text.Length > Limits.RecipeCharacters)
        {
            throw new InputException($"{originOf(new Mark(0, 1, 1))}: a recipe has at most {Limits.RecipeCharacters} characters, found {text.Length}");
        }

        var reader = new RecipeNodeReader(text, originOf);
        try
        {
            return reader.ReadDocument();
        }
        catch (InvalidOperationException exception)
        {
            // YamlDotNet's scanner throws this instead of its own exception for some broken flow collections.
            throw new InputException($"{originOf(reader._parser.Current?.End ?? new Mark(0, 1, 1))}: not valid YAML from here on", exception);
        }
        catch (ArgumentException exception)
        {
            // And this for escapes that are half of a surrogate pair.
            throw new InputException(
                $"{originOf(reader._parser.Current?.End ?? new Mark(0, 1, 1))}: a text from here on holds half of a surrogate pair (a \\uD800 to \\uDFFF without its partner)", exception);
        }
        catch (YamlException exception)
        {
            throw new InputException($"{originOf(exception.Start)}: not valid YAML: {FailureText.Of(exception)}", exception);
        }
    }

    private RecipeNode ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (_parser.Accept<StreamEnd>(out var end))
        {
            return new RecipeScalar(_originOf(end.Start), "", Quoted: false);
        }

        _parser.Consume<DocumentStart>();
        var root = ReadNode(0);
        _parser.Consume<DocumentEnd>();
        return _parser.Accept<StreamEnd>(out _)
            ? root
            : throw new InputException($"{_originOf(_parser.Current!.Start)}: a recipe is one YAML document, found a second");
    }

    private RecipeNode ReadNode(int depth)
    {
        var current = _parser.Consume<ParsingEvent>();
        var origin = _originOf(current.Start);
        if (depth > Limits.RecipeDepth)
        {
            throw new InputException($"{origin}: nested deeper than {Limits.RecipeDepth} levels");
        }

        if (current is NodeEvent { Anchor.IsEmpty: false } or AnchorAlias || current is NodeEvent { Tag.IsEmpty: false })
        {
            throw new InputException($"{origin}: anchors (&), aliases (*) and tags (!) are not used in recipes; write the value out");
        }

        if (current is Scalar { Value: var text } && !IsSound(text))
        {
            throw new InputException($"{origin}: the text holds half of a surrogate pair (a \\uD800 to \\uDFFF without its partner)");
        }

        return current switch
        {
            Scalar scalar => new RecipeScalar(origin, scalar.Value, scalar.Style != ScalarStyle.Plain),
            SequenceStart => ReadSequence(origin, depth),
            MappingStart => ReadMapping(origin, depth),
            _ => throw new InputException($"{origin}: expected a value"),
        };
    }

    private static bool IsSound(string text)
    {
        for (var i = 0; i < text.Length; i += char.IsSurrogate(text[i]) ? 2 : 1)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])))
            {
                return false;
            }
        }

        return true;
    }

    private RecipeSequence ReadSequence(string origin, int depth)
    {
        var items = new List<RecipeNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(ReadNode(depth + 1));
        }

        return new RecipeSequence(origin, items);
    }

    private RecipeMapping ReadMapping(string origin, int depth)
    {
        var entries = new List<RecipeEntry>();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (ReadNode(depth + 1) is not RecipeScalar key)
            {
                throw new InputException($"{origin}: a key must be a plain word");
            }

            if (!keys.Add(key.Text))
            {
                throw new InputException($"{key.Origin}: the key '{key.Text}' stands here a second time");
            }

            entries.Add(new RecipeEntry(key.Origin, key.Text, ReadNode(depth + 1)));
        }

        return new RecipeMapping(origin, entries);
    }
}
