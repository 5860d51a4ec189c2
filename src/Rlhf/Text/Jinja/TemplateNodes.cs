namespace Rlhf.Text.Jinja;

/// <summary>A part of a parsed template; <paramref name="Position"/> is where it begins in the source.</summary>
internal abstract record TemplateNode(int Position);

/// <summary>A part that has a value.</summary>
internal abstract record Expression(int Position) : TemplateNode(Position);

/// <summary>A constant.</summary>
internal sealed record Literal(int Position, object? Value) : Expression(Position);

/// <summary>A variable.</summary>
internal sealed record Variable(int Position, string Name) : Expression(Position);

/// <summary><c>[a, b]</c> or a tuple.</summary>
internal sealed record ListDisplay(int Position, Expression[] Items, bool IsTuple) : Expression(Position);

/// <summary><c>{a: b}</c></summary>
internal sealed record DictionaryDisplay(int Position, (Expression Key, Expression Value)[] Items) : Expression(Position);

/// <summary><c>target.name</c></summary>
internal sealed record Attribute(int Position, Expression Target, string Name) : Expression(Position);

/// <summary><c>target[index]</c></summary>
internal sealed record Subscript(int Position, Expression Target, Expression Index) : Expression(Position);

/// <summary><c>target[start:stop:step]</c></summary>
internal sealed record Slice(int Position, Expression Target, Expression? Start, Expression? Stop, Expression? Step) : Expression(Position);

/// <summary>Arguments of a call, filter or test.</summary>
internal sealed record Arguments(Expression[] Positional, (string Name, Expression Value)[] Named)
{
    /// <summary>No arguments.</summary>
    public static Arguments None { get; } = new([], []);
}

/// <summary><c>callee(arguments)</c></summary>
internal sealed record Call(int Position, Expression Callee, Arguments Arguments) : Expression(Position);

/// <summary><c>target | name(arguments)</c></summary>
internal sealed record FilterCall(int Position, Expression Target, string Name, Arguments Arguments) : Expression(Position);

/// <summary><c>target is name(arguments)</c></summary>
internal sealed record TestCall(int Position, Expression Target, string Name, Arguments Arguments) : Expression(Position);

/// <summary>An operator in front: <c>-</c>, <c>+</c> or <c>not</c>.</summary>
internal sealed record Unary(int Position, string Operator, Expression Operand) : Expression(Position);

/// <summary>An operator between two values, <c>and</c> and <c>or</c> included.</summary>
internal sealed record Binary(int Position, string Operator, Expression Left, Expression Right) : Expression(Position);

/// <summary>A chain of comparisons: <c>a &lt; b &lt;= c</c>.</summary>
internal sealed record Comparison(int Position, Expression First, (string Operator, Expression Operand)[] Others) : Expression(Position);

/// <summary><c>then if condition else otherwise</c></summary>
internal sealed record Conditional(int Position, Expression Condition, Expression Then, Expression? Otherwise) : Expression(Position);

/// <summary>A part that is carried out.</summary>
internal abstract record Statement(int Position) : TemplateNode(Position);

/// <summary>Text as it is.</summary>
internal sealed record DataOutput(int Position, string Text) : Statement(Position);

/// <summary><c>{{ value }}</c></summary>
internal sealed record ValueOutput(int Position, Expression Value) : Statement(Position);

/// <summary>if, elif and else; the else branch has no condition.</summary>
internal sealed record If(int Position, (Expression? Condition, Statement[] Body)[] Branches) : Statement(Position);

/// <summary>for ... in ... if ...</summary>
internal sealed record For(
    int Position, string[] Targets, Expression Source, Expression? Condition, Statement[] Body, Statement[] Otherwise) : Statement(Position);

/// <summary>set of a name, of several names, or of a namespace's attribute; the value is an expression or a body.</summary>
internal sealed record Set(int Position, string[] Targets, string? Attribute, Expression? Value, Statement[] Body, FilterCall? Filter) : Statement(Position);

/// <summary>macro name(parameters)</summary>
internal sealed record Macro(int Position, string Name, (string Name, Expression? Default)[] Parameters, Statement[] Body) : Statement(Position);

/// <summary>generation: what the assistant wrote.</summary>
internal sealed record GenerationBlock(int Position, Statement[] Body) : Statement(Position);

/// <summary>filter name: the body's text goes through a filter.</summary>
internal sealed record FilterBlock(int Position, FilterCall Filter, Statement[] Body) : Statement(Position);

/// <summary>break or continue.</summary>
internal sealed record LoopControl(int Position, bool IsBreak) : Statement(Position);
