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
        ["splitlines"] = call => call.List(SplitLines(call)),
        ["startswith"] = call => Affixes(call).Any(affix => Text(call).StartsWith(affix, StringComparison.Ordinal)),
        ["endswith"] = call => Affixes(call).Any(affix => Text(call).EndsWith(affix, StringComparison.Ordinal)),
        ["removeprefix"] = call => call.Text(0, "prefix") is var prefix && Text(call).StartsWith(prefix, StringComparison.Ordinal) ? Part(call, prefix.Length..) : Text(call),
        ["removesuffix"] = call => call.Text(0, "suffix") is var suffix && Text(call).EndsWith(suffix, StringComparison.Ordinal) ? Part(call, ..^suffix.Length) : Text(call),
        ["replace"] = Replace,
        ["upper"] = call => PythonText.Upper(Text(call), call.Budget),
        ["lower"] = call => PythonText.Lower(Text(call), call.Budget),
        ["title"] = call => PythonText.Capitalize(Text(call), everyWord: true, call.Budget),
        ["capitalize"] = call => PythonText.Capitalize(Text(call), everyWord: false, call.Budget),
        ["find"] = Find,
        ["count"] = call => call.Text(0, "sub") is { Length: > 0 } sub ? Occurrences(call, sub) : PythonText.Length(call.TargetCharacters()) + 1L,
        ["join"] = call => TemplateFilters.Apply(call with { Name = "join", Target = call.Argument(0, "iterable"), Positional = [Text(call)] }),
        ["isdigit"] = call => call.TargetCharacters() is { Length: > 0 } text && text.All(char.IsDigit),
        ["isalpha"] = call => call.TargetCharacters() is { Length: > 0 } text && text.EnumerateRunes().All(System.Text.Rune.IsLetter),
        ["isspace"] = call => call.TargetCharacters() is { Length: > 0 } text && text.All(PythonText.IsSpace),
    };

    private static readonly Dictionary<string, Func<Invocation, object?>> OfDictionary = new()
    {
        ["items"] = Items,
        ["keys"] = call => call.List(((TemplateDictionary)call.Target!).Items.Keys),
        ["values"] = call => call.List(((TemplateDictionary)call.Target!).Items.Values),
        ["get"] = call => ((TemplateDictionary)call.Target!).Items.TryGetValue(call.Text(0, "key"), out var value) ? value : call.Argument(1, "default"),
    };

    private static readonly Dictionary<string, Func<Invocation, object?>> OfList = new()
    {
        ["index"] = call => ((TemplateList)call.Target!).Items.FindIndex(item => TemplateValues.AreEqual(item, call.Argument(0, "value"), call.Budget)) is >= 0 and var at
            ? (long)at
            : throw call.Error("the list has no such item"),
        ["count"] = call => (long)((TemplateList)call.Target!).Items.Count(item => TemplateValues.AreEqual(item, call.Argument(0, "value"), call.Budget)),
    };

    private static readonly System.Buffers.SearchValues<char> LineEnds = System.Buffers.SearchValues.Create("\r\n\f\u0085\u2028\u2029");

    private static readonly string[] Changing = ["append", "extend", "insert", "pop", "remove", "update", "clear", "sort", "reverse", "setdefault", "popitem"];

    /// <summary>A value's method; null when it has none of this name.</summary>
    public static TemplateFunction? Find(object? target, string name)
    {
        var methods = target switch { string => OfText, TemplateDictionary => OfDictionary, TemplateList => OfList, _ => null };
        if (methods is null)
            return null;
        if (methods.TryGetValue(name, out var method))
            return new TemplateFunction(name, call => method((call with { Target = target }).Counted()));
        return target is not string && Changing.Contains(name) && !(target is TemplateDictionary dictionary && dictionary.Items.ContainsKey(name))
            ? new TemplateFunction(name, call => throw call.Error("templates may not change values"))
            : null;
    }

    /// <summary>items(): a list of (key, value).</summary>
    public static TemplateList Items(Invocation call) => call.Target is TemplateDictionary dictionary
        ? call.List(dictionary.Items.Select(entry => Pair(call, entry.Key, entry.Value)))
        : throw call.Error($"needs a dictionary, not {TemplateValues.TypeName(call.Target)}");

    /// <summary>replace(old, new, count).</summary>
    public static string Replace(Invocation call)
    {
        call.Allow(3, "old", "new", "count");
        var (text, old, replacement) = (Text(call), call.Text(0, "old"), call.Text(1, "new"));
        var most = call.Argument(2, "count") is null ? -1 : call.Integer(2, "count");
        if (old.Length == 0)
            throw call.Error("the text to replace is empty");
        call.Budget.Search(text.Length, old.Length);
        var result = new TemplateWriter(call.Budget);
        var rest = text.AsSpan();
        for (int at; most-- != 0 && (at = rest.IndexOf(old, StringComparison.Ordinal)) >= 0; rest = rest[(at + old.Length)..])
        {
            call.Budget.Spend(TemplateBudget.Value);
            result.Write(rest[..at]);
            result.Write(replacement);
        }

        if (result.Length == 0 && rest.Length == text.Length)
            return text;
        result.Write(rest);
        return result.ToString();
    }

    private static string Text(Invocation call) => (string)call.Target!;

    private static string Strip(Invocation call, bool left, bool right)
    {
        call.Allow(1, "chars");
        return PythonText.Strip(Text(call), call.Argument(0, "chars") is null ? null : call.Text(0, "chars"), left, right, call.Budget);
    }

    private static TemplateList Split(Invocation call, bool fromEnd)
    {
        call.Allow(2, "sep", "maxsplit");
        var most = call.Integer(1, "maxsplit", -1);
        if (call.Argument(0, "sep") is null)
            return fromEnd && most >= 0 ? throw call.Error("maxsplit without a separator is not supported") : new TemplateList(PythonText.SplitAtSpaces(Text(call), most, call.Budget));
        var separator = call.Text(0, "sep");
        if (separator.Length == 0)
            throw call.Error("the separator is empty");
        call.Budget.Search(Text(call).Length, separator.Length);
        call.Budget.MakeText(Text(call).Length);
        var parts = call.List(fromEnd ? PartsFromEnd(Text(call), separator, most) : Parts(Text(call), separator, most));
        if (fromEnd)
            parts.Items.Reverse();
        return parts;
    }

    private static IEnumerable<string> Parts(string text, string separator, long most)
    {
        var start = 0;
        for (int at; most-- != 0 && (at = text.IndexOf(separator, start, StringComparison.Ordinal)) >= 0; start = at + separator.Length)
            yield return text[start..at];
        yield return text[start..];
    }

    private static IEnumerable<string> PartsFromEnd(string text, string separator, long most)
    {
        var end = text.Length;
        for (int at; most-- != 0 && (at = text.AsSpan(0, end).LastIndexOf(separator, StringComparison.Ordinal)) >= 0; end = at)
            yield return text[(at + separator.Length)..end];
        yield return text[..end];
    }

    private static IEnumerable<string> SplitLines(Invocation call)
    {
        call.Budget.MakeText(Text(call).Length);
        return LinesOf(Text(call));
    }

    private static IEnumerable<string> LinesOf(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var length = text.AsSpan(start).IndexOfAny(LineEnds) is >= 0 and var found ? found : text.Length - start;
            var end = start + length;
            yield return text[start..end];
            start = end + (end + 1 < text.Length && text[end] == '\r' && text[end + 1] == '\n' ? 2 : 1);
        }
    }

    private static object Find(Invocation call)
    {
        var sought = call.Text(0, "sub");
        call.Budget.Search(Text(call).Length, sought.Length);
        call.Budget.Spend(Text(call).Length);
        var at = Text(call).IndexOf(sought, StringComparison.Ordinal);
        return at < 0 ? -1L : (long)PythonText.Length(Text(call).AsSpan(0, at));
    }

    private static long Occurrences(Invocation call, string sought)
    {
        call.Budget.Search(Text(call).Length, sought.Length);
        return Text(call).AsSpan().Count(sought);
    }

    private static string Part(Invocation call, Range range)
    {
        call.Budget.MakeText(Text(call).Length);
        return Text(call)[range];
    }

    private static TemplateList Pair(Invocation call, string key, object? value)
    {
        call.Budget.MakeItems(2);
        return new TemplateList([key, value], IsTuple: true);
    }

    private static string Affix(Invocation call, object? item)
    {
        var affix = item as string ?? throw call.Error("needs strings");
        call.Budget.Scan(affix.Length);
        return affix;
    }

    private static IEnumerable<string> Affixes(Invocation call) =>
        call.Argument(0, "prefix") is TemplateList { IsTuple: true } several
            ? several.Items.Select(item => Affix(call, item))
            : [call.Text(0, "prefix")];
}
