using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Rlhf.Web.Labeling;
using YamlDotNet.Core;

namespace Rlhf.Cli;

/// <summary>
/// What is said of a failure that nobody nearer to it has put into words. No user sees a stack trace: what the system refuses becomes a sentence, and what is left is a fault of
/// the program, whose details go to a file.
/// </summary>
internal static class LastResort
{
    // A message about what a person can still do, kept with the exception on its way up.
    private const string AdviceKey = "advice";

    /// <summary>Adds what the user can do next to whatever is said of this failure.</summary>
    public static void Advise(Exception failure, string advice) => failure.Data[AdviceKey] = advice;

    /// <summary>Says what happened.</summary>
    /// <returns>The exit code: 2 where what was given cannot be used, 1 where the machine or the program failed.</returns>
    public static int Report(TextWriter error, Exception failure)
    {
        var cause = CauseOf(failure);
        var (code, message) = Describe(cause);
        error.WriteLine($"rlhf: {message}");
        if ((failure.Data[AdviceKey] ?? cause.Data[AdviceKey]) is string advice)
        {
            error.WriteLine($"rlhf: {advice}");
        }

        return code;
    }

    private static (int Code, string Message) Describe(Exception cause) => cause switch
    {
        InputException => (ExitCode.BadInput, cause.Message),
        RunFailedException => (ExitCode.Failed, cause.Message),
        OutOfMemoryException or InsufficientMemoryException => (ExitCode.Failed, "there is not enough memory. Take a smaller model or batch, or fewer tokens at once; 'rlhf plan RECIPE' says how much a run needs."),
        FileNotFoundException or DirectoryNotFoundException or PathTooLongException or UnauthorizedAccessException => (ExitCode.BadInput, $"{PathOf(cause)}{FileFailure.ReasonOf(cause)}"),
        IOException => (ExitCode.Failed, $"{PathOf(cause)}{FileFailure.ReasonOf(cause)}"),
        JsonException or System.Text.DecoderFallbackException or InvalidDataException or YamlException => (ExitCode.BadInput, $"a file is damaged: {FailureText.Of(cause)}. Fetch or write it again."),
        SqliteException { SqliteErrorCode: StoreFailure.DiskFull } => (ExitCode.Failed, $"the store cannot be written: {StoreFailure.ReasonOf(cause)}."),
        DbException => (ExitCode.BadInput, $"the store cannot be used: {StoreFailure.ReasonOf(cause)}."),
        _ => (ExitCode.Failed, $"this is a fault of the program, not yours. {Details(cause)}"),
    };

    private static Exception CauseOf(Exception failure) => failure switch
    {
        AggregateException { InnerException: { } inner } => CauseOf(inner),
        TypeInitializationException { InnerException: { } inner } => CauseOf(inner),
        System.Reflection.TargetInvocationException { InnerException: { } inner } => CauseOf(inner),
        _ => failure,
    };

    // The system puts the path between quotes, if it says one at all.
    private static string PathOf(Exception failure) => failure is FileNotFoundException { FileName: { Length: > 0 } file } ? $"{file}: "
        : failure.Message.Split('\'') is [_, { Length: > 0 } path, _] ? $"{path}: " : "";

    private static string Details(Exception failure)
    {
        var file = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"rlhf-fault-{DateTime.UtcNow:yyyyMMdd-HHmmss}-{Environment.ProcessId}.txt"));
        try
        {
            File.WriteAllText(file, $"{Environment.CommandLine}{Environment.NewLine}{failure}{Environment.NewLine}");
            return $"What happened stands in {file}: please send it with a report.";
        }
        catch (Exception second) when (second is IOException or UnauthorizedAccessException)
        {
            return $"It said: {FailureText.Of(failure)}.";
        }
    }
}
