using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Rlhf.Cli;

/// <summary>What all commands share: an action with exit codes, examples in the help, errors as a person wants to read them.</summary>
internal static partial class CommandLine
{
    // Names of what may be empty.
    private const string TextHelp = "TEXT";
    private const string TextArgument = "text";

    private static readonly ConditionalWeakTable<Command, string[]> Examples = [];

    /// <summary>Adds examples, which the command's help prints below its options.</summary>
    public static Command WithExamples(this Command command, params string[] examples)
    {
        Examples.AddOrUpdate(command, examples);
        return command;
    }

    /// <summary>Sets what the command does: write results to <see cref="Output"/>, throw <see cref="InputException"/> or
    /// <see cref="RunFailedException"/>.</summary>
    public static Command Does(this Command command, Action<ParseResult, CancellationToken> action) =>
        command.Does((parsed, cancellation) =>
        {
            action(parsed, cancellation);
            return ExitCode.Success;
        });

    /// <summary>The same for a command that chooses its exit code.</summary>
    public static Command Does(this Command command, Func<ParseResult, CancellationToken, int> action)
    {
        command.SetAction((parsed, cancellation) => Task.FromResult(action(parsed, cancellation)));
        return command;
    }

    /// <summary>Where results go.</summary>
    public static TextWriter Output(this ParseResult parsed) => parsed.InvocationConfiguration.Output;

    /// <summary>Where everything else goes.</summary>
    public static TextWriter Error(this ParseResult parsed) => parsed.InvocationConfiguration.Error;

    /// <summary>Prints what is wrong with the command line and the nearest command; false when nothing is.</summary>
    public static bool ReportUsageErrors(ParseResult parsed, TextWriter error)
    {
        if (parsed.Action is HelpAction or HelpWithExamples || (parsed.Errors.Count == 0 && EmptyValue(parsed) is null))
        {
            return false;
        }

        var at = FirstWordIsUnknown(parsed) ? parsed.RootCommandResult.Command : parsed.CommandResult.Command;
        var commands = at.Subcommands.Select(command => command.Name).ToArray();
        if (commands.Length > 0 && parsed.UnmatchedTokens is [var word, ..] && !word.StartsWith('-'))
        {
            var nearest = NearestName.Of(word, commands);
            error.WriteLine(KnownWords.Find(word) is { } advice
                ? $"rlhf: {advice}"
                : nearest is null ? $"rlhf: unknown command '{word}'"
                : $"rlhf: unknown command '{word}'; did you mean '{nearest}'?");
        }
        else
        {
            foreach (var message in UnknownOptions(parsed) is { Count: > 0 } unknown
                ? unknown
                : EmptyValue(parsed) is { } empty ? [empty]
                : [.. parsed.Errors.Select(item => InPlainWords(item.Message)).Distinct()])
            {
                error.WriteLine($"rlhf: {message}");
            }
        }

        error.WriteLine($"See: {PathOf(at, parsed)} --help");
        return true;
    }

    /// <summary>Runs a command and turns what it throws into a message and an exit code.</summary>
    public static int Guard(TextWriter error, Func<int> command)
    {
        try
        {
            return command();
        }
        catch (OutputClosedException)
        {
            return ExitCode.OutputClosed;
        }
        catch (RunPausedException exception)
        {
            error.WriteLine($"rlhf: {exception.Message}");
            return ExitCode.Paused;
        }
        catch (OperationCanceledException exception)
        {
            error.WriteLine($"rlhf: {exception.Message}");
            return ExitCode.Failed;
        }
        catch (Exception exception)
        {
            return LastResort.Report(error, exception);
        }
    }

    /// <summary>Refuses to work in a folder that is not there any more: no path could be understood.</summary>
    public static void RequireCurrentFolder()
    {
        try
        {
            _ = Directory.GetCurrentDirectory();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException("the current folder is not there any more: change to another one with cd.", exception);
        }
    }

    /// <summary>Makes every command's help end with its examples.</summary>
    public static void ShowExamplesInHelp(RootCommand root)
    {
        foreach (var help in root.Options.OfType<HelpOption>())
        {
            help.Action = new HelpWithExamples((HelpAction)help.Action!);
        }
    }

    // A word that is known may follow it: "rlhf rlhf run recipe.yaml".
    private static bool FirstWordIsUnknown(ParseResult parsed) =>
        parsed.Tokens is [{ Type: TokenType.Argument, Value: var first }, ..] && parsed.UnmatchedTokens is [var unmatched, ..] && first == unmatched;

    // A misspelt option makes its value a stray argument and itself a missing one: only the misspelling is worth saying.
    private static List<string> UnknownOptions(ParseResult parsed)
    {
        var known = parsed.CommandResult.Command.Options.SelectMany(option => option.Aliases.Append(option.Name))
            .Where(name => name.StartsWith("--", StringComparison.Ordinal)).ToArray();
        return [.. parsed.UnmatchedTokens.Where(word => word.StartsWith("--", StringComparison.Ordinal)).Select(word =>
        {
            var name = word.Split('=')[0];
            var nearest = NearestName.Of(name, known);
            return nearest is null
                ? $"unknown option '{name}'{(KnownWords.Find(name) is { } advice ? $": {advice}" : "")}"
                : $"unknown option '{name}'; did you mean '{nearest}'?";
        })];
    }

    // A variable of the shell that is not set leaves an empty word, which would mean the current folder or nothing at all.
    private static string? EmptyValue(ParseResult parsed)
    {
        foreach (var result in parsed.CommandResult.Children)
        {
            var (name, kind) = result switch
            {
                OptionResult { Implicit: false, Option: { HelpName: not TextHelp } option } => (option.Name, option.HelpName ?? "a value"),
                ArgumentResult { Argument: { Name: not TextArgument } argument } => (argument.Name, argument.Name),
                _ => (null, ""),
            };
            if (name is not null && result.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value)))
            {
                return $"{name}: expected {kind}, found an empty text.";
            }
        }

        return null;
    }

    private static string InPlainWords(string message) => TypeName().Replace(message, match =>
        match.Groups[1].Value switch { "Double" or "Single" => "a number", "Boolean" => "true or false", _ => "a whole number" });

    [GeneratedRegex(@"expected type '(?:System\.Nullable`1\[)?System\.(Double|Single|Boolean|U?Int\d\d)\]?'")]
    private static partial Regex TypeName();

    /// <summary>The whole command with the commands above it: <c>rlhf eval reward</c>.</summary>
    private static string PathOf(Command command, ParseResult parsed) =>
        command == parsed.RootCommandResult.Command ? "rlhf" : $"{PathOf(command.Parents.OfType<Command>().First(), parsed)} {command.Name}";

    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        // Help wins over what is missing on the line, as the action that it wraps has it.
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var result = help.Invoke(parseResult);
            if (Examples.TryGetValue(parseResult.CommandResult.Command, out var examples))
            {
                var output = parseResult.Output();
                output.WriteLine("Examples:");
                foreach (var example in examples)
                {
                    output.WriteLine($"  {example}");
                }

                output.WriteLine();
            }

            return result;
        }
    }
}
