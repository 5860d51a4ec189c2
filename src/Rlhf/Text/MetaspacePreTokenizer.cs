using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>Where Metaspace puts a space in front.</summary>
internal enum PrependScheme
{
    /// <summary>Nowhere.</summary>
    Never,

    /// <summary>At the beginning of the text only.</summary>
    First,

    /// <summary>At the beginning of each part between added tokens.</summary>
    Always,
}

/// <summary>Sentencepiece's spaces: each becomes a visible character (U+2581), and words begin with it.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme scheme, SplitPattern? pattern) : PreTokenizer
{
    public static MetaspacePreTokenizer Create(PlacedJson json) =>
        new(Replacement(json), Scheme(json), json["split"].Boolean(true) ? new LiteralPattern(json["replacement"]) : null);

    /// <summary>The character for a space, of the pre-tokenizer or the decoder.</summary>
    public static char Replacement(PlacedJson json)
    {
        // str_rep and add_prefix_space are older spellings that files carry along.
        json.AllowOnly("type", "replacement", "str_rep", "prepend_scheme", "add_prefix_space", "split");
        var replacement = json["replacement"].Text();
        return replacement.Length == 1 ? replacement[0] : throw json["replacement"].Refuse("expected one character");
    }

    /// <summary>Where a space goes in front, of the pre-tokenizer or the decoder.</summary>
    public static PrependScheme Scheme(PlacedJson json) => json["prepend_scheme"].OptionalText() switch
    {
        null => json["add_prefix_space"].Boolean(true) ? PrependScheme.Always : PrependScheme.Never,
        "never" => PrependScheme.Never,
        "first" => PrependScheme.First,
        "always" => PrependScheme.Always,
        var other => throw json["prepend_scheme"].Refuse($"the scheme {other} is not known"),
    };

    public override void Split(TextPart part, List<TextPart> pieces)
    {
        var text = part.Text.ToString().Replace(' ', replacement);
        var prepends = part.Place switch
        {
            TextPlace.Continuation => false,
            TextPlace.Beginning => scheme != PrependScheme.Never,
            _ => scheme == PrependScheme.Always,
        };
        if (prepends && !text.StartsWith(replacement))
        {
            text = replacement + text;
        }

        var whole = part with { Text = text.AsMemory() };
        if (pattern is null)
        {
            pieces.Add(whole);
        }
        else
        {
            SplitPreTokenizer.Cut(whole, pattern, SplitBehavior.MergedWithNext, false, pieces);
        }
    }
}
