using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Rlhf.Text.Patterns;

/// <summary>Any other pattern: .NET's engine on the symbols of its alphabet (<see cref="PatternAlphabet"/>).</summary>
internal sealed class RegexPattern : SplitPattern
{
    private readonly PatternAlphabet _alphabet;
    private readonly Regex _regex;
    private readonly PlacedJson _pattern;
    private readonly string _shown;
    private long _characters;
    private long _ticks;
    private volatile bool _isTooSlow;

    public RegexPattern(PlacedJson pattern)
    {
        (_pattern, _shown) = (pattern, pattern.Text());
        pattern.RequireShort(_shown, Limits.TokenizerPattern);
        try
        {
            var parsed = PatternParser.Parse(_shown);
            _alphabet = PatternAlphabet.Of(parsed);
            var overSymbols = _alphabet.Write(parsed);
            _regex = new Regex(overSymbols, RegexOptions.CultureInvariant | RegexOptions.Compiled, TimeSpan.FromSeconds(Limits.PatternSecondsPerMatch));
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            throw new InputException(pattern.Refuse($"the pattern {_shown} is not supported: {FailureText.Of(exception)}").Message, exception);
        }
    }

    public override void FindAll(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        if (_isTooSlow)
        {
            throw TooSlow();
        }

        Interlocked.Add(ref _characters, text.Length);
        try
        {
            var symbols = SymbolsOf(text, out var positions);
            var last = Stopwatch.GetTimestamp();
            var end = -1;
            foreach (var match in _regex.EnumerateMatches(symbols))
            {
                last = CountTime(last);
                if (match.Length > 0 || match.Index > end)
                {
                    matches.Add((positions(match.Index), positions(match.Index + match.Length) - positions(match.Index)));
                }

                end = match.Index + match.Length;
            }

            CountTime(last);
        }
        catch (RegexMatchTimeoutException)
        {
            throw TooSlow();
        }
    }

    /// <summary>The time limit is that of the pattern, however many texts it is spread over.</summary>
    private long CountTime(long last)
    {
        var now = Stopwatch.GetTimestamp();
        var spent = Interlocked.Add(ref _ticks, now - last) / (double)Stopwatch.Frequency;
        return spent <= Limits.PatternSeconds + Interlocked.Read(ref _characters) * Limits.PatternSecondsPerCharacter ? now : throw TooSlow();
    }

    private InputException TooSlow()
    {
        _isTooSlow = true;
        return _pattern.Refuse($"the split pattern {_shown} takes far more time than the patterns of tokenizers do: it tries too many ways to match");
    }

    /// <summary>One unit for each code point, and where each code point stands in the text.</summary>
    private char[] SymbolsOf(ReadOnlySpan<char> text, out Func<int, int> positions)
    {
        var symbols = new char[text.Length];
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            for (var i = 0; i < symbols.Length; i++)
            {
                symbols[i] = _alphabet.SymbolOf(text[i]);
            }

            positions = static position => position;
            return symbols;
        }

        var starts = new int[text.Length + 1];
        var (count, start) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            (starts[count], symbols[count++]) = (start, _alphabet.SymbolOf(rune.Value));
            start += rune.Utf16SequenceLength;
        }

        starts[count] = start;
        positions = position => starts[position];
        return symbols[..count];
    }
}
