using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Rlhf.Tokenization.Jinja;

/// <summary>Writes values as Python's str(), repr() and json.dumps(ensure_ascii=False) do.</summary>
internal static class TemplateFormat
{
    /// <summary>str(): what <c>{{ value }}</c> prints.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        Undefined => "",
        _ => Representation(value),
    };

    /// <summary>json.dumps with separators ", " and ": "; with an indent one item a line.</summary>
    public static string Json(object? value, int? indent, Invocation call)
    {
        var result = new StringBuilder();
        WriteJson(value, indent, 0, result, call);
        return result.ToString();
    }

    private static string Representation(object? value)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return value switch
        {
            null => "None",
            bool truth => truth ? "True" : "False",
            long number => number.ToString(CultureInfo.InvariantCulture),
            double number => Number(number, "inf", "nan"),
            string text => Quoted(text),
            Undefined => "Undefined",
            TemplateList { IsTuple: true, Items: [var only] } => $"({Representation(only)},)",
            TemplateList list => (list.IsTuple ? "(" : "[") + string.Join(", ", list.Items.Select(Representation)) + (list.IsTuple ? ")" : "]"),
            TemplateDictionary dictionary => "{" + string.Join(", ", dictionary.Items.Select(entry => $"{Quoted(entry.Key)}: {Representation(entry.Value)}")) + "}",
            TemplateFunction function => $"<function {function.Name}>",
            _ => "<Namespace>",
        };
    }

    private static string Quoted(string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var result = new StringBuilder(text.Length + 2).Append(quote);
        foreach (var unit in text)
        {
            result.Append(unit switch
            {
                '\\' => @"\\",
                '\n' => @"\n",
                '\r' => @"\r",
                '\t' => @"\t",
                _ when unit == quote => $@"\{unit}",
                < ' ' or '\x7F' => $@"\x{(int)unit:x2}",
                _ => unit.ToString(),
            });
        }

        return result.Append(quote).ToString();
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

    private static void WriteJson(object? value, int? indent, int depth, StringBuilder result, Invocation call)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        call.Charge(1);
        switch (value)
        {
            case null:
                result.Append("null");
                break;
            case bool truth:
                result.Append(truth ? "true" : "false");
                break;
            case long:
                result.Append(Text(value));
                break;
            case double number:
                result.Append(Number(number, "Infinity", "NaN"));
                break;
            case string text:
                WriteJsonText(text, result);
                break;
            case TemplateList list:
                WriteItems('[', ']', list.Items, item => WriteJson(item, indent, depth + 1, result, call));
                break;
            case TemplateDictionary dictionary:
                WriteItems('{', '}', dictionary.Items, entry =>
                {
                    WriteJsonText(entry.Key, result);
                    result.Append(": ");
                    WriteJson(entry.Value, indent, depth + 1, result, call);
                });
                break;
            default:
                throw call.Error($"{TemplateValues.TypeName(value)} cannot be written as JSON");
        }

        void WriteItems<T>(char open, char close, IReadOnlyCollection<T> items, Action<T> write)
        {
            result.Append(open);
            var isFirst = true;
            foreach (var item in items)
            {
                result.Append(isFirst ? "" : indent is null ? ", " : ",");
                isFirst = false;
                NewLine(depth + 1);
                write(item);
            }

            if (!isFirst)
                NewLine(depth);
            result.Append(close);
        }

        void NewLine(int level)
        {
            if (indent is { } width)
                result.Append('\n').Append(' ', width * level);
        }
    }

    private static void WriteJsonText(string text, StringBuilder result)
    {
        result.Append('"');
        foreach (var unit in text)
        {
            _ = unit switch
            {
                '"' => result.Append("\\\""),
                '\\' => result.Append(@"\\"),
                '\n' => result.Append(@"\n"),
                '\r' => result.Append(@"\r"),
                '\t' => result.Append(@"\t"),
                '\b' => result.Append(@"\b"),
                '\f' => result.Append(@"\f"),
                < ' ' => result.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}"),
                _ => result.Append(unit),
            };
        }

        result.Append('"');
    }
}
