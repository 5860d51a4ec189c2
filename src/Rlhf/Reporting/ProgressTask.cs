using System.Globalization;
using System.Text;

namespace Rlhf.Reporting;

/// <summary>One piece of work under way; disposing it ends it and shows its last state.</summary>
public sealed class ProgressTask : IDisposable
{
    private const int BarWidth = 24;

    private readonly ProgressReporter reporter;
    private readonly TimeProvider clock;
    private readonly string name;
    private readonly string unit;
    private readonly long started;
    private readonly object gate = new();
    private long total;
    private long done;
    private long skipped;
    private long shown;
    private long shownDone = -1;
    private bool ended;
    private string note = "";

    internal ProgressTask(ProgressReporter reporter, string name, long total, string unit, TimeProvider clock)
    {
        this.reporter = reporter;
        this.clock = clock;
        this.name = name;
        this.unit = unit;
        this.total = total;
        started = clock.GetTimestamp();
    }

    /// <summary>True when the next <see cref="Advance"/> will be shown: build an expensive note only then.</summary>
    public bool IsDue => !reporter.Quiet && clock.GetElapsedTime(Interlocked.Read(ref shown)) >= reporter.Interval;

    /// <summary>Counts units done.</summary>
    /// <param name="by">How many more.</param>
    /// <param name="note">The last metrics, for a person: <c>loss 2.31</c>. Null keeps the note before.</param>
    public void Advance(long by, string? note = null)
    {
        lock (gate)
        {
            done += by;
            this.note = note ?? this.note;
        }

        Show(force: false);
    }

    /// <summary>Counts units that were done before this start (a resumed stage): they do not enter the rate.</summary>
    public void Skip(long by)
    {
        lock (gate)
        {
            done += by;
            skipped += by;
        }
    }

    /// <summary>Corrects the total, where it becomes known late.</summary>
    public void SetTotal(long total)
    {
        lock (gate)
        {
            this.total = total;
        }
    }

    /// <summary>Ends the work and shows its last state.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (ended)
            {
                return;
            }

            ended = true;
            if (!reporter.Terminal && shownDone == done)
            {
                return; // The last line has said it already.
            }
        }

        if (!reporter.Quiet)
        {
            reporter.Render(this, last: true);
        }
    }

    internal void Show(bool force)
    {
        if (reporter.Quiet || ended || (!force && !IsDue))
        {
            return;
        }

        Interlocked.Exchange(ref shown, clock.GetTimestamp());
        reporter.Render(this, last: false);
    }

    internal string Describe(int width, bool color)
    {
        lock (gate)
        {
            var elapsed = clock.GetElapsedTime(started).TotalSeconds;
            var rate = elapsed > 0 ? (done - skipped) / elapsed : 0;
            var text = new StringBuilder(name);
            if (width < int.MaxValue && total > 0)
            {
                AppendBar(text.Append(' '), color);
            }

            text.Append(CultureInfo.InvariantCulture, $" {Count()} {unit}");
            text.Append(CultureInfo.InvariantCulture, $" · {Durations.Short(elapsed)}");
            if (rate > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $" · {Rate(rate)}");
            }

            if (rate > 0 && done < total && !ended)
            {
                text.Append(CultureInfo.InvariantCulture, $" · {Durations.Short((total - done) / rate)} left");
            }

            if (note.Length > 0)
            {
                text.Append(" · ").Append(note);
            }

            shownDone = done;
            return Fit(text.ToString(), width);
        }
    }

    private string Count() => total > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{done}/{total}")
        : done.ToString(CultureInfo.InvariantCulture);

    private string Rate(double rate) => rate is >= 1 or 0
        ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} {unit}/s")
        : string.Create(CultureInfo.InvariantCulture, $"{1 / rate:0.0} s each");

    private void AppendBar(StringBuilder text, bool color)
    {
        var filled = (int)Math.Clamp(BarWidth * (double)done / total, 0, BarWidth);
        text.Append(color ? "\u001b[32m" : "").Append('━', filled).Append(color ? "\u001b[90m" : "");
        text.Append(color ? '━' : '·', BarWidth - filled).Append(color ? "\u001b[0m" : "");
    }

    // Cuts to the visible width, so that the bar never wraps; escape sequences take no width.
    private static string Fit(string text, int width)
    {
        var visible = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\u001b')
            {
                i = text.IndexOf('m', i);
                continue;
            }

            if (++visible >= width)
            {
                return text[..i];
            }
        }

        return text;
    }
}
