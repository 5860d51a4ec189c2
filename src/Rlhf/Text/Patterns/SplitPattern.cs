namespace Rlhf.Text.Patterns;

/// <summary>Finds the stretches of a text that a pattern matches, from left to right; an empty one, which only cuts, never directly behind another.</summary>
internal abstract class SplitPattern
{
    /// <summary>GPT-2's pattern.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of Qwen 2 and 3.</summary>
    public const string Qwen =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of Llama 3: as Qwen's, with up to three digits together.</summary>
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Appends the matches in a text without lone surrogates.</summary>
    public abstract void FindAll(ReadOnlySpan<char> text, List<(int Start, int Length)> matches);

    /// <summary>The matcher for <c>{"Regex": ...}</c> of a tokenizer.json: by hand for the well-known patterns, else through .NET's engine.</summary>
    public static SplitPattern FromRegex(PlacedJson pattern) => pattern.Text() switch
    {
        Gpt2 => new Gpt2Pattern(),
        Qwen => new TiktokenPattern(1),
        Llama3 => new TiktokenPattern(3),
        _ => new RegexPattern(pattern),
    };

    /// <summary>Reads <c>{"String": ...}</c> or <c>{"Regex": ...}</c>.</summary>
    public static SplitPattern FromJson(PlacedJson pattern)
    {
        pattern.AllowOnly("String", "Regex");
        return pattern["Regex"].IsNull ? new LiteralPattern(pattern["String"]) : FromRegex(pattern["Regex"]);
    }
}

/// <summary>Matches one string.</summary>
internal sealed class LiteralPattern : SplitPattern
{
    private readonly string _literal;

    /// <summary>Characters of a match.</summary>
    public int Length => _literal.Length;

    public LiteralPattern(PlacedJson literal)
    {
        _literal = literal.Text();
        if (_literal.Length == 0)
        {
            throw literal.Refuse("the pattern is empty");
        }

        literal.RequireShort(_literal, Limits.TokenizerPattern);
    }

    public override void FindAll(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        var start = 0;
        for (int offset; (offset = text[start..].IndexOf(_literal, StringComparison.Ordinal)) >= 0; start += offset + _literal.Length)
        {
            matches.Add((start + offset, _literal.Length));
        }
    }
}

/// <summary>A matcher for patterns whose matches cover the whole text.</summary>
internal abstract class CoveringPattern : SplitPattern
{
    public sealed override void FindAll(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = EndOfMatch(text, start);
            matches.Add((start, end - start));
        }
    }

    /// <summary>Where the match that begins at <paramref name="start"/> ends.</summary>
    protected abstract int EndOfMatch(ReadOnlySpan<char> text, int start);

    /// <summary>End of the run of code points of one class.</summary>
    protected static int EndOfRun(ReadOnlySpan<char> text, int start, CharacterClass wanted, int most = int.MaxValue)
    {
        while (start < text.Length && most-- > 0 && CharacterClasses.At(text, start, out var length) == wanted)
        {
            start += length;
        }

        return start;
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: a run of white space leaves its last character to the word behind it.</summary>
    protected static int EndOfSpaces(ReadOnlySpan<char> text, int start)
    {
        var end = EndOfRun(text, start, CharacterClass.WhiteSpace);
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    /// <summary>Length of <c>'s|'t|'re|'ve|'m|'ll|'d</c> at a position; 0 for none.</summary>
    protected static int ContractionAt(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        if (text[start] != '\'' || start + 1 >= text.Length)
        {
            return 0;
        }

        var first = Fold(text[start + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }

        var second = start + 2 < text.Length ? Fold(text[start + 2], ignoreCase) : '\0';
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    // U+017F, the long s, equals s when case is ignored.
    private static char Fold(char unit, bool ignoreCase) => !ignoreCase ? unit : unit == '\u017F' ? 's' : char.ToLowerInvariant(unit);
}

/// <summary><see cref="SplitPattern.Gpt2"/>, written out.</summary>
internal sealed class Gpt2Pattern : CoveringPattern
{
    protected override int EndOfMatch(ReadOnlySpan<char> text, int start)
    {
        if (ContractionAt(text, start, ignoreCase: false) is > 0 and var contraction)
        {
            return start + contraction;
        }

        var body = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        var found = CharacterClasses.At(text, body, out _);
        return found == CharacterClass.WhiteSpace ? EndOfSpaces(text, start) : EndOfRun(text, body, found);
    }
}

/// <summary><see cref="SplitPattern.Qwen"/> and <see cref="SplitPattern.Llama3"/>, written out.</summary>
internal sealed class TiktokenPattern(int digitsTogether) : CoveringPattern
{
    protected override int EndOfMatch(ReadOnlySpan<char> text, int start)
    {
        if (ContractionAt(text, start, ignoreCase: true) is > 0 and var contraction)
        {
            return start + contraction;
        }

        var found = CharacterClasses.At(text, start, out var length);
        if (found == CharacterClass.Letter)
        {
            return EndOfRun(text, start, CharacterClass.Letter);
        }

        if (found == CharacterClass.Number)
        {
            return EndOfRun(text, start, CharacterClass.Number, digitsTogether);
        }

        var next = start + length < text.Length ? CharacterClasses.At(text, start + length, out _) : CharacterClass.WhiteSpace;
        if (next == CharacterClass.Letter && text[start] is not ('\r' or '\n'))
        {
            return EndOfRun(text, start + length, CharacterClass.Letter);
        }

        if (found == CharacterClass.Other || (text[start] == ' ' && next == CharacterClass.Other))
        {
            return EndOfLineBreaks(text, EndOfRun(text, found == CharacterClass.Other ? start : start + 1, CharacterClass.Other));
        }

        return EndOfLastLineBreak(text, start) is > 0 and var end ? end : EndOfSpaces(text, start);
    }

    private static int EndOfLineBreaks(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && text[start] is '\r' or '\n')
        {
            start++;
        }

        return start;
    }

    /// <summary><c>\s*[\r\n]+</c>: the last line break in this run of white space ends the match; 0 when there is none.</summary>
    private static int EndOfLastLineBreak(ReadOnlySpan<char> text, int start)
    {
        var run = text[start..EndOfRun(text, start, CharacterClass.WhiteSpace)];
        var last = run.LastIndexOfAny('\r', '\n');
        return last < 0 ? 0 : start + last + 1;
    }
}
