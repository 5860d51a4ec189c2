using System.Text;

namespace Rlhf.Text.Patterns;

/// <summary>
/// The code points that a pattern tells apart: those that are in the same of its sets are one symbol. .NET's engine sees UTF-16 units and knows no scripts;
/// shown symbols, one unit for each code point, it sees what the pattern means.
/// </summary>
internal sealed class PatternAlphabet
{
    // Symbols are Chinese characters from here on: none of them has a meaning in a pattern, and they stand in a row.
    private const char FirstSymbol = '\u4E00';
    private const int MostSymbols = 5_000;

    private readonly int[] _starts;
    private readonly char[] _symbols;
    private readonly char[] _basicPlane = new char[char.MaxValue + 1];
    private readonly int _count;

    private PatternAlphabet(int[] starts, char[] symbols, int count)
    {
        (_starts, _symbols, _count) = (starts, symbols, count);
        for (var i = 0; i < starts.Length && starts[i] <= char.MaxValue; i++)
        {
            var end = i + 1 < starts.Length ? Math.Min(starts[i + 1], char.MaxValue + 1) : char.MaxValue + 1;
            Array.Fill(_basicPlane, symbols[i], starts[i], end - starts[i]);
        }
    }

    /// <summary>The alphabet of a pattern.</summary>
    /// <exception cref="FormatException">The pattern tells too many code points apart.</exception>
    public static PatternAlphabet Of(PatternNode pattern)
    {
        var sets = new List<CodePointSet>();
        Collect(pattern, sets);
        int[] starts = [.. sets.SelectMany(static set => set.Bounds).Append(0).Where(static bound => bound < CodePointSet.End).Distinct().Order()];
        var known = new Dictionary<string, char>();
        var symbols = new char[starts.Length];
        var belongs = new char[sets.Count];
        for (var i = 0; i < starts.Length; i++)
        {
            for (var set = 0; set < belongs.Length; set++)
            {
                belongs[set] = sets[set].Contains(starts[i]) ? '1' : '0';
            }

            var key = new string(belongs);
            if (!known.TryGetValue(key, out symbols[i]))
            {
                known.Add(key, symbols[i] = (char)(FirstSymbol + known.Count));
            }
        }

        return known.Count <= MostSymbols ? new PatternAlphabet(starts, symbols, known.Count) : throw new FormatException("it tells too many characters apart");
    }

    /// <summary>The symbol of a code point.</summary>
    public char SymbolOf(int codePoint)
    {
        if (codePoint <= char.MaxValue)
        {
            return _basicPlane[codePoint];
        }

        var index = Array.BinarySearch(_starts, codePoint);
        return _symbols[index >= 0 ? index : ~index - 1];
    }

    /// <summary>The pattern over symbols, as .NET writes it.</summary>
    public string Write(PatternNode pattern)
    {
        var text = new StringBuilder();
        Write(pattern, text);
        return text.ToString();
    }

    private void Write(PatternNode pattern, StringBuilder text)
    {
        switch (pattern)
        {
            case OneOf one:
                WriteSet(one.Set, text);
                break;
            case InSequence sequence:
                foreach (var part in sequence.Parts)
                {
                    Write(part, text);
                }

                break;
            case EitherOf either:
                text.Append("(?:");
                foreach (var (i, choice) in either.Choices.Index())
                {
                    text.Append(i > 0 ? "|" : "");
                    Write(choice, text);
                }

                text.Append(')');
                break;
            case InGroup group:
                text.Append(group.Opening);
                Write(group.Inner, text);
                text.Append(')');
                break;
            case Repeated repeated:
                text.Append("(?:");
                Write(repeated.Inner, text);
                text.Append(')').Append(repeated.Quantifier);
                break;
            case AtPlace place:
                text.Append(place.Anchor);
                break;
            default:
                throw new InvalidOperationException($"a pattern has an unknown part {pattern.GetType()}");
        }
    }

    private void WriteSet(CodePointSet set, StringBuilder text)
    {
        var symbols = _starts.Index().Where(pair => set.Contains(pair.Item)).Select(pair => _symbols[pair.Index]).Distinct().Order().ToArray();
        if (symbols.Length == _count || symbols.Length == 0)
        {
            text.Append(symbols.Length == 0 ? "(?!)" : @"[\s\S]");
        }
        else
        {
            text.Append('[').Append(symbols).Append(']');
        }
    }

    private static void Collect(PatternNode pattern, List<CodePointSet> sets)
    {
        switch (pattern)
        {
            case OneOf one:
                sets.Add(one.Set);
                break;
            case InSequence sequence:
                foreach (var part in sequence.Parts)
                {
                    Collect(part, sets);
                }

                break;
            case EitherOf either:
                foreach (var choice in either.Choices)
                {
                    Collect(choice, sets);
                }

                break;
            case InGroup group:
                Collect(group.Inner, sets);
                break;
            case Repeated repeated:
                Collect(repeated.Inner, sets);
                break;
            default:
                break;
        }
    }
}
