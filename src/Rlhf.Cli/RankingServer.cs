using System.CommandLine;
using System.CommandLine.Parsing;
using Rlhf.Labelers.Store;
using Rlhf.Web.Labeling;
using Rlhf.Web.Security;

namespace Rlhf.Cli;

/// <summary>The ranking page of a command, and the options that say who gets what and who reaches it.</summary>
internal sealed class RankingServer
{
    private readonly Option<int?> _overlap =
        new("--overlap") { Description = "How many labelers rank each prompt. Kept in the store; 1 at first.", HelpName = "N" };
    private readonly Option<double?> _lease = new("--lease")
    {
        Description = "After this many minutes without a sign of life a task goes to somebody else. Kept in the store; 20 at first.",
        HelpName = "MINUTES",
    };
    private readonly Option<string?> _instructions =
        new("--instructions") { Description = "What labelers are told, in Markdown. Kept in the store.", HelpName = "FILE.md" };
    private readonly Option<string[]> _criteria = new("--criterion")
    {
        Description = "What labelers score each answer for beside its place, with its scale: 'Truthful: 1-5', or 'Truthful: 1-5, required'. May be repeated. Kept in the store.",
        HelpName = "NAME: FROM-TO",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string?> _reason =
        new("--reason") { Description = "Whether labelers say why: none, optional or required. Kept in the store; none at first.", HelpName = "WORD" };
    private readonly Option<bool?> _reviews = new("--reviews")
    {
        Description = "Whether what somebody writes or mends becomes a task for others to review: true or false. Kept in the store; false at first.",
        HelpName = "BOOL",
    };
    private readonly Option<string> _host = new("--host")
    {
        Description = "The address to listen on. Other than this machine's own needs users.",
        HelpName = "ADDRESS",
        DefaultValueFactory = _ => "127.0.0.1",
    };
    private readonly Option<int> _port = ModelArguments.Port(8377);
    private readonly Option<Uri?> _publicUrl = new("--public-url")
    {
        Description = "How people reach the server behind a proxy with TLS: https://label.example.org.",
        HelpName = "URL",
        CustomParser = UrlOf,
    };

    /// <summary>Which store; of a command and those below it.</summary>
    public static Option<string> StoreOption() => new("--store")
    {
        Description = "Where rankings are kept: an SQLite file, or postgres://user:password@host:port/database.",
        HelpName = "FILE|URL",
        Required = true,
        Recursive = true,
    };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_overlap, _lease, _instructions, _criteria, _reason, _reviews, _host, _port, _publicUrl])
        {
            command.Add(option);
        }
    }

    /// <summary>The text that <c>--instructions</c> names, read before a store is made; null without it.</summary>
    public string? InstructionsOf(ParseResult parsed)
    {
        try
        {
            return parsed.GetValue(_instructions) is { } path ? WholeFile.NamedText(path, Limits.HandWrittenFile) : null;
        }
        catch (InputException exception)
        {
            throw new InputException($"--instructions: {exception.Message}", exception);
        }
    }

    /// <summary>Changes the store's settings to what was given, and serves the page until <paramref name="cancellation"/>.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="store">The store.</param>
    /// <param name="instructions">What <see cref="InstructionsOf"/> read.</param>
    /// <param name="cancellation">Ends the server.</param>
    public void Run(ParseResult parsed, RankingStore store, string? instructions, CancellationToken cancellation)
    {
        store.Change(settings => settings with
        {
            Overlap = parsed.GetValue(_overlap) ?? settings.Overlap,
            LeaseMinutes = parsed.GetValue(_lease) ?? settings.LeaseMinutes,
            Instructions = instructions ?? settings.Instructions,
            Criteria = parsed.GetValue(_criteria) is { Length: > 0 } criteria ? string.Join('\n', criteria) : settings.Criteria,
            Reason = parsed.GetValue(_reason) ?? settings.Reason,
            Reviews = parsed.GetValue(_reviews) ?? settings.Reviews,
        });
        var web = new WebSettings
        {
            Host = parsed.GetValue(_host)!,
            Port = parsed.GetValue(_port),
            PublicUrl = parsed.GetValue(_publicUrl),
            Log = TextWriter.Synchronized(parsed.Error()),
        };
        var app = LabelServer.Create(store, web);
        using var signals = Signals.AskFirst("stopping; once more to stop at once");
        WebDefaults.RunAsync(app, address => parsed.Error().WriteLine($"rlhf: ranking page at {web.PublicUrl ?? address}; Ctrl-C ends it"), cancellation)
            .GetAwaiter().GetResult();
    }

    private static Uri? UrlOf(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp))
        {
            return url;
        }

        result.AddError($"--public-url: expected an address such as https://label.example.org, found '{text}'.");
        return null;
    }
}
