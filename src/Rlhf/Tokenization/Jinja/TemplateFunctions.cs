using System.Globalization;

namespace Rlhf.Tokenization.Jinja;

/// <summary>The functions that every template can call.</summary>
internal static class TemplateFunctions
{
    /// <summary>All functions, by name.</summary>
    public static IEnumerable<(string Name, TemplateFunction Function)> Create(TimeProvider clock) =>
    [
        Named("raise_exception", call => throw call.Interpreter.Error(call.Position, $"the chat template refuses the conversation: {TemplateFormat.Text(call.Argument(0, "message", ""), call.Budget)}")),
        Named("strftime_now", call => Time(clock.GetLocalNow(), call)),
        Named("namespace", Namespace),
        Named("range", Range),
        Named("dict", Dictionary),
    ];

    private static (string, TemplateFunction) Named(string name, Func<Invocation, object?> body) => (name, new TemplateFunction(name, body));

    private static TemplateDictionary Dictionary(Invocation call)
    {
        if (call.Positional.Length > 0)
            throw call.Error("positional arguments are not supported");
        call.Budget.MakeDictionary(call.Named.Count);
        return new TemplateDictionary(new(call.Named));
    }

    private static TemplateNamespace Namespace(Invocation call)
    {
        call.Budget.MakeDictionary(call.Named.Count);
        var attributes = new Dictionary<string, object?>(call.Named);
        foreach (var given in call.Positional)
        {
            var dictionary = given as TemplateDictionary ?? throw call.Error("a positional argument must be a dictionary");
            foreach (var (name, value) in dictionary.Items)
            {
                call.Budget.Scan(name.Length);
                call.Budget.MakeEntry();
                attributes.TryAdd(name, value);
            }
        }

        return new TemplateNamespace(attributes);
    }

    private static TemplateList Range(Invocation call)
    {
        call.Allow(3);
        var (start, stop) = call.Positional.Length == 1 ? (0, call.Integer(0, "stop")) : (call.Integer(0, "start"), call.Integer(1, "stop"));
        var step = call.Integer(2, "step", 1);
        if (step == 0)
            throw call.Error("the step is zero");
        call.Budget.MakeItems(0);
        var items = new List<object?>();
        for (var number = start; step > 0 ? number < stop : number > stop; number = checked(number + step))
        {
            if (items.Count == Limits.TemplateRange)
                throw call.Error($"more than {Limits.TemplateRange} numbers");
            call.Budget.MakeItem(items.Count);
            items.Add(number);
        }

        return new TemplateList(items);
    }

    private static string Time(DateTimeOffset now, Invocation call)
    {
        var result = new TemplateWriter(call.Budget);
        var format = call.Text(0, "format");
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Write(format[i]);
                continue;
            }

            var directive = format[++i];
            result.Write(directive == '%' ? "%" : directive == 'j'
                ? now.DayOfYear.ToString("000", CultureInfo.InvariantCulture)
                : now.ToString(Pattern(directive, call), CultureInfo.InvariantCulture));
        }

        return result.ToString();
    }

    private static string Pattern(char directive, Invocation call) => directive switch
    {
        'Y' => "yyyy",
        'y' => "yy",
        'm' => "MM",
        'd' => "dd",
        'e' => "%d",
        'B' => "MMMM",
        'b' => "MMM",
        'A' => "dddd",
        'a' => "ddd",
        'H' => "HH",
        'I' => "hh",
        'M' => "mm",
        'S' => "ss",
        'p' => "tt",
        _ => throw call.Error($"%{directive} is not supported"),
    };
}
