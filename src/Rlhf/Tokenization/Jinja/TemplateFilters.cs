using System.Globalization;
using System.Runtime.CompilerServices;

namespace Rlhf.Tokenization.Jinja;

/// <summary>What may stand behind a bar.</summary>
internal static class TemplateFilters
{
    private static readonly Dictionary<string, Func<Invocation, object?>> Known = new()
    {
        ["trim"] = call => Arguments(call, 1, "chars") && call.Has(0, "chars")
            ? PythonText.Strip(call.TargetText(), call.Text(0, "chars"), left: true, right: true, call.Budget)
            : PythonText.Strip(call.TargetText(), null, left: true, right: true, call.Budget),
        ["tojson"] = ToJson,
        ["length"] = Length,
        ["count"] = Length,
        ["first"] = call => Arguments(call) && call.TargetItems() is [var first, ..] ? first : new Undefined("first of nothing"),
        ["last"] = call => Arguments(call) && call.TargetItems() is [.., var last] ? last : new Undefined("last of nothing"),
        ["join"] = Join,
        ["upper"] = call => Arguments(call) ? PythonText.Upper(call.TargetText(), call.Budget) : null,
        ["lower"] = call => Arguments(call) ? PythonText.Lower(call.TargetText(), call.Budget) : null,
        ["capitalize"] = call => Arguments(call) ? PythonText.Capitalize(call.TargetText(), everyWord: false, call.Budget) : null,
        ["title"] = call => Arguments(call) ? PythonText.Capitalize(call.TargetText(), everyWord: true, call.Budget) : null,
        ["string"] = call => Arguments(call) ? call.TargetText() : null,
        ["safe"] = call => Arguments(call) ? call.TargetText() : null,
        ["replace"] = call => TemplateMethods.Replace(call with { Target = call.TargetText() }),
        ["default"] = Default,
        ["d"] = Default,
        ["items"] = call => Arguments(call) && call.Target is Undefined ? new TemplateList([]) : TemplateMethods.Items(call),
        ["dictsort"] = call => Arguments(call)
            ? Ordered(call, TemplateMethods.Items(call).Items, pair => PythonText.Lower((string)((TemplateList)pair!).Items[0]!, call.Budget), descending: false)
            : null,
        ["list"] = call => Arguments(call) ? call.List(call.TargetItems()) : null,
        ["reverse"] = call => Arguments(call) && call.Target is string text && PythonText.Length(call.TargetCharacters()) is var count
            ? PythonText.Slice(text, count, count - 1, -1, -1, call.Budget)
            : call.List(Enumerable.Reverse(call.TargetItems())),
        ["unique"] = Unique,
        ["sort"] = Sort,
        ["map"] = Map,
        ["select"] = call => Select(call, byAttribute: false, keep: true),
        ["reject"] = call => Select(call, byAttribute: false, keep: false),
        ["selectattr"] = call => Select(call, byAttribute: true, keep: true),
        ["rejectattr"] = call => Select(call, byAttribute: true, keep: false),
        ["int"] = call => Arguments(call, 1, "default") ? Integer(call) : null,
        ["float"] = call => Arguments(call, 1, "default") ? Float(call) : null,
        ["abs"] = call => call.Target switch { long number => (object)Math.Abs(number), double number => Math.Abs(number), _ => throw NeedsNumber(call) },
        ["round"] = call => Arguments(call, 1, "precision") && TemplateValues.Number(call.Target) is { } number
            ? Math.Round(number, (int)Math.Clamp(call.Integer(0, "precision", 0), 0, 15))
            : throw NeedsNumber(call),
        ["indent"] = Indent,
    };

    /// <summary>Whether there is such a filter.</summary>
    public static bool IsKnown(string name) => Known.ContainsKey(name);

    /// <summary>Carries out a filter.</summary>
    public static object? Apply(Invocation call)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return Known.TryGetValue(call.Name, out var filter) ? filter(call.Counted()) : throw call.Error("no such filter is supported");
    }

    private static bool Arguments(Invocation call, int most = 0, params ReadOnlySpan<string> names)
    {
        call.Allow(most, names);
        return true;
    }

    private static string ToJson(Invocation call)
    {
        call.Allow(1, "indent", "ensure_ascii");
        if (call.Truth(1, "ensure_ascii", false))
            throw call.Error("ensure_ascii=true is not supported");
        return TemplateFormat.Json(call.Target, call.Argument(0, "indent") is null ? null : (int)Math.Clamp(call.Integer(0, "indent"), 0, 100), call);
    }

    private static object? Length(Invocation call)
    {
        call.Allow(0);
        return call.Target is string ? PythonText.Length(call.TargetCharacters()) : (long)call.TargetItems().Count;
    }

    private static string Join(Invocation call)
    {
        call.Allow(2, "d", "attribute");
        var path = call.Has(1, "attribute") ? PathOf(call, call.Text(1, "attribute")) : [];
        var separator = call.Text(0, "d", "");
        var result = new TemplateWriter(call.Budget);
        var isFirst = true;
        foreach (var item in call.TargetItems())
        {
            result.Write(isFirst ? "" : separator);
            isFirst = false;
            TemplateFormat.Write(Follow(call, item, path), result, call.Budget);
        }

        return result.ToString();
    }

    private static object? Default(Invocation call)
    {
        call.Allow(2, "default_value", "boolean");
        var isAbsent = call.Target is Undefined || (call.Truth(1, "boolean", false) && !TemplateValues.IsTrue(call.Target));
        return isAbsent ? call.Argument(0, "default_value", "") : call.Target;
    }

    private static TemplateList Unique(Invocation call)
    {
        call.Allow(0);
        call.Budget.MakeItems(0);
        var kept = new List<object?>();
        foreach (var item in call.TargetItems())
        {
            if (kept.Any(other => TemplateValues.AreEqual(other, item, call.Budget)))
                continue;
            call.Budget.MakeItem(kept.Count);
            kept.Add(item);
        }

        return new TemplateList(kept);
    }

    private static TemplateList Sort(Invocation call)
    {
        call.Allow(3, "reverse", "case_sensitive", "attribute");
        var fold = !call.Truth(1, "case_sensitive", false);
        var path = call.Has(2, "attribute") ? PathOf(call, call.Text(2, "attribute")) : [];
        return Ordered(call, call.TargetItems(), item => Follow(call, item, path) is var key && fold && key is string text ? PythonText.Lower(text, call.Budget) : key, call.Truth(0, "reverse", false));
    }

    private static TemplateList Ordered(Invocation call, List<object?> items, Func<object?, object?> key, bool descending)
    {
        var order = Comparer<object?>.Create((a, b) => call.Interpreter.Compare(a, "<", b, call.Position) ? -1 : call.Interpreter.Compare(b, "<", a, call.Position) ? 1 : 0);
        try
        {
            call.Budget.MakeItems(8);
            call.Budget.MakeItems(3 * items.Count);
            return new TemplateList(descending ? [.. items.OrderByDescending(key, order)] : [.. items.OrderBy(key, order)]);
        }
        catch (InvalidOperationException exception) when (exception.InnerException is InputException or InsufficientExecutionStackException)
        {
            throw exception.InnerException;
        }
    }

    private static TemplateList Map(Invocation call)
    {
        var items = call.TargetItems();
        if (call.Named.ContainsKey("attribute"))
        {
            call.Allow(0, "attribute", "default");
            var path = PathOf(call, call.Text(0, "attribute"));
            return call.List(items.Select(item => Follow(call, item, path) is var value && value is Undefined && call.Named.TryGetValue("default", out var absent) ? absent : value));
        }

        var filter = call.Text(0, "filter");
        return call.List(items.Select(item => Apply(call.For(filter, item, skip: 1))));
    }

    private static TemplateList Select(Invocation call, bool byAttribute, bool keep)
    {
        call.Allow(4);
        var skip = byAttribute ? 1 : 0;
        string[] path = byAttribute ? PathOf(call, call.Text(0, "attribute")) : [];
        var test = call.Positional.Length > skip ? call.Text(skip, "test") : null;
        return call.List(call.TargetItems().Where(item =>
        {
            var value = Follow(call, item, path);
            return keep == (test is null ? TemplateValues.IsTrue(value) : TemplateTests.Apply(call.For(test, value, skip + 1)));
        }));
    }

    /// <summary>An attribute's name, or several with dots between.</summary>
    private static string[] PathOf(Invocation call, string path)
    {
        call.Budget.MakeItems(path.Length);
        return path.Split('.');
    }

    /// <summary>The value behind a path; digits are indices.</summary>
    private static object? Follow(Invocation call, object? value, string[] path)
    {
        foreach (var name in path)
        {
            call.Budget.Spend(TemplateBudget.Node);
            value = value is Undefined ? value : call.Interpreter.Item(
                value, long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : name, call.Position);
        }

        return value;
    }

    private static object? Integer(Invocation call) => call.Target switch
    {
        long => call.Target,
        bool truth => truth ? 1L : 0L,
        double number when Math.Abs(number) < long.MaxValue => (long)number,
        string text when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        string text when double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && Math.Abs(number) < long.MaxValue => (long)number,
        _ => call.Argument(0, "default", 0L),
    };

    private static object? Float(Invocation call) => call.Target switch
    {
        string text when double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => TemplateValues.Number(call.Target) ?? call.Argument(0, "default", 0.0),
    };

    private static string Indent(Invocation call)
    {
        call.Allow(3, "width", "first", "blank");
        var prefix = call.Argument(0, "width", 4L) is string given ? given : new string(' ', (int)Math.Clamp(call.Integer(0, "width", 4), 0, 1000));
        var (first, blank) = (call.Truth(1, "first", false), call.Truth(2, "blank", false));
        var text = call.TargetText();
        var result = new TemplateWriter(call.Budget);
        foreach (var range in text.AsSpan().Split('\n'))
        {
            call.Budget.Spend(TemplateBudget.Value);
            var line = text.AsSpan()[range];
            var isFirst = range.Start.Value == 0;
            result.Write(isFirst ? "" : "\n");
            result.Write((isFirst ? first : blank || line.Length > 0) ? prefix : "");
            result.Write(line);
        }

        return result.ToString();
    }

    private static InputException NeedsNumber(Invocation call) => call.Error($"needs a number, not {TemplateValues.TypeName(call.Target)}");
}
