using System.Globalization;

namespace Rlhf.Tokenization.Jinja;

/// <summary>What may stand behind a bar.</summary>
internal static class TemplateFilters
{
    private static readonly Dictionary<string, Func<Invocation, object?>> Known = new()
    {
        ["trim"] = call => Arguments(call, 1, "chars") && call.Has(0, "chars")
            ? PythonText.Strip(call.TargetText(), call.Text(0, "chars"), left: true, right: true)
            : PythonText.Strip(call.TargetText(), null, left: true, right: true),
        ["tojson"] = ToJson,
        ["length"] = Length,
        ["count"] = Length,
        ["first"] = call => Arguments(call) && call.TargetItems() is [var first, ..] ? first : new Undefined("first of nothing"),
        ["last"] = call => Arguments(call) && call.TargetItems() is [.., var last] ? last : new Undefined("last of nothing"),
        ["join"] = Join,
        ["upper"] = call => Arguments(call) ? call.TargetText().ToUpperInvariant() : null,
        ["lower"] = call => Arguments(call) ? call.TargetText().ToLowerInvariant() : null,
        ["capitalize"] = call => Arguments(call) ? PythonText.Capitalize(call.TargetText(), everyWord: false) : null,
        ["title"] = call => Arguments(call) ? PythonText.Capitalize(call.TargetText(), everyWord: true) : null,
        ["string"] = call => Arguments(call) ? call.TargetText() : null,
        ["safe"] = call => Arguments(call) ? call.TargetText() : null,
        ["replace"] = call => TemplateMethods.Replace(call with { Target = call.TargetText() }),
        ["default"] = Default,
        ["d"] = Default,
        ["items"] = call => Arguments(call) && call.Target is Undefined ? new TemplateList([]) : TemplateMethods.Items(call),
        ["dictsort"] = call => Arguments(call)
            ? new TemplateList([.. TemplateMethods.Items(call).Items.OrderBy(item => TemplateFormat.Text(((TemplateList)item!).Items[0]).ToLowerInvariant(), StringComparer.Ordinal)])
            : null,
        ["list"] = call => Arguments(call) ? new TemplateList([.. call.TargetItems()]) : null,
        ["reverse"] = call => Arguments(call) && call.Target is string text
            ? PythonText.Join([.. text.EnumerateRunes().Reverse()])
            : new TemplateList([.. Enumerable.Reverse(call.TargetItems())]),
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
    public static object? Apply(Invocation call) => Known.TryGetValue(call.Name, out var filter) ? filter(call) : throw call.Error("no such filter is supported");

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
        return call.Target is string text ? PythonText.Length(text) : (long)call.TargetItems().Count;
    }

    private static string Join(Invocation call)
    {
        call.Allow(2, "d", "attribute");
        var items = call.TargetItems().Select(item => call.Has(1, "attribute") ? Path(call, item, call.Text(1, "attribute")) : item);
        var separator = call.Text(0, "d", "");
        var parts = items.Select(TemplateFormat.Text).ToList();
        call.Charge(parts.Sum(part => (long)part.Length + separator.Length));
        return string.Join(separator, parts);
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
        var kept = new List<object?>();
        foreach (var item in call.TargetItems())
        {
            call.Charge(kept.Count);
            if (!kept.Any(other => TemplateValues.AreEqual(other, item)))
                kept.Add(item);
        }

        return new TemplateList(kept);
    }

    private static TemplateList Sort(Invocation call)
    {
        call.Allow(3, "reverse", "case_sensitive", "attribute");
        var fold = !call.Truth(1, "case_sensitive", false);
        var attribute = call.Has(2, "attribute") ? call.Text(2, "attribute") : null;
        object? Key(object? item)
        {
            var key = attribute is null ? item : Path(call, item, attribute);
            return fold && key is string text ? text.ToLowerInvariant() : key;
        }

        var order = Comparer<object?>.Create((a, b) => call.Interpreter.Compare(a, "<", b, call.Position) ? -1 : call.Interpreter.Compare(b, "<", a, call.Position) ? 1 : 0);
        try
        {
            var items = call.TargetItems();
            return new TemplateList(call.Truth(0, "reverse", false) ? [.. items.OrderByDescending(Key, order)] : [.. items.OrderBy(Key, order)]);
        }
        catch (InvalidOperationException exception) when (exception.InnerException is InputException inner)
        {
            throw inner;
        }
    }

    private static TemplateList Map(Invocation call)
    {
        var items = call.TargetItems();
        if (call.Named.ContainsKey("attribute"))
        {
            call.Allow(0, "attribute", "default");
            var attribute = call.Text(0, "attribute");
            return new TemplateList([.. items.Select(item => Path(call, item, attribute) is var value && value is Undefined && call.Named.TryGetValue("default", out var absent) ? absent : value)]);
        }

        var filter = call.Text(0, "filter");
        return new TemplateList([.. items.Select(item => Apply(call.For(filter, item, skip: 1)))]);
    }

    private static TemplateList Select(Invocation call, bool byAttribute, bool keep)
    {
        call.Allow(4);
        var skip = byAttribute ? 1 : 0;
        var attribute = byAttribute ? call.Text(0, "attribute") : null;
        var test = call.Positional.Length > skip ? call.Text(skip, "test") : null;
        return new TemplateList([.. call.TargetItems().Where(item =>
        {
            var value = attribute is null ? item : Path(call, item, attribute);
            return keep == (test is null ? TemplateValues.IsTrue(value) : TemplateTests.Apply(call.For(test, value, skip + 1)));
        })]);
    }

    /// <summary>An attribute, or several with dots between; digits are indices.</summary>
    private static object? Path(Invocation call, object? value, string path)
    {
        foreach (var name in path.Split('.'))
        {
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
        var lines = call.TargetText().Split('\n');
        call.Charge((long)lines.Length * prefix.Length);
        var (first, blank) = (call.Truth(1, "first", false), call.Truth(2, "blank", false));
        return string.Join('\n', lines.Select((line, index) => (index == 0 ? first : blank || line.Length > 0) ? prefix + line : line));
    }

    private static InputException NeedsNumber(Invocation call) => call.Error($"needs a number, not {TemplateValues.TypeName(call.Target)}");
}
