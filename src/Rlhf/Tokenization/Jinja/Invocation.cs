namespace Rlhf.Tokenization.Jinja;

/// <summary>A call of a function, method, filter or test with its evaluated arguments.</summary>
/// <param name="Interpreter">Who calls.</param>
/// <param name="Position">Where the call stands.</param>
/// <param name="Name">What is called.</param>
/// <param name="Target">The value in front of a filter, test or method.</param>
/// <param name="Positional">Arguments by position.</param>
/// <param name="Named">Arguments by name.</param>
internal sealed record Invocation(
    TemplateInterpreter Interpreter, int Position, string Name, object? Target, object?[] Positional, Dictionary<string, object?> Named)
{
    /// <summary>Counts the work and what is made.</summary>
    public TemplateBudget Budget => Interpreter.Budget;

    /// <summary>An error at the call.</summary>
    public InputException Error(string message) => Interpreter.Error(Position, $"{Name}: {message}");

    /// <summary>Counts the call and the size of all that it is given: whatever it does, it looks at most of that.</summary>
    public Invocation Counted()
    {
        Budget.Position = Position;
        var size = Size(Target);
        foreach (var value in Positional)
            size += Size(value);
        foreach (var value in Named.Values)
            size += Size(value);
        Budget.MakeCall(size, Positional.Length, Named.Count);
        return this;
    }

    /// <summary>Refuses arguments beyond these.</summary>
    public void Allow(int most, params ReadOnlySpan<string> names)
    {
        if (Positional.Length > most)
            throw Error($"takes at most {most} arguments, not {Positional.Length}");
        foreach (var name in Named.Keys)
        {
            if (!names.Contains(name))
                throw Error($"the argument \"{name}\" is not supported");
        }
    }

    /// <summary>Whether an argument is given.</summary>
    public bool Has(int index, string name) => index < Positional.Length || Named.ContainsKey(name);

    /// <summary>An argument, or the default.</summary>
    public object? Argument(int index, string name, object? absent = null) =>
        index < Positional.Length ? Positional[index] : Named.TryGetValue(name, out var value) ? value : absent;

    /// <summary>A string argument.</summary>
    public string Text(int index, string name, string? absent = null) => Argument(index, name, absent) as string ?? throw Error($"the argument \"{name}\" must be a string");

    /// <summary>A whole-number argument.</summary>
    public long Integer(int index, string name, long? absent = null) =>
        Argument(index, name, absent) is long value ? value : throw Error($"the argument \"{name}\" must be a whole number");

    /// <summary>A condition.</summary>
    public bool Truth(int index, string name, bool absent) => TemplateValues.IsTrue(Argument(index, name, absent));

    /// <summary>The target as a string; other values as Python prints them.</summary>
    public string TargetText() => TemplateFormat.Text(Target, Budget);

    /// <summary>The target as a string that is looked at character by character.</summary>
    public string TargetCharacters()
    {
        var text = TargetText();
        Budget.Spend(TemplateBudget.Character * (long)text.Length);
        return text;
    }

    /// <summary>The target's items.</summary>
    public List<object?> TargetItems() => Interpreter.Items(Target, Position);

    /// <summary>A list of some of the target's items, or of as many other values.</summary>
    public TemplateList List(IEnumerable<object?> items)
    {
        Budget.MakeItems(0);
        var list = new List<object?>();
        foreach (var item in items)
        {
            Budget.MakeItem(list.Count);
            list.Add(item);
        }

        return new TemplateList(list);
    }

    /// <summary>The same call for another value, through a filter or test that is named by an argument.</summary>
    public Invocation For(string name, object? target, int skip) => this with { Name = name, Target = target, Positional = Positional[skip..] };

    private static long Size(object? value) => value switch
    {
        string text => text.Length / 8,
        TemplateList list => list.Items.Count,
        TemplateDictionary dictionary => dictionary.Items.Count,
        _ => 0,
    };
}
