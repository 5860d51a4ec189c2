namespace Rlhf.Tokenization.Jinja;

/// <summary>The methods of strings, lists and dictionaries; none changes its value, as in the sandbox that templates are written for.</summary>
internal static class TemplateMethods
{
    private static readonly Dictionary<string, Func<Invocation, object?>> OfText = new()
    {
        ["strip"] = call => Strip(call, left: true, right: true),
        ["lstrip"] = call => Strip(call, left: true, right: false),
        ["rstrip"] = call => Strip(call, left: false, right: true),
        ["split"] = call => Split(call, fromEnd: false),
        ["rsplit"] = call => Split(call, fromEnd: true),
        ["splitlines"] = call => new TemplateList([.. SplitLines(Text(call))]),
        ["startswith"] = call => Affixes(call).Any(affix => Text(call).StartsWith(affix, StringComparison.Ordinal)),
        ["endswith"] = call => Affixes(call).Any(affix => Text(call).EndsWith(affix, StringComparison.Ordinal)),
        ["removeprefix"] = call => call.Text(0, "prefix") is var prefix && Text(call).StartsWith(prefix, StringComparison.Ordinal) ? Text(call)[prefix.Length..] : Text(call),
        ["removesuffix"] = call => call.Text(0, "suffix") is var suffix && Text(call).EndsWith(suffix, StringComparison.Ordinal) ? Text(call)[..^suffix.Length] : Text(call),
        ["replace"] = Replace,
        ["upper"] = call => Text(call).ToUpperInvariant(),
        ["lower"] = call => Text(call).ToLowerInvariant(),
        ["title"] = call => PythonText.Capitalize(Text(call), everyWord: true),
        ["capitalize"] = call => PythonText.Capitalize(Text(call), everyWord: false),
        ["find"] = call => (long)(Text(call).IndexOf(call.Text(0, "sub"), StringComparison.Ordinal) is >= 0 and var at ? PythonText.Length(Text(call)[..at]) : -1),
        ["count"] = call => call.Text(0, "sub") is { Length: > 0 } sub ? Text(call).Split(sub).Length - 1L : PythonText.Length(Text(call)) + 1L,
        ["join"] = call => TemplateFilters.Apply(call with { Name = "join", Target = call.Argument(0, "iterable"), Positional = [Text(call)] }),
        ["isdigit"] = call => Text(call).Length > 0 && Text(call).All(char.IsDigit),
        ["isalpha"] = call => Text(call).Length > 0 && Text(call).EnumerateRunes().All(System.Text.Rune.IsLetter),
        ["isspace"] = call => Text(call).Length > 0 && Text(call).All(PythonText.IsSpace),
    };

    private static readonly Dictionary<string, Func<Invocation, object?>> OfDictionary = new()
    {
        ["items"] = Items,
        ["keys"] = call => new TemplateList([.. ((TemplateDictionary)call.Target!).Items.Keys]),
        ["values"] = call => new TemplateList([.. ((TemplateDictionary)call.Target!).Items.Values]),
        ["get"] = call => ((TemplateDictionary)call.Target!).Items.TryGetValue(call.Text(0, "key"), out var value) ? value : call.Argument(1, "default"),
    };

    private static readonly Dictionary<string, Func<Invocation, object?>> OfList = new()
    {
        ["index"] = call => ((TemplateList)call.Target!).Items.FindIndex(item => TemplateValues.AreEqual(item, call.Argument(0, "value"))) is >= 0 and var at
            ? (long)at
            : throw call.Error("the list has no such item"),
        ["count"] = call => (long)((TemplateList)call.Target!).Items.Count(item => TemplateValues.AreEqual(item, call.Argument(0, "value"))),
    };

    private static readonly string[] Changing = ["append", "extend", "insert", "pop", "remove", "update", "clear", "sort", "reverse", "setdefault", "popitem"];

    /// <summary>A value's method; null when it has none of this name.</summary>
    public static TemplateFunction? Find(object? target, string name)
    {
        var methods = target switch { string => OfText, TemplateDictionary => OfDictionary, TemplateList => OfList, _ => null };
        if (methods is null)
            return null;
        if (methods.TryGetValue(name, out var method))
            return new TemplateFunction(name, call => method(call with { Target = target }));
        return target is not string && Changing.Contains(name) && !(target is TemplateDictionary dictionary && dictionary.Items.ContainsKey(name))
            ? new TemplateFunction(name, call => throw call.Error("templates may not change values"))
            : null;
    }

    /// <summary>items(): a list of (key, value).</summary>
    public static TemplateList Items(Invocation call) => call.Target is TemplateDictionary dictionary
        ? new TemplateList([.. dictionary.Items.Select(entry => new TemplateList([entry.Key, entry.Value], IsTuple: true))])
        : throw call.Error($"needs a dictionary, not {TemplateValues.TypeName(call.Target)}");

    /// <summary>replace(old, new, count).</summary>
    public static string Replace(Invocation call)
    {
        call.Allow(3, "old", "new", "count");
        var (text, old, replacement) = (Text(call), call.Text(0, "old"), call.Text(1, "new"));
        var most = call.Argument(2, "count") is null ? -1 : call.Integer(2, "count");
        if (old.Length == 0)
            throw call.Error("the text to replace is empty");
        var parts = text.Split(old, most < 0 ? int.MaxValue : (int)Math.Min(most, int.MaxValue - 1) + 1);
        call.Charge(text.Length + (long)parts.Length * replacement.Length);
        return string.Join(replacement, parts);
    }

    private static string Text(Invocation call) => (string)call.Target!;

    private static string Strip(Invocation call, bool left, bool right)
    {
        call.Allow(1, "chars");
        return PythonText.Strip(Text(call), call.Argument(0, "chars") is null ? null : call.Text(0, "chars"), left, right);
    }

    private static TemplateList Split(Invocation call, bool fromEnd)
    {
        call.Allow(2, "sep", "maxsplit");
        var most = call.Integer(1, "maxsplit", -1);
        if (call.Argument(0, "sep") is null)
            return fromEnd && most >= 0 ? throw call.Error("maxsplit without a separator is not supported") : new TemplateList(PythonText.SplitAtSpaces(Text(call), most));
        var separator = call.Text(0, "sep");
        if (separator.Length == 0)
            throw call.Error("the separator is empty");
        if (!fromEnd)
            return new TemplateList([.. Text(call).Split(separator, most < 0 ? int.MaxValue : (int)Math.Min(most, int.MaxValue - 1) + 1)]);
        var parts = new List<object?>();
        var rest = Text(call);
        for (int at; parts.Count != most && (at = rest.LastIndexOf(separator, StringComparison.Ordinal)) >= 0; rest = rest[..at])
        {
            call.Charge(rest.Length);
            parts.Insert(0, rest[(at + separator.Length)..]);
        }

        parts.Insert(0, rest);
        return new TemplateList(parts);
    }

    private static IEnumerable<string> SplitLines(string text)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        return lines[^1].Length == 0 ? lines[..^1] : lines;
    }

    private static IEnumerable<string> Affixes(Invocation call) =>
        call.Argument(0, "prefix") is TemplateList { IsTuple: true } several
            ? several.Items.Select(item => item as string ?? throw call.Error("needs strings"))
            : [call.Text(0, "prefix")];
}
