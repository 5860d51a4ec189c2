using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Rlhf.Core;

/// <summary>What the system or a parser says went wrong, as words for a person: no names of types, parameters or error numbers, and no path, which the caller
/// says itself.</summary>
public static partial class FailureText
{
    /// <summary>The words.</summary>
    /// <param name="failure">What was thrown.</param>
    /// <param name="path">The file that was to be read or written: a folder in its place is named as one.</param>
    public static string Of(Exception failure, string? path = null) => failure switch
    {
        _ when path is not null && FileFailure.Is(failure) && Directory.Exists(path) => "it is a folder, and a file is needed",
        _ when FileFailure.Is(failure) => FileFailure.ReasonOf(failure).TrimEnd('.'),
        OutOfMemoryException => "there is not enough memory",
        JsonException json => OfJson(json),
        DecoderFallbackException => "it is not UTF-8 text",
        EncoderFallbackException => "a text holds half of a surrogate pair",
        _ => InPlainWords(failure.Message),
    };

    private static string OfJson(JsonException failure)
    {
        var at = failure.Path is { Length: > 1 } path ? $" at {path}" : "";
        if (failure.Message.Contains("could not be mapped to", StringComparison.Ordinal))
        {
            return $"there is a key that is not known{at}";
        }

        if (failure.Message.Contains("missing required properties", StringComparison.Ordinal))
        {
            return $"a key is missing{at}: {string.Join(", ", Quoted().Matches(failure.Message).Skip(1).Select(match => match.Value))}".TrimEnd(':', ' ');
        }

        return TypeNames().IsMatch(failure.Message) ? $"a value of another kind is expected{at}" : InPlainWords(failure.Message);
    }

    /// <summary>The system's own words without what only programmers read; what remains of a message about types says nothing to a person.</summary>
    public static string InPlainWords(string message)
    {
        var text = Places().Replace(message.ReplaceLineEndings(" "), "").Trim();
        return TypeNames().IsMatch(text) ? "it is damaged" : text.Length > 1 ? $"{char.ToLowerInvariant(text[0])}{text[1..].TrimEnd('.')}" : "it is damaged";
    }

    // Where a parser stands in its own count, a parameter's name, and the path that the system puts behind a colon.
    [GeneratedRegex(@" Path: \S+ \| LineNumber:.*$| LineNumber: \d+ \| BytePositionInLine: \d+\.?| \(Parameter '\w+'\)| : '[^']*'\.?$")]
    private static partial Regex Places();

    [GeneratedRegex(@"\b(System|Rlhf|Microsoft|YamlDotNet)\.\w+|\.NET|\bCLR\b|object reference|HRESULT|System\.\w", RegexOptions.IgnoreCase)]
    private static partial Regex TypeNames();

    [GeneratedRegex(@"(?<=')[\w.]+(?=')")]
    private static partial Regex Quoted();
}
