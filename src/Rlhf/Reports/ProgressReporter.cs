using System.Diagnostics;
using Rlhf.Evaluation;

namespace Rlhf.Reports;

/// <summary>
/// Tells a person how far the work is, on stderr: on a terminal a live bar with rate, elapsed and remaining time; otherwise a plain
/// line at most every few seconds. Never throws and never writes to stdout. Safe to use from several threads.
/// </summary>
public sealed class ProgressReporter
{
    private readonly TextWriter? _writer;
    private readonly TimeProvider _clock;
    private readonly Func<int> _width;
    private readonly object _gate = new();
    private readonly RunStatusWriter? _status;
    private ProgressTask? _live;

    internal ProgressReporter(TextWriter? writer, bool terminal, bool color, Func<int> width, TimeProvider clock, RunStatusWriter? status = null)
    {
        _status = status;
        _writer = writer;
        _clock = clock;
        _width = width;
        Terminal = terminal;
        Color = color;
    }

    /// <summary>A reporter that says nothing (<c>--quiet</c>, tests).</summary>
    public static ProgressReporter Silent { get; } = new(null, false, false, () => 80, TimeProvider.System);

    internal bool Terminal { get; }

    internal bool Color { get; }

    internal bool Quiet => _writer is null;

    internal TimeSpan Interval => Terminal ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(5);

    /// <summary>The reporter for the standard error stream; honours redirection, <c>TERM=dumb</c> and <c>NO_COLOR</c>.</summary>
    /// <param name="quiet">True: no progress at all.</param>
    public static ProgressReporter ForStandardError(bool quiet = false)
    {
        if (quiet)
        {
            return Silent;
        }

        var terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
        var color = terminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return new ProgressReporter(Console.Error, terminal, color, TerminalWidth, TimeProvider.System);
    }

    /// <summary>The reporter for a stream: <see cref="ForStandardError"/> where it is that, else plain lines.</summary>
    public static ProgressReporter For(TextWriter writer) => ReferenceEquals(writer, Console.Error)
        ? ForStandardError()
        : new ProgressReporter(writer, terminal: false, color: false, static () => 80, TimeProvider.System);

    /// <summary>The same, which also tells what looks on a run.</summary>
    internal ProgressReporter Showing(RunStatusWriter status) => new(_writer, Terminal, Color, _width, _clock, status);

    /// <summary>Begins a piece of work.</summary>
    /// <param name="name">What is done: <c>01-sft</c>.</param>
    /// <param name="total">How many units there are; 0 if that is unknown.</param>
    /// <param name="unit">What is counted, in the plural: <c>steps</c>.</param>
    public ProgressTask Start(string name, long total, string unit)
    {
        var task = new ProgressTask(this, name, total, unit, _clock);
        lock (_gate)
        {
            _live = task;
        }

        _status?.Begin(task);
        task.Show(force: true);
        return task;
    }

    /// <summary>Writes a line for the person (a checkpoint written, an alarm) above the live bar.</summary>
    public void Line(string message)
    {
        _status?.Tell(message);
        lock (_gate)
        {
            Put(Terminal ? $"\r\u001b[K{message}\n" : message + "\n");
        }

        _live?.Show(force: Terminal);
    }

    /// <summary>Tells of an alarm of a stage, once.</summary>
    internal void Alarm(string stage, Alarm alarm)
    {
        if (_status?.Tell(new StageAlarm(stage, alarm)) != false)
        {
            Line($"{stage}: alarm: {alarm.Message}");
        }
    }

    internal void Render(ProgressTask task, bool last)
    {
        lock (_gate)
        {
            if (Terminal)
            {
                Put("\r\u001b[K" + task.Describe(_width(), Color) + (last ? "\n" : ""));
            }
            else
            {
                Put(task.Describe(int.MaxValue, color: false) + "\n");
            }

            if (last && ReferenceEquals(_live, task))
            {
                _live = null;
            }
        }
    }

    private void Put(string text)
    {
        try
        {
            _writer?.Write(text);
            _writer?.Flush();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // A closed stderr must not end a training run.
            Debug.WriteLine(e.Message);
        }
    }

    private static int TerminalWidth()
    {
        try
        {
            return Console.WindowWidth > 0 ? Console.WindowWidth : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }
}
