using System.Globalization;

namespace Rlhf.Tokenization.Jinja;

/// <summary>Writes values as Python's str(), repr() and json.dumps(ensure_ascii=False) do.</summary>
internal static class TemplateFormat
{
    /// <summary>str().</summary>
    public static string Text(object? value, TemplateBudget budget)
    {
        if (value is string text)
            return text;
        var result = new TemplateWriter(budget);
        Write(value, result, budget);
        return result.ToString();
    }

    /// <summary>Appends str(): what <c>{{ value }}</c> prints.</summary>
    public static void Write(object? value, TemplateWriter result, TemplateBudget budget)
    {
        if (value is string text)
            result.Write(text);
        else if (value is not Undefined)
            WriteRepresentation(value, result, budget);
    }

    /// <summary>json.dumps with separators ", " and ": "; with an indent one item a line.</summary>
    public static string Json(object? value, int? indent, Invocation call)
    {
        var result = new TemplateWriter(call.Budget);
        WriteJson(value, indent, 0, result, call);
        return result.ToString();
    }

    private static void WriteRepresentation(object? value, TemplateWriter result, TemplateBudget budget)
    {
        budget.Enter();
        switch (value)
        {
            case null:
                result.Write("None");
                break;
            case bool truth:
                result.Write(truth ? "True" : "False");
                break;
            case long number:
                result.Write(number);
                break;
            case double number:
                budget.MakeText(32);
                result.Write(Number(number, "inf", "nan"));
                break;
            case string text:
                WriteQuoted(text, result);
                break;
            case Undefined:
                result.Write("Undefined");
                break;
            case TemplateList list:
                WriteList(list, result, budget);
                break;
            case TemplateDictionary dictionary:
                WriteDictionary(dictionary, result, budget);
                break;
            case TemplateFunction function:
                result.Write($"<function {function.Name}>");
                break;
            default:
                result.Write("<Namespace>");
                break;
        }

        budget.Leave();
    }

    private static void WriteList(TemplateList list, TemplateWriter result, TemplateBudget budget)
    {
        result.Write(list.IsTuple ? '(' : '[');
        for (var i = 0; i < list.Items.Count; i++)
        {
            result.Write(i == 0 ? "" : ", ");
            WriteRepresentation(list.Items[i], result, budget);
        }

        result.Write(!list.IsTuple ? "]" : list.Items.Count == 1 ? ",)" : ")");
    }

    private static void WriteDictionary(TemplateDictionary dictionary, TemplateWriter result, TemplateBudget budget)
    {
        result.Write('{');
        var isFirst = true;
        foreach (var (key, value) in dictionary.Items)
        {
            result.Write(isFirst ? "" : ", ");
            isFirst = false;
            WriteQuoted(key, result);
            result.Write(": ");
            WriteRepresentation(value, result, budget);
        }

        result.Write('}');
    }

    private static void WriteQuoted(string text, TemplateWriter result)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        result.Write(quote);
        foreach (var unit in text)
        {
            switch (unit)
            {
                case '\\':
                    result.Write(@"\\");
                    break;
                case '\n':
                    result.Write(@"\n");
                    break;
                case '\r':
                    result.Write(@"\r");
                    break;
                case '\t':
                    result.Write(@"\t");
                    break;
                case < ' ' or '\x7F':
                    result.Write(@"\x");
                    result.Write(unit, "x2");
                    break;
                default:
                    if (unit == quote)
                        result.Write('\\');
                    result.Write(unit);
                    break;
            }
        }

        result.Write(quote);
    }

    /// <summary>The shortest digits that read back as the same number, with an exponent from 1e16 on and below 1e-4.</summary>
    private static string Number(double number, string infinity, string nan)
    {
        if (double.IsNaN(number))
            return nan;
        if (double.IsInfinity(number))
            return number < 0 ? "-" + infinity : infinity;
        // .NET's shortest digits have an exponent from 1E+15 on, written 1E+15; Python's from 1e+16 on.
        var shortest = number.ToString("R", CultureInfo.InvariantCulture);
        if (!shortest.Contains('E'))
            return shortest.Contains('.') ? shortest : shortest + ".0";
        return Math.Abs(number) is >= 1e-4 and < 1e16 ? number.ToString("F1", CultureInfo.InvariantCulture) : shortest.Replace('E', 'e');
    }

    private static void WriteJson(object? value, int? indent, int depth, TemplateWriter result, Invocation call)
    {
        call.Budget.Enter();
        switch (value)
        {
            case null:
                result.Write("null");
                break;
            case bool truth:
                result.Write(truth ? "true" : "false");
                break;
            case long number:
                result.Write(number);
                break;
            case double number:
                call.Budget.MakeText(32);
                result.Write(Number(number, "Infinity", "NaN"));
                break;
            case string text:
                WriteJsonText(text, result);
                break;
            case TemplateList list:
                WriteJsonList(list, indent, depth, result, call);
                break;
            case TemplateDictionary dictionary:
                WriteJsonDictionary(dictionary, indent, depth, result, call);
                break;
            default:
                throw call.Error($"{TemplateValues.TypeName(value)} cannot be written as JSON");
        }

        call.Budget.Leave();
    }

    private static void WriteJsonList(TemplateList list, int? indent, int depth, TemplateWriter result, Invocation call)
    {
        result.Write('[');
        for (var i = 0; i < list.Items.Count; i++)
        {
            BeginItem(i == 0, indent, depth + 1, result);
            WriteJson(list.Items[i], indent, depth + 1, result, call);
        }

        EndItems(list.Items.Count, ']', indent, depth, result);
    }

    private static void WriteJsonDictionary(TemplateDictionary dictionary, int? indent, int depth, TemplateWriter result, Invocation call)
    {
        result.Write('{');
        for (var i = 0; i < dictionary.Items.Count; i++)
        {
            var (key, value) = dictionary.Items.GetAt(i);
            BeginItem(i == 0, indent, depth + 1, result);
            WriteJsonText(key, result);
            result.Write(": ");
            WriteJson(value, indent, depth + 1, result, call);
        }

        EndItems(dictionary.Items.Count, '}', indent, depth, result);
    }

    private static void BeginItem(bool isFirst, int? indent, int level, TemplateWriter result)
    {
        result.Write(isFirst ? "" : indent is null ? ", " : ",");
        NewLine(indent, level, result);
    }

    private static void EndItems(int count, char close, int? indent, int level, TemplateWriter result)
    {
        if (count > 0)
            NewLine(indent, level, result);
        result.Write(close);
    }

    private static void NewLine(int? indent, int level, TemplateWriter result)
    {
        if (indent is not { } width)
            return;
        result.Write('\n');
        result.Write(' ', width * level);
    }

    private static void WriteJsonText(string text, TemplateWriter result)
    {
        result.Write('"');
        foreach (var unit in text)
        {
            switch (unit)
            {
                case '"':
                    result.Write("\\\"");
                    break;
                case '\\':
                    result.Write(@"\\");
                    break;
                case '\n':
                    result.Write(@"\n");
                    break;
                case '\r':
                    result.Write(@"\r");
                    break;
                case '\t':
                    result.Write(@"\t");
                    break;
                case '\b':
                    result.Write(@"\b");
                    break;
                case '\f':
                    result.Write(@"\f");
                    break;
                case < ' ':
                    result.Write(@"\u");
                    result.Write(unit, "x4");
                    break;
                default:
                    result.Write(unit);
                    break;
            }
        }

        result.Write('"');
    }
}
