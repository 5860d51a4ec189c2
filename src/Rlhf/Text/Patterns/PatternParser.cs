using System.Globalization;

namespace Rlhf.Text.Patterns;

/// <summary>
/// Reads a pattern as Oniguruma does in its Ruby syntax, which tokenizers are written for: possessive quantifiers, classes with intersections, properties
/// and scripts, <c>(?i:…)</c>. What has no meaning for a tokenizer (back references, conditions, calls, absent groups) is refused.
/// </summary>
internal sealed class PatternParser
{
    private const int DeepestNesting = 100;
    private const int MostRepeats = 1000;

    private readonly PatternReader _reader;
    private bool _ignoresCase;
    private bool _dotTakesLines;
    private int _depth;

    private PatternParser(string pattern) => _reader = new PatternReader(pattern);

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="FormatException">It is broken or asks for what is not supported; with the place.</exception>
    public static PatternNode Parse(string pattern)
    {
        var parser = new PatternParser(pattern);
        var node = parser.Alternatives();
        return parser._reader.IsAtEnd ? node : throw parser._reader.Refuse("a ')' closes nothing");
    }

    private PatternNode Alternatives()
    {
        if (++_depth > DeepestNesting)
        {
            throw _reader.Refuse("groups are nested too deeply");
        }

        // A flag that is set in a group ends with it.
        var (ignoresCase, dotTakesLines) = (_ignoresCase, _dotTakesLines);
        var choices = new List<PatternNode>();
        do
        {
            choices.Add(Sequence());
        }
        while (_reader.Take('|'));
        (_ignoresCase, _dotTakesLines) = (ignoresCase, dotTakesLines);
        _depth--;
        return choices.Count == 1 ? choices[0] : new EitherOf(choices);
    }

    private InSequence Sequence()
    {
        var parts = new List<PatternNode>();
        while (!_reader.IsAtEnd && _reader.Next is not ('|' or ')'))
        {
            if (Part() is { } part)
            {
                parts.Add(Quantified(part));
            }
        }

        return new InSequence(parts);
    }

    // Null for a comment.
    private PatternNode? Part()
    {
        switch (_reader.Read())
        {
            case '(':
                return Group();
            case '[':
                return new OneOf(new PatternClass(_reader, _ignoresCase).Read());
            case '.':
                return new OneOf(_dotTakesLines ? CodePointSet.All : CodePointSet.Of('\n').Complement());
            case '^':
                return new EitherOf([new AtPlace(@"\A"), new InGroup("(?<=", new OneOf(CodePointSet.Of('\n')))]);
            case '$':
                return new EitherOf([new AtPlace(@"\z"), new InGroup("(?=", new OneOf(CodePointSet.Of('\n')))]);
            case '\\':
                return Escape();
            case '*' or '+' or '?':
                throw _reader.Refuse("a quantifier follows nothing");
            case var codePoint:
                return One(CodePointSet.Of(codePoint));
        }
    }

    private PatternNode Escape()
    {
        switch (_reader.Next)
        {
            case 'A' or 'z':
                return new AtPlace($@"\{(char)_reader.Read()}");
            case 'Z':
                _reader.Read();
                return new InGroup("(?=", new InSequence([new Repeated(new OneOf(CodePointSet.Of('\n')), "?"), new AtPlace(@"\z")]));
            case 'b' or 'B':
                return WordBoundary(_reader.Read() == 'b');
            case 'R':
                _reader.Read();
                return new InGroup("(?>", new EitherOf(
                [
                    new InSequence([new OneOf(CodePointSet.Of('\r')), new OneOf(CodePointSet.Of('\n'))]),
                    new OneOf(CodePointSet.Range('\n', '\r').Union(CodePointSet.Of(0x85)).Union(CodePointSet.Range(0x2028, 0x2029))),
                ]));
            default:
                return One(_reader.EscapedSet());
        }
    }

    private OneOf One(CodePointSet set) => new(_ignoresCase ? LetterCase.Close(set) : set);

    private static InGroup WordBoundary(bool isBoundary)
    {
        var word = new OneOf(UnicodeProperties.Word);
        PatternNode Side(string behind, string before) => new InSequence([new InGroup(behind, word), new InGroup(before, word)]);
        return new InGroup("(?:", isBoundary
            ? new EitherOf([Side("(?<=", "(?!"), Side("(?<!", "(?=")])
            : new EitherOf([Side("(?<=", "(?="), Side("(?<!", "(?!")]));
    }

    private PatternNode? Group()
    {
        var opening = "(?:";
        if (_reader.Take('?'))
        {
            switch (_reader.Read())
            {
                case ':':
                    break;
                case '>':
                    opening = "(?>";
                    break;
                case '=':
                    opening = "(?=";
                    break;
                case '!':
                    opening = "(?!";
                    break;
                case '#':
                    _reader.ReadPast(')');
                    return null;
                case '<' when _reader.Take('='):
                    opening = "(?<=";
                    break;
                case '<' when _reader.Take('!'):
                    opening = "(?<!";
                    break;
                case '<' or 'P' when _reader.IsName:
                    _reader.ReadPast('>');
                    break;
                case var flag:
                    return FlagGroup(flag);
            }
        }

        return Closed(opening);
    }

    private InGroup Closed(string opening)
    {
        var inner = Alternatives();
        return _reader.Take(')') ? new InGroup(opening, inner) : throw _reader.Refuse("a group is not closed");
    }

    private InGroup FlagGroup(int flag)
    {
        var (ignoresCase, dotTakesLines, set) = (_ignoresCase, _dotTakesLines, true);
        for (; flag is not (':' or ')'); flag = _reader.Read())
        {
            switch (flag)
            {
                case '-':
                    set = false;
                    break;
                case 'i':
                    ignoresCase = set;
                    break;
                case 'm' or 's':
                    dotTakesLines = set;
                    break;
                case 'u':
                    break;
                default:
                    throw _reader.Refuse("this group is not supported");
            }
        }

        var before = (_ignoresCase, _dotTakesLines);
        (_ignoresCase, _dotTakesLines) = (ignoresCase, dotTakesLines);

        // Flags alone hold up to the end of the group around them, over its alternatives: a(?i)b|c is a(?i:b|c).
        var group = flag == ')' ? new InGroup("(?:", Alternatives()) : Closed("(?:");
        (_ignoresCase, _dotTakesLines) = before;
        return group;
    }

    private PatternNode Quantified(PatternNode part)
    {
        while (true)
        {
            if (_reader.IsAtEnd)
            {
                return part;
            }

            if (_reader.Next is '*' or '+' or '?')
            {
                var quantifier = ((char)_reader.Read()).ToString();
                part = _reader.Take('+')
                    ? new InGroup("(?>", new Repeated(part, quantifier))
                    : new Repeated(part, _reader.Take('?') ? quantifier + "?" : quantifier);
            }
            else if (_reader.TakeRepeats() is var (least, most))
            {
                if (least > MostRepeats || most > MostRepeats || most < least)
                {
                    throw _reader.Refuse(FormattableString.Invariant($"expected a number of repetitions from 0 to {MostRepeats}"));
                }

                // {n,m}+ repeats the repetition; {n}? makes it optional.
                var quantifier = string.Create(CultureInfo.InvariantCulture, $"{{{least},{most}}}");
                part = least == most && _reader.Take('?') ? new Repeated(new InGroup("(?:", new Repeated(part, quantifier)), "?")
                    : new Repeated(part, _reader.Take('?') ? quantifier + "?" : quantifier);
            }
            else
            {
                return part;
            }
        }
    }
}
