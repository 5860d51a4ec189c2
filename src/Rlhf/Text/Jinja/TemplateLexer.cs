using System.Globalization;
using System.Text;

namespace Rlhf.Text.Jinja;

/// <summary>Kinds of <see cref="TemplateToken"/>.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text between tags.</summary>
    Data,

    /// <summary><c>{{</c></summary>
    OutputBegin,

    /// <summary><c>}}</c></summary>
    OutputEnd,

    /// <summary><c>{%</c></summary>
    BlockBegin,

    /// <summary><c>%}</c></summary>
    BlockEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A string literal; the value is its content.</summary>
    Text,

    /// <summary>A number literal.</summary>
    Number,

    /// <summary>An operator or bracket.</summary>
    Operator,

    /// <summary>After the last token.</summary>
    End,
}

/// <summary>A token of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Value">Its text.</param>
/// <param name="Position">Where it begins.</param>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Value, int Position)
{
    /// <summary>Whether it is this operator.</summary>
    public bool IsOperator(string value) => Kind == TemplateTokenKind.Operator && Value == value;

    /// <summary>Whether it is this name.</summary>
    public bool IsName(string value) => Kind == TemplateTokenKind.Name && Value == value;
}

/// <summary>
/// Cuts a template into tokens as Jinja2 does with trim_blocks and lstrip_blocks: the line break behind a block or comment tag goes, and so
/// does white space in front of one at the start of a line; '-' takes all white space on its side, '+' leaves it.
/// </summary>
internal sealed class TemplateLexer
{
    // Longest first.
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "|", ".", ",", ":", "(", ")", "[", "]", "{", "}"];

    private readonly TemplateSource _source;
    private readonly string _text;
    private readonly List<TemplateToken> _tokens = [];
    private int _position;
    // Whether what stands here begins a line, as far as white space in front of a tag is concerned.
    private bool _lineStarts = true;

    private TemplateLexer(TemplateSource source)
    {
        _source = source;
        _text = source.Text;
    }

    /// <summary>All tokens; the last is <see cref="TemplateTokenKind.End"/>.</summary>
    public static List<TemplateToken> Tokenize(TemplateSource source)
    {
        var lexer = new TemplateLexer(source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        while (_position < _text.Length)
        {
            var tag = NextTag(_position);
            ReadData(tag);
            if (_position == _text.Length)
            {
                break;
            }

            switch (_text[_position + 1])
            {
                case '#':
                    SkipComment();
                    break;
                case '%' when RawTagEnd() is { } end:
                    ReadRaw(end);
                    break;
                default:
                    ReadTag();
                    break;
            }
        }

        Add(TemplateTokenKind.End, "", _text.Length);
    }

    private int NextTag(int from)
    {
        for (var at = from; (at = _text.IndexOf('{', at)) >= 0 && at + 1 < _text.Length; at++)
        {
            if (_text[at + 1] is '{' or '%' or '#')
            {
                return at;
            }
        }

        return _text.Length;
    }

    private void ReadData(int end)
    {
        var data = _text[_position..end];
        if (end < _text.Length)
        {
            data = TrimBeforeTag(data, end);
        }

        if (data.Length > 0)
        {
            Add(TemplateTokenKind.Data, data, _position);
        }

        _position = end;
    }

    private string TrimBeforeTag(string data, int tag)
    {
        var sign = tag + 2 < _text.Length ? _text[tag + 2] : '\0';
        if (sign == '-')
        {
            return PythonText.TrimEnd(data);
        }

        if (sign == '+' || _text[tag + 1] == '{')
        {
            return data;
        }

        var line = data.LastIndexOf('\n') + 1;
        return (line > 0 || _lineStarts) && PythonText.TrimEnd(data[line..]).Length == 0 ? data[..line] : data;
    }

    /// <summary>Steps behind a tag's end sign ("-" or "+" and two characters) and the white space that it takes along.</summary>
    private void EndTag(char sign, int end, bool trimsLine)
    {
        _position = end;
        if (sign == '-')
        {
            _position = PythonText.EndOfSpaces(_text, end);
        }
        else if (trimsLine && sign != '+' && _position < _text.Length && _text[_position] == '\n')
        {
            _position++;
        }

        _lineStarts = _text[_position - 1] == '\n';
    }

    private void SkipComment()
    {
        var end = _text.IndexOf("#}", _position + 2, StringComparison.Ordinal);
        if (end < 0)
        {
            throw _source.Error(_position, "the comment is not closed: expected #}");
        }

        EndTag(end > _position + 2 ? _text[end - 1] : '\0', end + 2, trimsLine: true);
    }

    /// <summary>Where <c>{% raw %}</c> ends, when that stands here.</summary>
    private int? RawTagEnd() => BlockNamed("raw", _position) is { } end ? end : null;

    private int? BlockNamed(string name, int at)
    {
        at += 2;
        if (at < _text.Length && _text[at] is '-' or '+')
        {
            at++;
        }

        at = SkipSpaces(at);
        if (string.CompareOrdinal(_text, at, name, 0, name.Length) != 0)
        {
            return null;
        }

        at = SkipSpaces(at + name.Length);
        if (at < _text.Length && _text[at] is '-' or '+')
        {
            at++;
        }

        return string.CompareOrdinal(_text, at, "%}", 0, 2) == 0 ? at + 2 : null;
    }

    private void ReadRaw(int contentStart)
    {
        var start = _position;
        EndTag(_text[contentStart - 3], contentStart, trimsLine: false);
        for (var tag = _position; (tag = _text.IndexOf("{%", tag, StringComparison.Ordinal)) >= 0; tag += 2)
        {
            if (BlockNamed("endraw", tag) is not { } end)
            {
                continue;
            }

            ReadData(tag);
            EndTag(_text[end - 3], end, trimsLine: true);
            return;
        }

        throw _source.Error(start, "the raw block is not closed: expected {% endraw %}");
    }

    private void ReadTag()
    {
        var isBlock = _text[_position + 1] == '%';
        var close = isBlock ? "%}" : "}}";
        var start = _position;
        Add(isBlock ? TemplateTokenKind.BlockBegin : TemplateTokenKind.OutputBegin, "", _position);
        _position += 2;
        if (_position < _text.Length && (_text[_position] == '-' || (isBlock && _text[_position] == '+')))
        {
            _position++;
        }

        var brackets = new Stack<char>();
        while (true)
        {
            _position = SkipSpaces(_position);
            if (_position >= _text.Length)
            {
                throw _source.Error(start, $"the tag is not closed: expected {close}");
            }

            var sign = _text[_position] is '-' or '+' ? _text[_position] : '\0';
            var end = sign == '\0' ? _position : _position + 1;
            if (brackets.Count == 0 && (sign != '+' || isBlock) && string.CompareOrdinal(_text, end, close, 0, 2) == 0)
            {
                Add(isBlock ? TemplateTokenKind.BlockEnd : TemplateTokenKind.OutputEnd, "", _position);
                EndTag(sign, end + 2, isBlock);
                return;
            }

            ReadExpressionToken(brackets);
        }
    }

    private void ReadExpressionToken(Stack<char> brackets)
    {
        var first = _text[_position];
        if (first is '"' or '\'')
        {
            ReadText(first);
        }
        else if (char.IsAsciiDigit(first))
        {
            ReadNumber();
        }
        else if (char.IsLetter(first) || first == '_')
        {
            ReadWhile(TemplateTokenKind.Name, unit => char.IsLetterOrDigit(unit) || unit == '_');
        }
        else if (Operators.FirstOrDefault(sign => string.CompareOrdinal(_text, _position, sign, 0, sign.Length) == 0) is { } found)
        {
            if (found is "(" or "[" or "{")
            {
                brackets.Push(found is "(" ? ')' : found is "[" ? ']' : '}');
            }
            else if (found is (")" or "]" or "}") && !(brackets.TryPop(out var expected) && expected == found[0]))
            {
                throw _source.Error(_position, $"unexpected \"{found}\"");
            }

            Add(TemplateTokenKind.Operator, found, _position);
            _position += found.Length;
        }
        else
        {
            throw _source.Error(_position, $"unexpected \"{first}\"");
        }
    }

    private void ReadNumber()
    {
        var end = _position;
        while (end < _text.Length && (char.IsAsciiDigit(_text[end]) || _text[end] == '_'))
        {
            end++;
        }

        if (end + 1 < _text.Length && _text[end] == '.' && char.IsAsciiDigit(_text[end + 1]))
        {
            end++;
            while (end < _text.Length && char.IsAsciiDigit(_text[end]))
            {
                end++;
            }
        }

        if (end < _text.Length && _text[end] is 'e' or 'E')
        {
            var digits = end + 1 < _text.Length && _text[end + 1] is '+' or '-' ? end + 2 : end + 1;
            if (digits < _text.Length && char.IsAsciiDigit(_text[digits]))
            {
                for (end = digits; end < _text.Length && char.IsAsciiDigit(_text[end]);)
                {
                    end++;
                }
            }
        }

        Add(TemplateTokenKind.Number, _text[_position..end].Replace("_", "", StringComparison.Ordinal), _position);
        _position = end;
    }

    private void ReadWhile(TemplateTokenKind kind, Func<char, bool> belongs)
    {
        var start = _position;
        while (_position < _text.Length && belongs(_text[_position]))
        {
            _position++;
        }

        Add(kind, _text[start.._position], start);
    }

    private void ReadText(char quote)
    {
        var start = _position++;
        var value = new StringBuilder();
        while (true)
        {
            if (_position >= _text.Length)
            {
                throw _source.Error(start, "the string is not closed");
            }

            var unit = _text[_position++];
            if (unit == quote)
            {
                break;
            }

            if (unit == '\\' && _position < _text.Length)
            {
                ReadEscape(value);
            }
            else
            {
                value.Append(unit);
            }
        }

        Add(TemplateTokenKind.Text, value.ToString(), start);
    }

    private void ReadEscape(StringBuilder value)
    {
        var escape = _text[_position++];
        const string Letters = "nrtabfv0\\'\"", Meanings = "\n\r\t\a\b\f\v\0\\'\"";
        if (escape is 'x' or 'u' or 'U')
        {
            var digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
            if (_position + digits > _text.Length
                || !int.TryParse(_text.AsSpan(_position, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var point)
                || point is < 0 or > 0x10FFFF)
            {
                throw _source.Error(_position - 2, $"\\{escape} needs {digits} hexadecimal digits");
            }

            value.Append(Rune.IsValid(point) ? new Rune(point).ToString() : ((char)point).ToString());
            _position += digits;
        }
        else if (Letters.IndexOf(escape, StringComparison.Ordinal) is >= 0 and var index)
        {
            value.Append(Meanings[index]);
        }
        else if (escape != '\n')
        {
            value.Append('\\').Append(escape);
        }
    }

    private int SkipSpaces(int at)
    {
        while (at < _text.Length && char.IsWhiteSpace(_text[at]))
        {
            at++;
        }

        return at;
    }

    private void Add(TemplateTokenKind kind, string value, int position) => _tokens.Add(new TemplateToken(kind, value, position));
}
