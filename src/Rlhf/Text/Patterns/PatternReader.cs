using System.Globalization;
using System.Text;

namespace Rlhf.Text.Patterns;

/// <summary>A pattern's characters, from left to right, and its escapes.</summary>
internal sealed class PatternReader(string pattern)
{
    private readonly int[] _codePoints = [.. pattern.EnumerateRunes().Select(static rune => rune.Value)];
    private int _position;

    public bool IsAtEnd => _position == _codePoints.Length;

    /// <summary>The next code point, which stays; -1 at the end.</summary>
    public int Next => IsAtEnd ? -1 : _codePoints[_position];

    /// <summary>Whether a name follows, as in <c>(?&lt;name></c>.</summary>
    public bool IsName => Next is '<' || (Next is >= 'A' and <= 'z' && char.IsAsciiLetter((char)Next));

    /// <summary>What is wrong, with the place.</summary>
    public FormatException Refuse(string what) => new(FormattableString.Invariant($"{what} (at character {_position})"));

    public int Read() => IsAtEnd ? throw Refuse("the pattern ends too early") : _codePoints[_position++];

    public bool Take(char wanted)
    {
        var found = Next == wanted;
        _position += found ? 1 : 0;
        return found;
    }

    public bool Take(string wanted)
    {
        var found = _position + wanted.Length <= _codePoints.Length && wanted.Index().All(pair => _codePoints[_position + pair.Index] == pair.Item);
        _position += found ? wanted.Length : 0;
        return found;
    }

    /// <summary>Goes back some characters.</summary>
    public void Back(int count) => _position -= count;

    /// <summary>Reads up to a character and the character; what stood before it.</summary>
    public string ReadPast(char end)
    {
        var text = new StringBuilder();
        for (int next; (next = Read()) != end;)
        {
            text.Append(char.ConvertFromUtf32(next));
        }

        return text.ToString();
    }

    /// <summary><c>{n}</c>, <c>{n,}</c>, <c>{,m}</c> or <c>{n,m}</c>; null, and nothing read, where a brace is only a brace.</summary>
    public (int Least, int? Most)? TakeRepeats()
    {
        var start = _position;
        if (!Take('{'))
        {
            return null;
        }

        var least = Number();
        var comma = Take(',');
        var most = comma ? Number() : least;
        if (!Take('}') || (least is null && most is null))
        {
            _position = start;
            return null;
        }

        return (least ?? 0, most);
    }

    /// <summary>Reads what stands behind a backslash: one character or a set of them.</summary>
    public CodePointSet EscapedSet()
    {
        var name = Read();
        return name switch
        {
            's' => UnicodeProperties.WhiteSpace,
            'S' => UnicodeProperties.WhiteSpace.Complement(),
            'd' => UnicodeProperties.Find("nd")!,
            'D' => UnicodeProperties.Find("nd")!.Complement(),
            'w' => UnicodeProperties.Word,
            'W' => UnicodeProperties.Word.Complement(),
            'h' => UnicodeProperties.Find("xdigit")!,
            'H' => UnicodeProperties.Find("xdigit")!.Complement(),
            'p' or 'P' => Property(name == 'P'),
            _ => CodePointSet.Of(EscapedCharacter(name)),
        };
    }

    private CodePointSet Property(bool negated)
    {
        var name = Take('{') ? ReadPast('}') : char.ConvertFromUtf32(Read());
        negated ^= name.StartsWith('^');
        var set = UnicodeProperties.Find(name.TrimStart('^')) ?? throw Refuse($"the property {name} is not known");
        return negated ? set.Complement() : set;
    }

    private int EscapedCharacter(int name) => name switch
    {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'f' => '\f',
        'v' => '\v',
        'a' => '\a',
        'e' => 0x1B,
        '0' => 0,
        'x' when Take('{') => Hexadecimal(ReadPast('}')),
        'x' => Hexadecimal(Digits(2)),
        'u' => Hexadecimal(Digits(4)),
        >= '1' and <= '9' => throw Refuse("back references are not supported"),
        _ when name <= 'z' && char.IsAsciiLetter((char)name) => throw Refuse($"the escape \\{(char)name} is not supported"),
        _ => name,
    };

    private string Digits(int most)
    {
        var digits = new StringBuilder();
        while (digits.Length < most && Next is >= 0 and <= 'f' && char.IsAsciiHexDigit((char)Next))
        {
            digits.Append((char)Read());
        }

        return digits.ToString();
    }

    private int Hexadecimal(string digits) =>
        digits.Length <= 6 && int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && value < CodePointSet.End
            ? value
            : throw Refuse("expected the hexadecimal number of a character");

    private int? Number()
    {
        var start = _position;
        var value = 0;
        for (; Next is >= '0' and <= '9'; _position++)
        {
            value = Math.Min((value * 10) + (Next - '0'), 1_000_000);
        }

        return _position > start ? value : null;
    }
}
