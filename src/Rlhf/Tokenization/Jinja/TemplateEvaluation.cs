using System.Runtime.CompilerServices;

namespace Rlhf.Tokenization.Jinja;

/// <summary>The values of expressions.</summary>
internal sealed partial class TemplateInterpreter
{
    /// <summary>The items that a loop goes through: of a list, the keys of a dictionary, the characters of a string.</summary>
    public List<object?> Items(object? value, int position)
    {
        Budget.Position = position;
        switch (value)
        {
            case TemplateList list:
                return list.Items;
            case TemplateDictionary dictionary:
                Budget.MakeItems(dictionary.Items.Count);
                return [.. dictionary.Items.Keys];
            case string characters:
                return PythonText.Characters(characters, Budget);
            case Undefined:
                return [];
            default:
                throw Error(position, $"cannot go through {TemplateValues.TypeName(value)}");
        }
    }

    /// <summary><c>value[index]</c></summary>
    public object? Item(object? value, object? index, int position)
    {
        // Whatever has names looks for this one by all its characters.
        Budget.Scan((index as string)?.Length ?? 0);
        switch (value, index)
        {
            case (Undefined undefined, _):
                throw Error(position, $"\"{undefined.Name}\" is undefined");
            case (TemplateDictionary dictionary, string key):
                return dictionary.Items.TryGetValue(key, out var found) ? found : AttributeOf(value, key, position);
            case (TemplateList { Items: var items }, long number):
                return (number < 0 ? number + items.Count : number) is >= 0 and var at && at < items.Count ? items[(int)at] : new Undefined($"item {number}");
            case (string text, long number):
                return PythonText.CharacterAt(text, number, Budget) ?? (object)new Undefined($"item {number}");
            case (_, string name):
                return AttributeOf(value, name, position);
            default:
                return new Undefined($"item {TemplateValues.TypeName(index)}");
        }
    }

    /// <summary>A comparison.</summary>
    public bool Compare(object? left, string comparison, object? right, int position)
    {
        Budget.Position = position;
        Budget.Spend(TemplateBudget.Value);
        switch (comparison)
        {
            case "==":
                return TemplateValues.AreEqual(left, right, Budget);
            case "!=":
                return !TemplateValues.AreEqual(left, right, Budget);
            case "in":
                return Contains(right, left, position);
            case "not in":
                return !Contains(right, left, position);
        }

        int order;
        if (left is string a && right is string b)
        {
            Budget.Scan(Math.Min(a.Length, b.Length));
            order = string.CompareOrdinal(a, b);
        }
        else if (left is long first && right is long second)
            order = first.CompareTo(second);
        else if (TemplateValues.Number(left) is { } x && TemplateValues.Number(right) is { } y)
            return comparison switch { "<" => x < y, "<=" => x <= y, ">" => x > y, _ => x >= y };
        else
            throw Error(position, $"cannot compare {TemplateValues.TypeName(left)} with {TemplateValues.TypeName(right)}");
        return comparison switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    private object? Evaluate(Expression expression)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Visit(expression);
        switch (expression)
        {
            case Literal literal:
                return literal.Value;
            case Variable variable:
                return _scope.Find(variable.Name, Budget);
            case ListDisplay list:
                Budget.MakeItems(list.Items.Length);
                return new TemplateList([.. All(list.Items)], list.IsTuple);
            case DictionaryDisplay dictionary:
                return Display(dictionary);
            case Attribute attribute:
                return AttributeOf(Evaluate(attribute.Target), attribute.Name, attribute.Position);
            case Subscript subscript:
                return Item(Evaluate(subscript.Target), Evaluate(subscript.Index), subscript.Position);
            case Slice slice:
                return Sliced(slice);
            case Call call:
                return Evaluate(call.Callee) is TemplateFunction function
                    ? function.Body(Invoke(call.Position, function.Name, null, call.Arguments).Counted())
                    : throw Error(call.Position, $"{NameOf(call.Callee)} cannot be called");
            case FilterCall filter:
                return ApplyFilter(filter, Evaluate(filter.Target));
            case TestCall test:
                return TemplateTests.Apply(Invoke(test.Position, test.Name, Evaluate(test.Target), test.Arguments));
            case Unary unary:
                return Signed(unary, Evaluate(unary.Operand));
            case Binary { Operator: "and" } both:
                return Evaluate(both.Left) is var left && TemplateValues.IsTrue(left) ? Evaluate(both.Right) : left;
            case Binary { Operator: "or" } either:
                return Evaluate(either.Left) is var value && TemplateValues.IsTrue(value) ? value : Evaluate(either.Right);
            case Binary binary:
                return Calculate(binary, Evaluate(binary.Left), Evaluate(binary.Right));
            case Comparison comparison:
                return Compared(comparison);
            case Conditional conditional:
                return TemplateValues.IsTrue(Evaluate(conditional.Condition)) ? Evaluate(conditional.Then)
                    : conditional.Otherwise is null ? new Undefined("the missing else") : Evaluate(conditional.Otherwise);
            default:
                throw new InvalidOperationException(expression.GetType().Name);
        }
    }

    private object?[] All(Expression[] expressions) => expressions.Length == 0 ? [] : Array.ConvertAll(expressions, Evaluate);

    private TemplateDictionary Display(DictionaryDisplay dictionary)
    {
        var items = new OrderedDictionary<string, object?>();
        Budget.MakeDictionary(dictionary.Items.Length);
        foreach (var (key, value) in dictionary.Items)
        {
            var name = Evaluate(key) as string ?? throw Error(key.Position, "only strings are supported as keys");
            Budget.Scan(name.Length);
            items[name] = Evaluate(value);
        }

        return new TemplateDictionary(items);
    }

    private object? AttributeOf(object? target, string name, int position)
    {
        switch (target)
        {
            case Undefined undefined:
                throw Error(position, $"\"{undefined.Name}\" is undefined, so it has no \"{name}\"");
            case LoopState loop:
                return loop.Find(name);
            case TemplateNamespace names:
                return names.Attributes.TryGetValue(name, out var attribute) ? attribute : new Undefined(name);
        }

        if (TemplateMethods.Find(target, name) is { } method)
            return method;
        return target is TemplateDictionary dictionary && dictionary.Items.TryGetValue(name, out var value) ? value : new Undefined(name);
    }

    private object? Sliced(Slice slice)
    {
        var target = Evaluate(slice.Target);
        if (target is not (string or TemplateList))
            throw Error(slice.Position, $"cannot take a slice of {TemplateValues.TypeName(target)}");
        long? Bound(Expression? part) => part is null ? null : Evaluate(part) switch
        {
            null => null,
            long number => number,
            var other => throw Error(part.Position, $"a slice needs whole numbers, not {TemplateValues.TypeName(other)}"),
        };
        Budget.MakeItems(0);
        var step = Bound(slice.Step) ?? 1;
        if (step == 0)
            throw Error(slice.Position, "the step of a slice is zero");
        step = Math.Clamp(step, -int.MaxValue, int.MaxValue);
        var (from, to) = (Bound(slice.Start), Bound(slice.Stop));
        Budget.Position = slice.Position;
        var characters = target as string;
        if (characters is not null)
            Budget.Spend(characters.Length);
        var count = characters is null ? ((TemplateList)target).Items.Count : PythonText.Length(characters);
        // Python's rule: bounds count from the end when negative and are clamped to where the walk can go.
        var (lowest, highest) = step > 0 ? (0L, (long)count) : (-1L, count - 1L);
        long Clamped(long? bound, long absent) => bound is null ? absent : Math.Clamp(bound < 0 ? bound.Value + count : bound.Value, lowest, highest);
        var start = Clamped(from, step > 0 ? lowest : highest);
        var stop = Clamped(to, step > 0 ? highest : lowest);
        if (characters is not null)
            return PythonText.Slice(characters, count, start, stop, step, Budget);
        var items = ((TemplateList)target).Items;
        var result = new List<object?>();
        for (var at = start; step > 0 ? at < stop : at > stop; at += step)
        {
            Budget.MakeItem(result.Count);
            result.Add(items[(int)at]);
        }

        return new TemplateList(result, ((TemplateList)target).IsTuple);
    }

    private object Signed(Unary unary, object? value) => (unary.Operator, value) switch
    {
        ("not", _) => !TemplateValues.IsTrue(value),
        ("-", long number) => checked(-number),
        ("-", double number) => -number,
        ("+", long or double) => value!,
        _ => throw Error(unary.Position, $"\"{unary.Operator}\" needs a number, not {TemplateValues.TypeName(value)}"),
    };

    private object Compared(Comparison comparison)
    {
        var left = Evaluate(comparison.First);
        foreach (var (sign, operand) in comparison.Others)
        {
            var right = Evaluate(operand);
            if (!Compare(left, sign, right, operand.Position))
                return false;
            left = right;
        }

        return true;
    }

    private object Calculate(Binary binary, object? left, object? right)
    {
        Budget.Position = binary.Position;
        switch (binary.Operator, left, right)
        {
            case ("~", _, _):
                return Joined(TemplateFormat.Text(left, Budget), TemplateFormat.Text(right, Budget));
            case ("+", string a, string b):
                return Joined(a, b);
            case ("+", TemplateList a, TemplateList b) when a.IsTuple == b.IsTuple:
                Budget.MakeItems((long)a.Items.Count + b.Items.Count);
                return new TemplateList([.. a.Items, .. b.Items], a.IsTuple);
            case ("*", string text, long times):
                return Repeated(text, times);
            case ("*", long times, string text):
                return Repeated(text, times);
            case (_, long a, long b):
                return Whole(binary, a, b);
            case (_, long or double, long or double):
                return Fraction(binary, Convert.ToDouble(left, System.Globalization.CultureInfo.InvariantCulture), Convert.ToDouble(right, System.Globalization.CultureInfo.InvariantCulture));
            default:
                throw Error(binary.Position, $"\"{binary.Operator}\" does not work on {TemplateValues.TypeName(left)} and {TemplateValues.TypeName(right)}");
        }
    }

    private string Joined(string left, string right)
    {
        Budget.MakeText((long)left.Length + right.Length);
        return left + right;
    }

    private string Repeated(string text, long times)
    {
        if (text.Length == 0 || times <= 0)
            return "";
        var count = Math.Min(times, int.MaxValue);
        Budget.MakeText(text.Length * count);
        return string.Create(text.Length * (int)count, text, static (all, part) =>
        {
            for (var at = 0; at < all.Length; at += part.Length)
                part.CopyTo(all[at..]);
        });
    }

    private object Whole(Binary binary, long left, long right)
    {
        if (right == 0 && binary.Operator is ("/" or "//" or "%"))
            throw Error(binary.Position, "division by zero");
        switch (binary.Operator)
        {
            case "+":
                return checked(left + right);
            case "-":
                return checked(left - right);
            case "*":
                return checked(left * right);
            case "/":
                return (double)left / right;
            case "//":
                // Python rounds down, .NET towards zero.
                return checked(left / right) - (left % right != 0 && (left < 0) != (right < 0) ? 1 : 0);
            case "%":
                return right == -1 ? 0L : (left % right + right) % right;
            case "**" when right >= 0:
                return Power(left, right);
            default:
                return Math.Pow(left, right);
        }
    }

    private long Power(long number, long exponent)
    {
        var result = 1L;
        for (var i = 0L; i < exponent && result is not 0 && number is not 1; i++)
        {
            Budget.Spend(1);
            result = checked(result * number);
        }

        return result;
    }

    private object Fraction(Binary binary, double left, double right)
    {
        if (right == 0 && binary.Operator is ("/" or "//" or "%"))
            throw Error(binary.Position, "division by zero");
        return binary.Operator switch
        {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" => left / right,
            "//" => Math.Floor(left / right),
            "%" => left - right * Math.Floor(left / right),
            _ => Math.Pow(left, right),
        };
    }

    private bool Contains(object? container, object? value, int position)
    {
        switch (container)
        {
            case string text:
                var part = value as string ?? throw Error(position, $"\"in\" a string needs a string, not {TemplateValues.TypeName(value)}");
                Budget.Search(text.Length, part.Length);
                return text.Contains(part, StringComparison.Ordinal);
            case TemplateDictionary dictionary:
                Budget.Scan((value as string)?.Length ?? 0);
                return value is string key && dictionary.Items.ContainsKey(key);
            default:
                var items = Items(container, position);
                return items.Exists(item => TemplateValues.AreEqual(item, value, Budget));
        }
    }

    private static string NameOf(Expression callee) => callee switch
    {
        Variable variable => $"\"{variable.Name}\"",
        Attribute attribute => $"\"{attribute.Name}\"",
        _ => "the value",
    };
}
