using System.Runtime.CompilerServices;

namespace Rlhf.Tokenization.Jinja;

/// <summary>Renders a parsed template once, within <see cref="TemplateBudget"/>.</summary>
internal sealed partial class TemplateInterpreter
{
    private static readonly Dictionary<string, object?> NoNames = [];
    private readonly TemplateSource _source;
    private readonly List<(int Start, int Length)> _generated = [];
    private TemplateScope _scope;
    private TemplateWriter _output;
    private bool _isCaptured;
    private LoopControl? _leaving;

    private TemplateInterpreter(TemplateSource source, TemplateScope scope, TemplateBudget budget)
    {
        _source = source;
        _scope = scope;
        Budget = budget;
        _output = new TemplateWriter(budget);
    }

    /// <summary>Counts the work and what is made.</summary>
    public TemplateBudget Budget { get; }

    /// <summary>Renders; Generated are the parts inside generation blocks.</summary>
    public static (string Text, List<(int Start, int Length)> Generated) Render(
        TemplateSource source, Statement[] body, IReadOnlyDictionary<string, object?> variables, TimeProvider clock, TemplateBudget? budget = null)
    {
        var scope = new TemplateScope();
        foreach (var (name, function) in TemplateFunctions.Create(clock))
            scope.Set(name, function);
        foreach (var (name, value) in variables)
            scope.Set(name, TemplateValues.From(value));
        var interpreter = new TemplateInterpreter(source, scope, budget ?? new TemplateBudget(source));
        try
        {
            interpreter.Execute(body);
        }
        catch (InsufficientExecutionStackException)
        {
            throw interpreter.Budget.Error("values or macro calls are nested too deeply");
        }
        catch (OverflowException)
        {
            throw interpreter.Budget.Error("a number is too large");
        }

        return (interpreter._output.ToString(), interpreter._generated);
    }

    /// <summary>An error at a position of the template.</summary>
    public InputException Error(int position, string message) => _source.Error(position, message);

    private void Visit(TemplateNode node) => Budget.Visit(node.Position);

    private TemplateScope ScopeIn(TemplateScope outer)
    {
        Budget.MakeScope();
        return new TemplateScope(outer);
    }

    private void Define(string name, object? value)
    {
        Budget.MakeEntry();
        _scope.Set(name, value);
    }

    private void Execute(Statement[] body)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (var statement in body)
        {
            Visit(statement);
            Execute(statement);
            if (_leaving is not null)
                return;
        }
    }

    private void Execute(Statement statement)
    {
        switch (statement)
        {
            case DataOutput data:
                _output.Write(data.Text);
                break;
            case ValueOutput value:
                TemplateFormat.Write(Evaluate(value.Value), _output, Budget);
                break;
            case If choice:
                foreach (var (condition, body) in choice.Branches)
                {
                    if (condition is not null && !TemplateValues.IsTrue(Evaluate(condition)))
                        continue;
                    Execute(body);
                    break;
                }

                break;
            case For loop:
                ExecuteLoop(loop);
                break;
            case Set set:
                Assign(set);
                break;
            case Macro macro:
                Define(macro.Name, new TemplateFunction(macro.Name, MacroBody(macro, _scope)));
                break;
            case GenerationBlock generation:
                if (_isCaptured)
                    throw Error(generation.Position, "a generation block inside a macro, set or filter block is not supported");
                var start = _output.Length;
                Execute(generation.Body);
                Budget.MakeEntry();
                _generated.Add((start, _output.Length - start));
                break;
            case FilterBlock filter:
                TemplateFormat.Write(ApplyFilters(filter.Filter, Capture(filter.Body)), _output, Budget);
                break;
            case LoopControl control:
                _leaving = control;
                break;
        }
    }

    /// <summary>The text that a body makes.</summary>
    private string Capture(Statement[] body)
    {
        var (outerOutput, outerCaptured) = (_output, _isCaptured);
        (_output, _isCaptured) = (new TemplateWriter(Budget), true);
        Execute(body);
        var text = _output.ToString();
        (_output, _isCaptured) = (outerOutput, outerCaptured);
        return text;
    }

    private void ExecuteLoop(For loop)
    {
        var outer = _scope;
        var items = Items(Evaluate(loop.Source), loop.Source.Position);
        if (loop.Condition is not null)
        {
            items = items.FindAll(item =>
            {
                Visit(loop);
                _scope = ScopeIn(outer);
                Unpack(loop.Targets, item, loop.Position);
                return TemplateValues.IsTrue(Evaluate(loop.Condition));
            });
        }

        var state = new LoopState(items);
        for (state.Index = 0; state.Index < items.Count; state.Index++)
        {
            Visit(loop);
            _scope = ScopeIn(outer);
            Unpack(loop.Targets, items[state.Index], loop.Position);
            Define("loop", state);
            Execute(loop.Body);
            var isBreak = _leaving?.IsBreak == true;
            _leaving = null;
            if (isBreak)
                break;
        }

        _scope = outer;
        if (items.Count == 0)
            Execute(loop.Otherwise);
    }

    private void Assign(Set set)
    {
        object? value;
        if (set.Value is not null)
            value = Evaluate(set.Value);
        else if (Capture(set.Body) is var text && set.Filter is not null)
            value = ApplyFilters(set.Filter, text);
        else
            value = text;
        if (set.Attribute is null)
            Unpack(set.Targets, value, set.Position);
        else if (_scope.Find(set.Targets[0], Budget) is TemplateNamespace target)
        {
            Budget.MakeEntry();
            target.Attributes[set.Attribute] = value;
        }
        else
            throw Error(set.Position, $"\"{set.Targets[0]}\" is not a namespace: only those have attributes that can be set");
    }

    private void Unpack(string[] targets, object? value, int position)
    {
        if (targets.Length == 1)
        {
            Define(targets[0], value);
            return;
        }

        var items = Items(value, position);
        if (items.Count != targets.Length)
            throw Error(position, $"{targets.Length} names for {items.Count} values");
        for (var i = 0; i < targets.Length; i++)
            Define(targets[i], items[i]);
    }

    private Func<Invocation, object?> MacroBody(Macro macro, TemplateScope defined) => call =>
    {
        Budget.Enter();
        call.Allow(macro.Parameters.Length, [.. macro.Parameters.Select(parameter => parameter.Name)]);
        var outer = _scope;
        _scope = ScopeIn(defined);
        for (var i = 0; i < macro.Parameters.Length; i++)
        {
            var (name, absent) = macro.Parameters[i];
            Define(name, call.Has(i, name) ? call.Argument(i, name) : absent is null ? new Undefined(name) : Evaluate(absent));
        }

        var text = Capture(macro.Body);
        _scope = outer;
        Budget.Leave();
        return text;
    };

    /// <summary>Filters of a block: the innermost target, a placeholder, is the block's text.</summary>
    private object? ApplyFilters(FilterCall filter, string text)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return ApplyFilter(filter, filter.Target is FilterCall inner ? ApplyFilters(inner, text) : text);
    }

    private object? ApplyFilter(FilterCall filter, object? target) => TemplateFilters.Apply(Invoke(filter.Position, filter.Name, target, filter.Arguments));

    private Invocation Invoke(int position, string name, object? target, Arguments arguments)
    {
        var positional = All(arguments.Positional);
        var named = arguments.Named.Length == 0 ? NoNames : [];
        foreach (var (key, value) in arguments.Named)
        {
            if (!named.TryAdd(key, Evaluate(value)))
                throw Error(value.Position, $"the argument \"{key}\" is given twice");
        }

        return new Invocation(this, position, name, target, positional, named);
    }
}

/// <summary>The variable <c>loop</c>.</summary>
internal sealed class LoopState(List<object?> items)
{
    private object? _last = new Undefined("changed");

    /// <summary>From 0.</summary>
    public int Index { get; set; }

    /// <summary>An attribute; null when there is none of this name.</summary>
    public object? Find(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)items.Count - Index,
        "revindex0" => items.Count - Index - 1L,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "previtem" => Index > 0 ? items[Index - 1] : new Undefined(name),
        "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new Undefined(name),
        "cycle" => new TemplateFunction(name, call => call.Positional.Length > 0 ? call.Positional[Index % call.Positional.Length] : throw call.Error("needs values")),
        "changed" => new TemplateFunction(name, call =>
        {
            var now = call.List(call.Positional);
            var changed = !TemplateValues.AreEqual(now, _last, call.Budget);
            _last = now;
            return changed;
        }),
        _ => new Undefined($"loop.{name}"),
    };
}
