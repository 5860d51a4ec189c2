using System.Globalization;
using System.Runtime.CompilerServices;

namespace Rlhf.Text.Jinja;

/// <summary>Parses expressions, with Jinja2's precedence: if-else, or, and, not, comparison, + -, ~, * / // %, **, sign, then . [] () | is.</summary>
internal sealed class ExpressionParser(TemplateSource source, List<TemplateToken> tokens)
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];
    private static readonly string[][] Levels = [["+", "-"], ["~"], ["*", "/", "//", "%"], ["**"]];
    private int _index;

    /// <summary>The token to be read next.</summary>
    public TemplateToken Current => tokens[_index];

    /// <summary>The current token, for messages.</summary>
    public string Found => Current.Kind switch
    {
        TemplateTokenKind.End => "the end of the template",
        TemplateTokenKind.BlockEnd => "%}",
        TemplateTokenKind.OutputEnd => "}}",
        TemplateTokenKind.Text => "a string",
        _ => $"\"{Current.Value}\"",
    };

    /// <summary>Goes on to the next token.</summary>
    public void Advance() => _index = Math.Min(_index + 1, tokens.Count - 1);

    /// <summary>An error at the current token.</summary>
    public InputException Error(string message) => Error(Current.Position, message);

    /// <summary>An error at a position.</summary>
    public InputException Error(int position, string message) => source.Error(position, message);

    /// <summary>Reads this operator if it is next.</summary>
    public bool TakeOperator(string value) => Take(Current.IsOperator(value));

    /// <summary>Reads this name if it is next.</summary>
    public bool TakeName(string value) => Take(Current.IsName(value));

    /// <summary>Reads an operator that must be next.</summary>
    public void Expect(string value)
    {
        if (!TakeOperator(value))
        {
            throw Error($"expected \"{value}\", found {Found}");
        }
    }

    /// <summary>Reads a name.</summary>
    public string Name()
    {
        if (Current.Kind != TemplateTokenKind.Name)
        {
            throw Error($"expected a name, found {Found}");
        }

        var name = Current.Value;
        Advance();
        return name;
    }

    /// <summary>Reads names with commas between, as in for and set; brackets around them are allowed.</summary>
    public string[] Names()
    {
        var bracketed = TakeOperator("(");
        var names = new List<string> { Name() };
        while (TakeOperator(","))
        {
            names.Add(Name());
        }

        if (bracketed)
        {
            Expect(")");
        }

        return [.. names];
    }

    /// <summary>An expression, or several with commas between, which make a tuple.</summary>
    public Expression ExpressionOrTuple()
    {
        var first = Expression();
        if (!Current.IsOperator(","))
        {
            return first;
        }

        var items = new List<Expression> { first };
        while (TakeOperator(",") && Current.Kind is not (TemplateTokenKind.BlockEnd or TemplateTokenKind.OutputEnd))
        {
            items.Add(Expression());
        }

        return new ListDisplay(first.Position, [.. items], IsTuple: true);
    }

    /// <summary>An expression.</summary>
    public Expression Expression()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var then = WithoutConditional();
        while (Current.IsName("if"))
        {
            var position = Current.Position;
            Advance();
            var condition = WithoutConditional();
            then = new Conditional(position, condition, then, TakeName("else") ? Expression() : null);
        }

        return then;
    }

    /// <summary>An expression that is not followed by if: the source of a loop.</summary>
    public Expression WithoutConditional()
    {
        var left = And();
        while (Current.IsName("or"))
        {
            left = BinaryAfter(left, And);
        }

        return left;
    }

    private Expression And()
    {
        var left = Not();
        while (Current.IsName("and"))
        {
            left = BinaryAfter(left, Not);
        }

        return left;
    }

    private Expression Not()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var position = Current.Position;
        return TakeName("not") ? new Unary(position, "not", Not()) : Compare();
    }

    private Expression Compare()
    {
        var first = Arithmetic(0);
        var others = new List<(string, Expression)>();
        while (ComparisonOperator() is { } comparison)
        {
            others.Add((comparison, Arithmetic(0)));
        }

        return others.Count == 0 ? first : new Comparison(first.Position, first, [.. others]);
    }

    private string? ComparisonOperator()
    {
        if (Current.Kind == TemplateTokenKind.Operator && Comparisons.Contains(Current.Value))
        {
            var value = Current.Value;
            Advance();
            return value;
        }

        if (TakeName("in"))
        {
            return "in";
        }

        if (Current.IsName("not") && tokens[_index + 1].IsName("in"))
        {
            Advance();
            Advance();
            return "not in";
        }

        return null;
    }

    private Expression Arithmetic(int level)
    {
        if (level == Levels.Length)
        {
            return Signed(withFilters: true);
        }

        var left = Arithmetic(level + 1);
        while (Current.Kind == TemplateTokenKind.Operator && Levels[level].Contains(Current.Value))
        {
            left = BinaryAfter(left, () => Arithmetic(level + 1));
        }

        return left;
    }

    private Binary BinaryAfter(Expression left, Func<Expression> right)
    {
        var sign = Current;
        Advance();
        return new Binary(sign.Position, sign.Value, left, right());
    }

    private Expression Signed(bool withFilters)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var token = Current;
        Expression value;
        if (token.IsOperator("-") || token.IsOperator("+"))
        {
            Advance();
            value = new Unary(token.Position, token.Value, Signed(withFilters: false));
        }
        else
        {
            value = Primary();
        }

        value = Postfix(value);
        return withFilters ? Filters(value) : value;
    }

    private Expression Primary()
    {
        var token = Current;
        Advance();
        switch (token.Kind)
        {
            case TemplateTokenKind.Name:
                return token.Value switch
                {
                    "true" or "True" => new Literal(token.Position, true),
                    "false" or "False" => new Literal(token.Position, false),
                    "none" or "None" => new Literal(token.Position, null),
                    _ => new Variable(token.Position, token.Value),
                };
            case TemplateTokenKind.Text:
                var text = new List<string> { token.Value };
                for (; Current.Kind == TemplateTokenKind.Text; Advance())
                {
                    text.Add(Current.Value);
                }

                return new Literal(token.Position, string.Concat(text));
            case TemplateTokenKind.Number:
                return new Literal(token.Position, NumberOf(token));
            case TemplateTokenKind.Operator when token.Value == "(":
                return Bracketed(token.Position);
            case TemplateTokenKind.Operator when token.Value == "[":
                return new ListDisplay(token.Position, [.. Items("]", Expression)], IsTuple: false);
            case TemplateTokenKind.Operator when token.Value == "{":
                return new DictionaryDisplay(token.Position, [.. Items("}", KeyAndValue)]);
            default:
                _index--;
                throw Error($"expected a value, found {Found}");
        }
    }

    private object NumberOf(TemplateToken token)
    {
        if (long.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var whole))
        {
            return whole;
        }

        return token.Value.AsSpan().ContainsAny('.', 'e', 'E')
            ? double.Parse(token.Value, CultureInfo.InvariantCulture)
            : throw Error(token.Position, "the number is too large");
    }

    private Expression Bracketed(int position)
    {
        if (TakeOperator(")"))
        {
            return new ListDisplay(position, [], IsTuple: true);
        }

        var first = Expression();
        if (TakeOperator(")"))
        {
            return first;
        }

        Expect(",");
        return new ListDisplay(position, [first, .. Items(")", Expression)], IsTuple: true);
    }

    private List<T> Items<T>(string close, Func<T> item)
    {
        var items = new List<T>();
        while (!TakeOperator(close))
        {
            if (items.Count > 0)
            {
                Expect(",");
                if (TakeOperator(close))
                {
                    break;
                }
            }

            items.Add(item());
        }

        return items;
    }

    private (Expression Key, Expression Value) KeyAndValue()
    {
        var key = Expression();
        Expect(":");
        return (key, Expression());
    }

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            var position = Current.Position;
            if (TakeOperator("."))
            {
                // a.0 is a[0] in Jinja.
                if (Current.Kind == TemplateTokenKind.Number)
                {
                    value = new Subscript(position, value, new Literal(Current.Position, NumberOf(Current)));
                    Advance();
                }
                else
                {
                    value = new Attribute(position, value, Name());
                }
            }
            else if (TakeOperator("["))
            {
                value = SubscriptOf(position, value);
            }
            else if (Current.IsOperator("("))
            {
                value = new Call(position, value, ArgumentList());
            }
            else
            {
                return value;
            }
        }
    }

    private Expression SubscriptOf(int position, Expression target)
    {
        Expression? Part() => Current.IsOperator(":") || Current.IsOperator("]") ? null : Expression();
        var start = Part();
        if (TakeOperator("]"))
        {
            return new Subscript(position, target, start ?? throw Error(position, "the brackets are empty"));
        }

        Expect(":");
        var stop = Part();
        var step = TakeOperator(":") ? Part() : null;
        Expect("]");
        return new Slice(position, target, start, stop, step);
    }

    private Arguments ArgumentList()
    {
        Expect("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        foreach (var (name, value) in Items(")", Argument))
        {
            if (name is not null)
            {
                named.Add((name, value));
            }
            else if (named.Count == 0)
            {
                positional.Add(value);
            }
            else
            {
                throw Error(value.Position, "a positional argument stands behind a named one");
            }
        }

        return new Arguments([.. positional], [.. named]);
    }

    private (string? Name, Expression Value) Argument()
    {
        if (Current.IsOperator("*") || Current.IsOperator("**"))
        {
            throw Error("unpacked arguments are not supported");
        }

        if (Current.Kind != TemplateTokenKind.Name || !tokens[_index + 1].IsOperator("="))
        {
            return (null, Expression());
        }

        var name = Name();
        Expect("=");
        return (name, Expression());
    }

    /// <summary>Filters and tests behind a value.</summary>
    public Expression Filters(Expression value)
    {
        while (true)
        {
            if (TakeOperator("|"))
            {
                value = Filter(value);
            }
            else if (Current.IsName("is"))
            {
                value = Test(value);
            }
            else if (Current.IsOperator("("))
            {
                value = new Call(Current.Position, value, ArgumentList());
            }
            else
            {
                return value;
            }
        }
    }

    /// <summary>Filters with bars between, the first without one: a filter block.</summary>
    public FilterCall FilterChain(Expression value)
    {
        var filter = Filter(value);
        while (TakeOperator("|"))
        {
            filter = Filter(filter);
        }

        return filter;
    }

    private FilterCall Filter(Expression value)
    {
        var position = Current.Position;
        var name = Name();
        if (!TemplateFilters.IsKnown(name))
        {
            throw Error(position, $"the filter \"{name}\" is not supported");
        }

        return new FilterCall(position, value, name, Current.IsOperator("(") ? ArgumentList() : Arguments.None);
    }

    private Expression Test(Expression value)
    {
        var start = Current.Position;
        Advance();
        var negated = TakeName("not");
        var position = Current.Position;
        var name = Name();
        if (!TemplateTests.IsKnown(name))
        {
            throw Error(position, $"the test \"{name}\" is not supported");
        }

        var arguments = Arguments.None;
        if (Current.IsOperator("("))
        {
            arguments = ArgumentList();
        }
        else if (TemplateTests.TakesArgument(name))
        {
            arguments = new Arguments([Postfix(Primary())], []);
        }

        var test = new TestCall(position, value, name, arguments);
        return negated ? new Unary(start, "not", test) : test;
    }

    private bool Take(bool isNext)
    {
        if (isNext)
        {
            Advance();
        }

        return isNext;
    }
}
