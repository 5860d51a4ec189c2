using System.Collections;
using System.Text.Json;
using Rlhf.Data;

namespace Rlhf.Text.Jinja;

/// <summary>What a variable, key or attribute that is not there gives.</summary>
internal sealed record Undefined(string Name);

/// <summary>A list or, unchanging in Python too, a tuple.</summary>
internal sealed record TemplateList(List<object?> Items, bool IsTuple = false);

/// <summary>A dictionary; keys keep their order.</summary>
internal sealed record TemplateDictionary(OrderedDictionary<string, object?> Items);

/// <summary><c>namespace(...)</c>: the only value that set can change.</summary>
internal sealed record TemplateNamespace(Dictionary<string, object?> Attributes);

/// <summary>Something that can be called.</summary>
internal sealed record TemplateFunction(string Name, Func<Invocation, object?> Body);

/// <summary>
/// Values of templates are null, bool, long, double, string and the records of this file. From .NET: numbers, strings, dictionaries,
/// sequences and JSON.
/// </summary>
internal static class TemplateValues
{
    /// <summary>Takes a value from .NET.</summary>
    /// <exception cref="InputException">Of a type that templates do not know.</exception>
    public static object? From(object? value) => value switch
    {
        null or bool or long or double or string => value,
        int or short or byte or uint => Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture),
        float number => (double)number,
        JsonElement json => From(json),
        Message message => From(message),
        IReadOnlyDictionary<string, object?> entries => new TemplateDictionary(new(entries.Select(entry => KeyValuePair.Create(entry.Key, From(entry.Value))))),
        IEnumerable items => new TemplateList([.. items.Cast<object?>().Select(From)]),
        _ => throw new InputException($"a chat template cannot use a value of type {value.GetType().Name}"),
    };

    private static TemplateDictionary From(Message message)
    {
        var items = new OrderedDictionary<string, object?> { ["role"] = message.Role, ["content"] = message.Content };
        if (message.OtherFields is { } others)
        {
            using var json = JsonDocument.Parse(others);
            foreach (var field in json.RootElement.EnumerateObject())
            {
                items[field.Name] = From(field.Value);
            }
        }

        return new TemplateDictionary(items);
    }

    private static object? From(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                return new PlacedJson("chat message", "", json).Text();
            case JsonValueKind.Number:
                if (json.GetRawText().AsSpan().ContainsAny('.', 'e', 'E'))
                {
                    return json.GetDouble();
                }

                return json.TryGetInt64(out var whole) ? whole : throw new InputException($"chat message: the whole number {json.GetRawText()} is too large");
            case JsonValueKind.Array:
                return new TemplateList([.. json.EnumerateArray().Select(From)]);
            case JsonValueKind.Object:
                var items = new OrderedDictionary<string, object?>();
                foreach (var (name, member) in new PlacedJson("chat message", "", json).Members())
                {
                    items[name] = From(member.Element);
                }

                return new TemplateDictionary(items);
            default:
                return json.ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null };
        }
    }

    /// <summary>Python's bool().</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        TemplateList list => list.Items.Count > 0,
        TemplateDictionary dictionary => dictionary.Items.Count > 0,
        _ => true,
    };

    /// <summary>Python's ==.</summary>
    public static bool AreEqual(object? left, object? right, TemplateBudget budget)
    {
        budget.Enter();
        var areEqual = (left, right) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (string a, string b) => a.Length == b.Length && HaveEqualText(a, b, budget),
            (TemplateList a, TemplateList b) => a.IsTuple == b.IsTuple && a.Items.Count == b.Items.Count && HaveEqualItems(a, b, budget),
            (TemplateDictionary a, TemplateDictionary b) => a.Items.Count == b.Items.Count && HaveEqualEntries(a, b, budget),
            _ when Number(left) is { } a && Number(right) is { } b => a == b,
            _ => ReferenceEquals(left, right),
        };
        budget.Leave();
        return areEqual;
    }

    private static bool HaveEqualText(string left, string right, TemplateBudget budget)
    {
        budget.Scan(left.Length);
        return left == right;
    }

    private static bool HaveEqualItems(TemplateList left, TemplateList right, TemplateBudget budget)
    {
        for (var i = 0; i < left.Items.Count; i++)
        {
            if (!AreEqual(left.Items[i], right.Items[i], budget))
            {
                return false;
            }
        }

        return true;
    }

    private static bool HaveEqualEntries(TemplateDictionary left, TemplateDictionary right, TemplateBudget budget)
    {
        foreach (var (key, value) in left.Items)
        {
            budget.Scan(key.Length);
            if (!right.Items.TryGetValue(key, out var other) || !AreEqual(value, other, budget))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A number, booleans counting as 0 and 1; null for anything else.</summary>
    public static double? Number(object? value) => value switch
    {
        bool truth => truth ? 1 : 0,
        long number => number,
        double number => number,
        _ => null,
    };

    /// <summary>The type's name in Python, for messages.</summary>
    public static string TypeName(object? value) => value switch
    {
        null => "None",
        bool => "a boolean",
        long or double => "a number",
        string => "a string",
        TemplateList => "a list",
        TemplateDictionary => "a dictionary",
        Undefined undefined => $"undefined ({undefined.Name})",
        TemplateFunction => "a function",
        _ => "a namespace",
    };
}
