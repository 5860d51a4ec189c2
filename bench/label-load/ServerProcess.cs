using System.Diagnostics;
using System.Globalization;
using Rlhf.Data;
using Rlhf.Labelers.Store;

namespace LabelLoad;

/// <summary>The server under load, as a process that can be killed.</summary>
internal sealed class ServerProcess(LoadOptions options) : IDisposable
{
    private Process? _process;

    public Uri Address { get; } = new($"http://127.0.0.1:{options.Port}");

    public int Restarts { get; private set; }

    /// <summary>Fills the store; the labelers' tokens.</summary>
    public string[] Prepare()
    {
        var store = RankingStore.Open(options.Store);
        store.Change(settings => settings with { Overlap = options.Overlap, LeaseMinutes = 0.1, Reviews = true });
        store.AddUser("owner", UserRole.Owner);
        store.Import(Enumerable.Range(0, options.Prompts).Select(TaskOf));
        return [.. Enumerable.Range(0, options.Labelers).Select(i => store.AddUser(NameOf(i), UserRole.Labeler))];
    }

    /// <summary>All kinds in turn.</summary>
    private static ImportRow TaskOf(int i)
    {
        var kinds = Enum.GetValues<TaskKind>();
        var kind = kinds[i % kinds.Length];
        var answers = kind.IsRanked() ? 4 : kind == TaskKind.Review ? 1 : 0;
        return new ImportRow(
            new AnswerSet(
                "1", $"prompt {i}", [new Message("user", $"prompt {i}")], [.. Enumerable.Range(0, answers).Select(k => $"answer {k} to prompt {i}")], [],
                Kind: kind, Draft: kind == TaskKind.Write ? $"draft of {i}" : null),
            null, "", [], 0, 0, null, null, false);
    }

    public static string NameOf(int labeler) => string.Create(CultureInfo.InvariantCulture, $"labeler {labeler}");

    public void Start()
    {
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Rlhf.Cli", "release", "Rlhf.Cli.dll"));
        _process = Process.Start(
            new ProcessStartInfo("dotnet",
            [program, "label", "--store", options.Store, "--port", options.Port.ToString(CultureInfo.InvariantCulture)])
            { RedirectStandardError = true })!;
        if (_process.StandardError.ReadLine() is not { } line || !line.Contains("ranking page at", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"The server did not start: {_process.StandardError.ReadToEnd()}");
        }

        var errors = _process.StandardError;
        _ = Task.Run(() =>
        {
            while (errors.ReadLine() is { } message)
            {
                Console.Error.WriteLine(message);
            }
        });
    }

    /// <summary>Kills it without warning (SIGKILL), as often as there is time, and starts it again.</summary>
    public async Task KillAgainAndAgain(TimeSpan pause, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(pause, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            if (!stop.IsCancellationRequested)
            {
                _process!.Kill();
                await _process.WaitForExitAsync(CancellationToken.None);
                Start();
                Restarts++;
            }
        }
    }

    public void Dispose()
    {
        _process?.Kill();
        _process?.Dispose();
    }
}
