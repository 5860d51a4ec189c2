using System.Runtime.CompilerServices;

namespace Rlhf.Text.Jinja;

/// <summary>Parses the statements of a template; expressions are in <see cref="ExpressionParser"/>.</summary>
internal sealed class TemplateParser
{
    private readonly ExpressionParser _expressions;
    private int _loops;

    private TemplateParser(ExpressionParser expressions) => _expressions = expressions;

    /// <summary>Parses a whole template.</summary>
    public static Statement[] Parse(TemplateSource source)
    {
        source.CheckLength();
        var parser = new TemplateParser(new ExpressionParser(source, TemplateLexer.Tokenize(source)));
        try
        {
            return parser.Body();
        }
        catch (InsufficientExecutionStackException)
        {
            throw parser._expressions.Error("the template is nested too deeply");
        }
    }

    /// <summary>Statements up to the end or up to one of these tags, whose name is then the current token.</summary>
    private Statement[] Body(params ReadOnlySpan<string> ends)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var body = new List<Statement>();
        while (true)
        {
            var token = _expressions.Current;
            switch (token.Kind)
            {
                case TemplateTokenKind.Data:
                    _expressions.Advance();
                    body.Add(new DataOutput(token.Position, token.Value));
                    break;
                case TemplateTokenKind.OutputBegin:
                    _expressions.Advance();
                    body.Add(new ValueOutput(token.Position, _expressions.ExpressionOrTuple()));
                    Expect(TemplateTokenKind.OutputEnd, "}}");
                    break;
                case TemplateTokenKind.BlockBegin:
                    _expressions.Advance();
                    if (_expressions.Current is { Kind: TemplateTokenKind.Name } name && ends.Contains(name.Value))
                    {
                        return [.. body];
                    }

                    body.Add(Block());
                    break;
                default:
                    return ends.IsEmpty
                        ? [.. body]
                        : throw _expressions.Error($"expected {string.Join(" or ", ends.ToArray().Select(end => $"{{% {end} %}}"))} before the end");
            }
        }
    }

    private Statement Block()
    {
        var name = _expressions.Current;
        if (name.Kind != TemplateTokenKind.Name)
        {
            throw _expressions.Error("expected the name of a block tag");
        }

        _expressions.Advance();
        return name.Value switch
        {
            "if" => IfBlock(name.Position),
            "for" => ForBlock(name.Position),
            "set" => SetBlock(name.Position),
            "macro" => MacroBlock(name.Position),
            "generation" => new GenerationBlock(name.Position, Closed("endgeneration")),
            "filter" => FilterBlockOf(name.Position),
            "break" or "continue" => LoopControlTag(name),
            _ => throw _expressions.Error(name.Position, $"the block tag \"{name.Value}\" is not supported"),
        };
    }

    private If IfBlock(int position)
    {
        var branches = new List<(Expression?, Statement[])>();
        Expression? condition = _expressions.Expression();
        while (true)
        {
            EndTag();
            var body = condition is null ? Body("endif") : Body("elif", "else", "endif");
            branches.Add((condition, body));
            var tag = _expressions.Current.Value;
            _expressions.Advance();
            if (tag == "endif")
            {
                EndTag();
                return new If(position, [.. branches]);
            }

            condition = tag == "elif" ? _expressions.Expression() : null;
        }
    }

    private For ForBlock(int position)
    {
        var targets = _expressions.Names();
        if (!_expressions.TakeName("in"))
        {
            throw _expressions.Error("expected \"in\"");
        }

        var source = _expressions.WithoutConditional();
        var condition = _expressions.TakeName("if") ? _expressions.Expression() : null;
        if (_expressions.Current.IsName("recursive"))
        {
            throw _expressions.Error("recursive loops are not supported");
        }

        EndTag();
        _loops++;
        var body = Body("else", "endfor");
        _loops--;
        Statement[] otherwise = [];
        if (_expressions.TakeName("else"))
        {
            EndTag();
            otherwise = Body("endfor");
        }

        _expressions.Advance();
        EndTag();
        return new For(position, targets, source, condition, body, otherwise);
    }

    private Set SetBlock(int position)
    {
        var targets = _expressions.Names();
        string? attribute = null;
        if (targets.Length == 1 && _expressions.TakeOperator("."))
        {
            attribute = _expressions.Name();
        }

        if (_expressions.TakeOperator("="))
        {
            var value = _expressions.ExpressionOrTuple();
            EndTag();
            return new Set(position, targets, attribute, value, [], null);
        }

        if (targets.Length > 1)
        {
            throw _expressions.Error("expected \"=\"");
        }

        var filter = _expressions.Current.IsOperator("|") ? _expressions.Filters(new Literal(position, null)) as FilterCall : null;
        return new Set(position, targets, attribute, null, Closed("endset"), filter);
    }

    private Macro MacroBlock(int position)
    {
        var name = _expressions.Name();
        var parameters = new List<(string, Expression?)>();
        _expressions.Expect("(");
        while (!_expressions.TakeOperator(")"))
        {
            if (parameters.Count > 0)
            {
                _expressions.Expect(",");
            }

            parameters.Add((_expressions.Name(), _expressions.TakeOperator("=") ? _expressions.Expression() : null));
        }

        var outer = _loops;
        _loops = 0;
        var body = Closed("endmacro");
        _loops = outer;
        return new Macro(position, name, [.. parameters], body);
    }

    private FilterBlock FilterBlockOf(int position)
    {
        var filter = _expressions.FilterChain(new Literal(position, null));
        return new FilterBlock(position, filter, Closed("endfilter"));
    }

    private LoopControl LoopControlTag(TemplateToken name)
    {
        if (_loops == 0)
        {
            throw _expressions.Error(name.Position, $"\"{name.Value}\" outside of a loop");
        }

        EndTag();
        return new LoopControl(name.Position, name.Value == "break");
    }

    /// <summary>The end of the opening tag, the body, and the closing tag.</summary>
    private Statement[] Closed(string end)
    {
        EndTag();
        var body = Body(end);
        _expressions.Advance();
        EndTag();
        return body;
    }

    private void EndTag() => Expect(TemplateTokenKind.BlockEnd, "%}");

    private void Expect(TemplateTokenKind kind, string shown)
    {
        if (_expressions.Current.Kind != kind)
        {
            throw _expressions.Error($"expected {shown}, found {_expressions.Found}");
        }

        _expressions.Advance();
    }
}
