namespace Rlhf.Text.Jinja;

/// <summary>Variables; a loop's body and a macro's have a scope of their own, in which set is not seen outside.</summary>
internal sealed class TemplateScope(TemplateScope? outer = null)
{
    private readonly Dictionary<string, object?> _values = [];

    /// <summary>Gives a variable a value in this scope.</summary>
    public void Set(string name, object? value) => _values[name] = value;

    /// <summary>A variable's value, of the innermost scope that has it.</summary>
    public object? Find(string name, TemplateBudget budget)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            budget.Spend(1);
            if (scope._values.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return new Undefined(name);
    }

    private TemplateScope? Outer { get; } = outer;
}
