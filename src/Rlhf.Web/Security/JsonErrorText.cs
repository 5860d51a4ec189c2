using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Rlhf.Web.Security;

/// <summary>What is wrong with a body, in words of its sender: keys and JSON's types instead of this program's.</summary>
internal static partial class JsonErrorText
{
    /// <summary>The sentence.</summary>
    /// <param name="exception">What the reader says.</param>
    /// <param name="body">What was expected; null where any JSON may be.</param>
    public static string Of(JsonException exception, JsonTypeInfo? body = null)
    {
        string[] known = [.. (body?.Properties ?? []).Select(property => property.Name)];
        var message = exception.Message;
        if (Unknown().Match(message) is { Success: true } unknown)
        {
            var name = unknown.Groups[1].Value;
            return $"The key '{name}' is not known.{(NearestName.Of(name, known) is { } nearest ? $" Did you mean '{nearest}'?" : $" Known are: {string.Join(", ", known)}.")}";
        }

        if (Repeated().Match(message) is { Success: true } repeated)
        {
            return $"The key '{repeated.Groups[1].Value}' is there twice.";
        }

        if (Missing().Match(message) is { Success: true } missing)
        {
            return $"Missing: {missing.Groups[1].Value}.";
        }

        if (Null().Match(message) is { Success: true } absent)
        {
            return $"'{JsonNamingPolicy.SnakeCaseLower.ConvertName(absent.Groups[1].Value)}' must not be null.";
        }

        return body is not null && message.Contains("could not be converted to", StringComparison.Ordinal)
            ? $"{KeyOf(exception.Path)}: expected {WordsFor(TypeAt(body, exception.Path))}{PlaceOf(exception)}."
            : $"It is not JSON{PlaceOf(exception)}: {Internals().Replace(message, "")}";
    }

    private static string KeyOf(string? path) => path is null or "$" ? "The body" : $"'{path.TrimStart('$', '.')}'";

    private static string PlaceOf(JsonException exception) => exception.LineNumber is { } line
        ? string.Create(CultureInfo.InvariantCulture, $" (line {line + 1}, byte {(exception.BytePositionInLine ?? 0) + 1})")
        : "";

    // The reader names at times the type around the value.
    private static Type TypeAt(JsonTypeInfo body, string? path)
    {
        var type = body.Type;
        foreach (var step in Step().Matches(path ?? "").Select(match => match.Value))
        {
            type = step[0] == '[' ? ItemOf(type) ?? typeof(object)
                : body.Options.GetTypeInfo(type).Properties.FirstOrDefault(property => property.Name == step[1..])?.PropertyType ?? typeof(object);
        }

        return Nullable.GetUnderlyingType(type) ?? type;
    }

    private static string WordsFor(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Int32 or TypeCode.Int64 => "a whole number",
        TypeCode.Double => "a number",
        TypeCode.Boolean => "true or false",
        TypeCode.String => "a text",
        _ => ItemOf(type) is null ? "an object" : "a list",
    };

    private static Type? ItemOf(Type type) =>
        type.IsGenericType && type.IsAssignableTo(typeof(System.Collections.IEnumerable)) ? type.GetGenericArguments()[0] : null;

    [GeneratedRegex(@"\.\w+|\[\d+\]")]
    private static partial Regex Step();

    [GeneratedRegex("The JSON property '(.*)' could not be mapped", RegexOptions.Singleline)]
    private static partial Regex Unknown();

    [GeneratedRegex("Duplicate property '(.*)' encountered", RegexOptions.Singleline)]
    private static partial Regex Repeated();

    [GeneratedRegex("missing required properties including: (.*?)\\.?$")]
    private static partial Regex Missing();

    [GeneratedRegex("(?:property or field|constructor parameter) '(.*?)' on type .* (?:allow|null)")]
    private static partial Regex Null();

    [GeneratedRegex(" (?:Path: |LineNumber: ).*$", RegexOptions.Singleline)]
    private static partial Regex Internals();
}
