using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>Where a part of the text stands: it decides whether a space is put in front.</summary>
internal enum TextPlace
{
    /// <summary>At the very beginning of the text.</summary>
    Beginning,

    /// <summary>Behind an added token or another part.</summary>
    Within,

    /// <summary>At the beginning of a text that goes on from another: nothing is put in front.</summary>
    Continuation,
}

/// <summary>A part of the text on its way to words.</summary>
/// <param name="Text">The characters.</param>
/// <param name="Place">Where it stands.</param>
internal readonly record struct TextPart(ReadOnlyMemory<char> Text, TextPlace Place);

/// <summary>The <c>pre_tokenizer</c> of a tokenizer.json: cuts a text into words, within which merges happen.</summary>
internal abstract class PreTokenizer
{
    private const string Supported =
        "Sequence, ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit, Metaspace";

    private static readonly PlacedJson WordsOrSigns = PlacedJson.Parse(
        "the pre-tokenizer Whitespace",
        """ "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\u200C\u200D]+|[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\u200C\u200D\\s]+" """u8.ToArray());

    /// <summary>ASCII's signs and what Unicode calls punctuation.</summary>
    private static CodePointSet Punctuation => "$+<=>^`|~".Aggregate(UnicodeProperties.Find("P")!, static (set, sign) => set.Union(CodePointSet.Of(sign)));

    /// <summary>Whether tokens are spelled as bytes (<see cref="ByteAlphabet"/>).</summary>
    public virtual bool IsByteLevel => false;

    /// <summary>Whether the words are spelled so already when the model gets them, because steps behind ByteLevel saw them.</summary>
    public virtual bool Spells => false;

    /// <summary>Whether it can leave out characters.</summary>
    public virtual bool Removes => false;

    /// <summary>Cuts one part and appends the pieces, none of them empty.</summary>
    public abstract void Split(TextPart part, List<TextPart> pieces);

    /// <summary>Reads a pre-tokenizer; null for none.</summary>
    public static PreTokenizer? FromJson(PlacedJson json)
    {
        if (json.IsNull)
        {
            return null;
        }

        switch (json.Type())
        {
            case "Sequence":
                json.AllowOnly("type", "pretokenizers");
                return SequencePreTokenizer.Create(json["pretokenizers"]);
            case "ByteLevel":
                json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
                return new ByteLevelPreTokenizer(json["add_prefix_space"].Boolean(true), json["use_regex"].Boolean(true) ? new Gpt2Pattern() : null);
            case "Split":
                json.AllowOnly("type", "pattern", "behavior", "invert");
                return new SplitPreTokenizer(SplitPattern.FromJson(json["pattern"]), SplitBehaviors.FromJson(json["behavior"]), json["invert"].Boolean(false));
            case "Digits":
                json.AllowOnly("type", "individual_digits");
                return new SplitPreTokenizer(
                    new SetPattern(UnicodeProperties.Find("N")!), json["individual_digits"].Boolean(false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous,
                    invert: false);
            case "Punctuation":
                json.AllowOnly("type", "behavior");
                var behavior = json["behavior"].IsNull ? SplitBehavior.Isolated : SplitBehaviors.FromJson(json["behavior"]);
                return new SplitPreTokenizer(new SetPattern(Punctuation), behavior, invert: false);
            case "Whitespace":
                json.AllowOnly("type");
                return new SplitPreTokenizer(new RegexPattern(WordsOrSigns), SplitBehavior.Removed, invert: true);
            case "WhitespaceSplit":
                json.AllowOnly("type");
                return AtSpaces();
            case "BertPreTokenizer":
                json.AllowOnly("type");
                return new SequencePreTokenizer([AtSpaces(), new SplitPreTokenizer(new SetPattern(Punctuation), SplitBehavior.Isolated, invert: false)]);
            case "CharDelimiterSplit":
                json.AllowOnly("type", "delimiter");
                return new SplitPreTokenizer(new LiteralPattern(json["delimiter"]), SplitBehavior.Removed, invert: false);
            case "Metaspace":
                return MetaspacePreTokenizer.Create(json);
            case var other:
                throw json.Refuse($"the pre-tokenizer {other} is not supported (supported: {Supported})");
        }
    }

    private static SplitPreTokenizer AtSpaces() => new(new SetPattern(UnicodeProperties.WhiteSpace), SplitBehavior.Removed, invert: false);

    private sealed class SequencePreTokenizer(PreTokenizer[] steps) : PreTokenizer
    {
        public override bool Removes => steps.Any(step => step.Removes);

        public override bool IsByteLevel => steps.Any(step => step.IsByteLevel);

        public override bool Spells => IsByteLevel && !steps[^1].IsByteLevel;

        public static SequencePreTokenizer Create(PlacedJson json)
        {
            var steps = json.Items().Select(item => FromJson(item) ?? throw item.Refuse("expected a pre-tokenizer, found null")).ToArray();
            return steps.Count(step => step.IsByteLevel) < 2
                ? new SequencePreTokenizer(steps)
                : throw json.Refuse("ByteLevel stands there twice: bytes would be spelled as bytes again");
        }

        public override void Split(TextPart part, List<TextPart> pieces)
        {
            List<TextPart> current = [part];
            foreach (var step in steps)
            {
                var next = new List<TextPart>();
                foreach (var piece in current)
                {
                    step.Split(piece, next);
                }

                current = step.IsByteLevel && Spells ? next.ConvertAll(piece => piece with { Text = ByteAlphabet.Spell(piece.Text.Span).AsMemory() }) : next;
            }

            pieces.AddRange(current);
        }
    }
}

/// <summary>Cuts with GPT-2's pattern, unless that is switched off, and has the words spelled as bytes.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, SplitPattern? pattern) : PreTokenizer
{
    public override bool IsByteLevel => true;

    public override void Split(TextPart part, List<TextPart> pieces)
    {
        var text = part.Text;
        if (addPrefixSpace && part.Place != TextPlace.Continuation && !text.Span.StartsWith(' '))
        {
            text = $" {text}".AsMemory();
        }

        if (pattern is null)
        {
            pieces.Add(part with { Text = text });
        }
        else
        {
            SplitPreTokenizer.Cut(part with { Text = text }, pattern, SplitBehavior.Isolated, false, pieces);
        }
    }
}
