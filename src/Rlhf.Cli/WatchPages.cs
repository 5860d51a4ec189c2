using System.CommandLine;
using Rlhf.Web.Security;
using Rlhf.Web.Watching;

namespace Rlhf.Cli;

/// <summary>The page on which runs are watched, and the options that say who reaches it.</summary>
internal sealed class WatchPages
{
    private readonly Option<string> _host = new("--host")
    {
        Description = "The address to listen on. On other than this machine's own, looking on needs a link with a secret, too.",
        HelpName = "ADDRESS",
        DefaultValueFactory = static _ => "127.0.0.1",
    };
    private readonly Option<int> _port = ModelArguments.Port(8378);

    public void AddTo(Command command)
    {
        command.Add(_host);
        command.Add(_port);
    }

    /// <summary>Serves the page until <paramref name="cancellation"/>.</summary>
    public void Serve(ParseResult parsed, IReadOnlyList<string> folders, CancellationToken cancellation)
    {
        var settings = new WebSettings { Host = parsed.GetValue(_host)!, Port = parsed.GetValue(_port), Log = TextWriter.Synchronized(parsed.Error()) };
        var tokens = WatchTokens.Create();
        var app = WatchServer.Create(folders, settings, tokens);
        using var signals = Signals.AskFirst("stopping; once more to stop at once");
        WebDefaults.RunAsync(app, address => Announce(parsed.Error(), address, settings, tokens), cancellation).GetAwaiter().GetResult();
    }

    /// <summary>Serves the page of one run while something is done: on this machine only, on a free port.</summary>
    public static T While<T>(string folder, TextWriter error, Func<T> work)
    {
        var (tokens, settings) = (WatchTokens.Create(), new WebSettings { Log = TextWriter.Synchronized(error) });
        var app = WatchServer.Create([folder], settings, tokens);
        Announce(error, WebDefaults.StartAsync(app).GetAwaiter().GetResult(), settings, tokens);
        try
        {
            return work();
        }
        finally
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            app.StopAsync(patience.Token).GetAwaiter().GetResult();
            error.WriteLine($"rlhf: the page has ended with the run; to see it again: rlhf watch {folder}");
        }
    }

    private static void Announce(TextWriter error, Uri address, WebSettings settings, WatchTokens tokens)
    {
        var (owner, viewer) = WatchServer.LinksOf(address, settings, tokens);
        error.WriteLine($"rlhf: watch at {owner} (the owner's link: it can stop runs)");
        error.WriteLine(viewer is null ? $"rlhf: others on this machine look on at {new Uri(address, "/")}" : $"rlhf: others look on at {viewer}");
    }
}
