using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Rlhf.Reports;

/// <summary>One piece of work under way; disposing it ends it and shows its last state.</summary>
public sealed class ProgressTask : IDisposable
{
    /// <summary>A unit that is shown in KiB, MiB and GiB.</summary>
    public const string Bytes = "bytes";

    private const int BarWidth = 24;

    private readonly ProgressReporter _reporter;
    private readonly TimeProvider _clock;
    private readonly string _name;
    private readonly string _unit;
    private readonly long _started;
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly object _gate = new();
    private long _total;
    private long _done;
    private long _skipped;
    private long _shown;
    private long _shownDone = -1;
    private bool _ended;
    private string _note = "";

    internal ProgressTask(ProgressReporter reporter, string name, long total, string unit, TimeProvider clock)
    {
        _reporter = reporter;
        _clock = clock;
        _name = name;
        _unit = unit;
        _total = total;
        _started = clock.GetTimestamp();
    }

    /// <summary>True when the next <see cref="Advance"/> will be shown: build an expensive note only then.</summary>
    public bool IsDue => !_reporter.Quiet && _clock.GetElapsedTime(Interlocked.Read(ref _shown)) >= _reporter.Interval;

    /// <summary>Counts units done.</summary>
    /// <param name="by">How many more.</param>
    /// <param name="note">The last metrics, for a person: <c>loss 2.31</c>. Null keeps the note before.</param>
    public void Advance(long by, string? note = null)
    {
        lock (_gate)
        {
            _done += by;
            _note = note ?? _note;
        }

        Show(force: false);
    }

    /// <summary>Counts units that were done before this start (a resumed stage): they do not enter the rate.</summary>
    public void Skip(long by)
    {
        lock (_gate)
        {
            _done += by;
            _skipped += by;
        }
    }

    /// <summary>Corrects the total, where it becomes known late.</summary>
    public void SetTotal(long total)
    {
        lock (_gate)
        {
            _total = total;
        }
    }

    /// <summary>Ends the work and shows its last state.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            if (!_reporter.Terminal && _shownDone == _done)
            {
                return; // The last line has said it already.
            }
        }

        if (!_reporter.Quiet)
        {
            _reporter.Render(this, last: true);
        }
    }

    internal void Show(bool force)
    {
        if (_reporter.Quiet || _ended || (!force && !IsDue))
        {
            return;
        }

        Interlocked.Exchange(ref _shown, _clock.GetTimestamp());
        _reporter.Render(this, last: false);
    }

    /// <summary>How far it is, for those who look on from elsewhere; any thread may ask.</summary>
    internal WorkStatus? Status()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return null;
            }

            var seconds = Stopwatch.GetElapsedTime(_begun).TotalSeconds;
            var mine = _done - _skipped;
            return new WorkStatus(_name, _done, _total, _unit, _note, seconds, mine > 0 && _total >= _done ? (_total - _done) * seconds / mine : null);
        }
    }

    internal string Describe(int width, bool color)
    {
        lock (_gate)
        {
            var elapsed = _clock.GetElapsedTime(_started).TotalSeconds;
            var rate = elapsed > 0 ? (_done - _skipped) / elapsed : 0;
            var text = new StringBuilder(_name);
            if (width < int.MaxValue && _total > 0)
            {
                AppendBar(text.Append(' '), color);
            }

            text.Append(CultureInfo.InvariantCulture, $" {(_unit == Bytes ? ByteCount() : $"{Count()} {_unit}")}");
            text.Append(CultureInfo.InvariantCulture, $" · {Durations.Short(elapsed)}");
            if (rate > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $" · {Rate(rate)}");
            }

            if (rate > 0 && _done < _total && !_ended)
            {
                text.Append(CultureInfo.InvariantCulture, $" · {Durations.Short((_total - _done) / rate)} left");
            }

            if (_note.Length > 0)
            {
                text.Append(" · ").Append(_note);
            }

            _shownDone = _done;
            return Fit(text.ToString(), width);
        }
    }

    private string Count() => _total > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{_done}/{_total}")
        : _done.ToString(CultureInfo.InvariantCulture);

    private string ByteCount() => _total > 0 ? $"{Size(_done)}/{Size(_total)}" : Size(_done);

    private static string Size(double bytes) => bytes switch
    {
        >= 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 30):0.00} GiB"),
        >= 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):0.0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024:0.0} KiB"),
    };

    private string Rate(double rate) => _unit == Bytes ? $"{Size(rate)}/s" : rate is >= 1 or 0
        ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} {_unit}/s")
        : string.Create(CultureInfo.InvariantCulture, $"{1 / rate:0.0} s each");

    private void AppendBar(StringBuilder text, bool color)
    {
        var filled = (int)Math.Clamp(BarWidth * (double)_done / _total, 0, BarWidth);
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
