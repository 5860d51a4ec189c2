using System.Globalization;
using System.Numerics;

namespace Rlhf.Grading;

/// <summary>A number as people and models write it, without rounding.</summary>
/// <param name="Numerator">Above the line.</param>
/// <param name="Denominator">Below it; 0 for what only looks like a number, as <c>3/0</c> or one of too many digits.</param>
internal readonly record struct MathNumber(BigInteger Numerator, BigInteger Denominator)
{
    private const string Mark = "####";
    private const string Box = @"\boxed";
    private const int LargestExponent = 400;
    private static readonly string[] Fractions = [@"\frac", @"\dfrac", @"\tfrac"];

    /// <summary>Whether it has a value.</summary>
    public bool IsNumber => !Denominator.IsZero;

    /// <summary>Whether both have the same value.</summary>
    public bool IsSame(MathNumber other) => IsNumber && other.IsNumber && Numerator * other.Denominator == other.Numerator * Denominator;

    /// <summary>The number that a text gives as its answer; null where it gives none.</summary>
    public static MathNumber? AnswerOf(string text)
    {
        if (text.LastIndexOf(Mark, StringComparison.Ordinal) is >= 0 and var mark)
        {
            return First(text[(mark + Mark.Length)..]);
        }

        return text.LastIndexOf(Box, StringComparison.Ordinal) is >= 0 and var box ? Last(InBraces(text.AsSpan(box + Box.Length))) : Last(text);
    }

    private static MathNumber? First(string text)
    {
        foreach (var number in All(text))
        {
            return number;
        }

        return null;
    }

    private static MathNumber? Last(string text)
    {
        MathNumber? last = null;
        foreach (var number in All(text))
        {
            last = number;
        }

        return last;
    }

    /// <summary>What stands between the brace that follows and its partner; nothing where there is none.</summary>
    private static string InBraces(ReadOnlySpan<char> text)
    {
        text = text.TrimStart();
        var depth = 0;
        for (var i = 0; i < text.Length; i++)
        {
            depth += text[i] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth <= 0)
            {
                return i > 0 ? text[1..i].ToString() : "";
            }
        }

        return "";
    }

    private static IEnumerable<MathNumber> All(string written)
    {
        // LaTeX's thousands and thin spaces.
        var text = written.Replace("{,}", ",", StringComparison.Ordinal).Replace(@"\!", "", StringComparison.Ordinal)
            .Replace(@"\,", "", StringComparison.Ordinal);
        for (var at = 0; at < text.Length;)
        {
            var start = at;
            if (text[at] == '\\' && Fraction(text, ref at) is { } fraction)
            {
                yield return IsNegative(text, start) ? fraction with { Numerator = -fraction.Numerator } : fraction;
            }
            else if (!char.IsAsciiDigit(text[at]) && !BeginsWithPoint(text, at))
            {
                at = start + 1;
            }
            else
            {
                var value = Quotient(text, ref at);
                if (start == 0 || !(char.IsLetter(text[start - 1]) || text[start - 1] == '_')) // x2 and H2O name things
                {
                    yield return IsNegative(text, start) ? value with { Numerator = -value.Numerator } : value;
                }
            }
        }
    }

    private static bool BeginsWithPoint(string text, int at) =>
        text[at] == '.' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]) && (at == 0 || !char.IsAsciiDigit(text[at - 1]));

    /// <summary>Whether a minus stands right before, a sign of money between them or not, that does not take something from something.</summary>
    private static bool IsNegative(string text, int start)
    {
        var at = start - 1;
        while (at >= 0 && text[at] is '$' or '€' or '£' or '\\' or '{')
        {
            at--;
        }

        return at >= 0 && text[at] is '-' or '\u2212' && (at == 0 || !(char.IsLetterOrDigit(text[at - 1]) || text[at - 1] is ')' or ']' or '}'));
    }

    /// <summary><c>\frac{3}{4}</c> or <c>\frac34</c>.</summary>
    private static MathNumber? Fraction(string text, ref int at)
    {
        var start = at;
        if (Array.Find(Fractions, name => string.CompareOrdinal(text, start, name, 0, name.Length) == 0) is not { } name)
        {
            return null;
        }

        var end = at + name.Length;
        if (Argument(text, ref end) is not { } above || Argument(text, ref end) is not { } below)
        {
            return null;
        }

        at = end;
        return above.DividedBy(below);
    }

    private static MathNumber? Argument(string text, ref int at)
    {
        if (at < text.Length && char.IsAsciiDigit(text[at]))
        {
            return new MathNumber(text[at++] - '0', 1);
        }

        if (at >= text.Length || text[at] != '{' || text.IndexOf('}', at) is not (> 0 and var end))
        {
            return null;
        }

        var inner = text[(at + 1)..end].Trim();
        var (isNegative, place) = (inner.StartsWith('-') || inner.StartsWith('\u2212'), 0);
        inner = isNegative ? inner[1..].TrimStart() : inner;
        if (inner.Length == 0 || !char.IsAsciiDigit(inner[0]) || Decimal(inner, ref place) is var value && place != inner.Length)
        {
            return null;
        }

        at = end + 1;
        return isNegative ? value with { Numerator = -value.Numerator } : value;
    }

    private static MathNumber Quotient(string text, ref int at)
    {
        var value = Decimal(text, ref at);
        if (at + 1 < text.Length && text[at] == '/' && char.IsAsciiDigit(text[at + 1]))
        {
            at++;
            value = value.DividedBy(Decimal(text, ref at));
        }

        return value;
    }

    private MathNumber DividedBy(MathNumber other) => other.IsNumber ? new(Numerator * other.Denominator, Denominator * other.Numerator) : default;

    /// <summary>Digits with commas between thousands, a point and digits, a power of ten.</summary>
    private static MathNumber Decimal(string text, ref int at)
    {
        var whole = Digits(text, ref at);
        for (var isGrouped = whole.Length is >= 1 and <= 3; isGrouped && IsGroup(text, at); at += 4)
        {
            whole += text.Substring(at + 1, 3);
        }

        var places = "";
        if (at + 1 < text.Length && text[at] == '.' && char.IsAsciiDigit(text[at + 1]))
        {
            at++;
            places = Digits(text, ref at);
        }

        var exponent = Exponent(text, ref at);
        if (whole.Length + places.Length > Limits.NumberDigits || Math.Abs(exponent) > LargestExponent)
        {
            return default;
        }

        var value = BigInteger.Parse("0" + whole + places, NumberStyles.None, CultureInfo.InvariantCulture);
        var power = exponent - places.Length;
        return power >= 0 ? new(value * BigInteger.Pow(10, power), 1) : new(value, BigInteger.Pow(10, -power));
    }

    private static string Digits(string text, ref int at)
    {
        var start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
        {
            at++;
        }

        return text[start..at];
    }

    private static bool IsGroup(string text, int at) =>
        at + 3 < text.Length && text[at] == ',' && char.IsAsciiDigit(text[at + 1]) && char.IsAsciiDigit(text[at + 2]) && char.IsAsciiDigit(text[at + 3])
        && (at + 4 == text.Length || !char.IsAsciiDigit(text[at + 4]));

    private static int Exponent(string text, ref int at)
    {
        var end = at;
        if (end >= text.Length || text[end] is not ('e' or 'E'))
        {
            return 0;
        }

        var isNegative = ++end < text.Length && text[end] == '-';
        end += end < text.Length && text[end] is '-' or '+' ? 1 : 0;
        var digits = Digits(text, ref end);
        if (digits.Length == 0 || (end < text.Length && char.IsLetter(text[end])))
        {
            return 0;
        }

        at = end;
        var size = digits.Length > 4 ? LargestExponent + 1 : int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        return isNegative ? -size : size;
    }
}
