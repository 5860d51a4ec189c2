namespace Rlhf.Text.Jinja;

/// <summary>What may stand behind <c>is</c>.</summary>
internal static class TemplateTests
{
    private static readonly Dictionary<string, Func<Invocation, bool>> Known = new()
    {
        ["defined"] = call => call.Target is not Undefined,
        ["undefined"] = call => call.Target is Undefined,
        ["none"] = call => call.Target is null,
        ["true"] = call => call.Target is true,
        ["false"] = call => call.Target is false,
        ["boolean"] = call => call.Target is bool,
        ["string"] = call => call.Target is string,
        ["mapping"] = call => call.Target is TemplateDictionary,
        ["sequence"] = call => call.Target is TemplateList or TemplateDictionary or string or Undefined,
        ["iterable"] = call => call.Target is TemplateList or TemplateDictionary or string or Undefined,
        ["number"] = call => call.Target is long or double or bool,
        ["integer"] = call => call.Target is long,
        ["float"] = call => call.Target is double,
        ["callable"] = call => call.Target is TemplateFunction,
        ["even"] = call => Whole(call) % 2 == 0,
        ["odd"] = call => Whole(call) % 2 != 0,
        ["lower"] = call => call.TargetCharacters() is var text && text.Any(char.IsLower) && !text.Any(char.IsUpper),
        ["upper"] = call => call.TargetCharacters() is var text && text.Any(char.IsUpper) && !text.Any(char.IsLower),
    };

    private static readonly Dictionary<string, Func<Invocation, bool>> KnownWithArgument = new()
    {
        ["divisibleby"] = call => call.Integer(0, "num") is not 0 and var number ? Whole(call) % number == 0 : throw call.Error("division by zero"),
        ["sameas"] = call => TemplateValues.AreEqual(call.Target, call.Positional[0], call.Budget) && call.Target?.GetType() == call.Positional[0]?.GetType(),
        ["eq"] = call => Compare(call, "=="),
        ["equalto"] = call => Compare(call, "=="),
        ["ne"] = call => Compare(call, "!="),
        ["lt"] = call => Compare(call, "<"),
        ["lessthan"] = call => Compare(call, "<"),
        ["le"] = call => Compare(call, "<="),
        ["gt"] = call => Compare(call, ">"),
        ["greaterthan"] = call => Compare(call, ">"),
        ["ge"] = call => Compare(call, ">="),
        ["in"] = call => Compare(call, "in"),
    };

    /// <summary>Whether there is such a test.</summary>
    public static bool IsKnown(string name) => Known.ContainsKey(name) || KnownWithArgument.ContainsKey(name);

    /// <summary>Whether the test needs an argument, which may stand without brackets.</summary>
    public static bool TakesArgument(string name) => KnownWithArgument.ContainsKey(name);

    /// <summary>Carries out a test.</summary>
    public static bool Apply(Invocation call)
    {
        call.Counted();
        if (Known.TryGetValue(call.Name, out var test))
        {
            call.Allow(0);
            return test(call);
        }

        if (!KnownWithArgument.TryGetValue(call.Name, out test))
        {
            throw call.Error("no such test is supported");
        }

        call.Allow(1);
        return call.Positional.Length == 1 ? test(call) : throw call.Error("needs an argument");
    }

    private static bool Compare(Invocation call, string comparison) => call.Interpreter.Compare(call.Target, comparison, call.Positional[0], call.Position);

    private static long Whole(Invocation call) =>
        call.Target is long number ? number : throw call.Error($"needs a whole number, not {TemplateValues.TypeName(call.Target)}");
}
