using System.Runtime.InteropServices;

namespace Rlhf.Cli;

/// <summary>
/// What SIGINT, SIGTERM and SIGHUP do. They end the process at once, as they end any program (130, 143 and 129 for a shell), unless a command says that it has
/// something to
/// write or to answer first.
/// </summary>
internal static class Signals
{
    private static readonly CancellationTokenSource Interrupted = new();
    private static volatile Action<PosixSignalContext>? Own;

    /// <summary>Is cancelled where a signal asks a command to come to an end.</summary>
    public static CancellationToken Wish => Interrupted.Token;

    /// <summary>Listens from now on.</summary>
    public static IDisposable Listen() => new Registrations([.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }
        .Select(signal => PosixSignalRegistration.Create(signal, Take))]);

    /// <summary>Until the result is disposed of, the first signal only asks: the command ends by itself. The second ends the process at once.</summary>
    /// <param name="message">Said at the first one.</param>
    public static IDisposable AskFirst(string message) => Handle(signal =>
    {
        if (!Interrupted.IsCancellationRequested)
        {
            signal.Cancel = true;
            Console.Error.WriteLine($"rlhf: {message}");
            Interrupted.Cancel();
        }
    });

    /// <summary>Until the result is disposed of, signals are the command's Own business.</summary>
    public static IDisposable Handle(Action<PosixSignalContext> handler)
    {
        Own = handler;
        return new Restoration();
    }

    private static void Take(PosixSignalContext signal)
    {
        Own?.Invoke(signal);
        if (!signal.Cancel)
        {
            ScratchFolder.DeleteAll();
        }
    }

    private sealed class Registrations(PosixSignalRegistration[] all) : IDisposable
    {
        public void Dispose() => Array.ForEach(all, registration => registration.Dispose());
    }

    private sealed class Restoration : IDisposable
    {
        public void Dispose() => Own = null;
    }
}
