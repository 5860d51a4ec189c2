using Rlhf.Reports;
using Rlhf.World;

namespace Rlhf.Tests.Reports;

public sealed class ProgressTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly StringWriter _output = new();

    public void Dispose() => _output.Dispose();

    [Fact]
    public void Without_a_terminal_plain_lines_come_at_most_every_few_seconds()
    {
        using (var task = Reporter(terminal: false).Start("01-sft", 100, "steps"))
        {
            for (var step = 1; step <= 100; step++)
            {
                _clock.Pass(0.2);
                task.Advance(1, $"loss {step}");
            }
        }

        var lines = _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
        Assert.Equal("01-sft 0/100 steps · 0.0 s", lines[0]);
        Assert.Equal("01-sft 25/100 steps · 5.0 s · 5.0 steps/s · 15 s left · loss 25", lines[1]);
        Assert.Equal("01-sft 100/100 steps · 20 s · 5.0 steps/s · loss 100", lines[^1]);
        Assert.DoesNotContain('\u001b', _output.ToString());
        Assert.DoesNotContain('\r', _output.ToString());
    }

    [Theory]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(120)]
    public void On_a_terminal_the_bar_stays_on_one_line_of_the_terminals_width(int width)
    {
        using (var task = Reporter(terminal: true, width).Start("04-ppo", 60, "steps"))
        {
            _clock.Pass(30);
            task.Advance(10, "score 1.20 · kl 3.1 · a rather long note that does not fit");
        }

        foreach (var frame in _output.ToString().TrimEnd('\n').Split('\r', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.DoesNotContain('\n', frame);
            Assert.InRange(frame.Replace("\u001b[K", "", StringComparison.Ordinal).Length, 1, width - 1);
        }

        Assert.EndsWith("\n", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Slow_work_shows_seconds_for_each_unit_and_the_remaining_time()
    {
        using var task = Reporter(terminal: false).Start("04-ppo", 60, "steps");
        _clock.Pass(80);
        task.Advance(20);
        Assert.Contains("20/60 steps · 1:20 min · 4.0 s each · 2:40 min left", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_done_before_a_resume_do_not_enter_the_rate()
    {
        using var task = Reporter(terminal: false).Start("01-sft", 100, "steps");
        task.Skip(50);
        _clock.Pass(10);
        task.Advance(10);
        Assert.Contains("60/100 steps · 10 s · 1.0 steps/s · 40 s left", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_are_shown_in_sizes()
    {
        using var task = Reporter(terminal: false).Start("org/name", 300 << 20, ProgressTask.Bytes);
        task.Skip(100 << 20);
        _clock.Pass(10);
        task.Advance(50 << 20);
        Assert.Contains("org/name 150.0 MiB/300.0 MiB · 10 s · 5.0 MiB/s · 30 s left", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_total_shows_the_count_alone()
    {
        using var task = Reporter(terminal: true).Start("reading", 0, "rows");
        _clock.Pass(1);
        task.Advance(5);
        Assert.Contains("reading 5 rows", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_note_is_due_only_when_it_will_be_shown()
    {
        using var task = Reporter(terminal: false).Start("01-sft", 10, "steps");
        Assert.False(task.IsDue);
        _clock.Pass(6);
        Assert.True(task.IsDue);
        task.Advance(1);
        Assert.False(task.IsDue);
    }

    [Fact]
    public void A_closed_error_stream_does_not_throw()
    {
        _output.Dispose();
        var reporter = Reporter(terminal: true);
        using var task = reporter.Start("01-sft", 10, "steps");
        _clock.Pass(6);
        task.Advance(1);
        reporter.Line("checkpoint");
    }

    [Fact]
    public void Lines_stand_above_the_live_bar()
    {
        var reporter = Reporter(terminal: true);
        using var task = reporter.Start("01-sft", 10, "steps");
        reporter.Line("checkpoint at step 3");
        Assert.Contains("\r\u001b[Kcheckpoint at step 3\n\r\u001b[K01-sft", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_silent_reporter_says_nothing_and_allocates_nothing_when_advanced()
    {
        using var task = ProgressReporter.Silent.Start("01-sft", 10, "steps");
        task.Advance(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            task.Advance(1);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Advancing_between_two_frames_allocates_nothing()
    {
        using var task = Reporter(terminal: true).Start("01-sft", 1000, "steps");
        task.Advance(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            task.Advance(1);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData(3.14, "3.1 s")]
    [InlineData(59.4, "59 s")]
    [InlineData(59.6, "1:00 min")]
    [InlineData(187, "3:07 min")]
    [InlineData(7500, "2:05 h")]
    [InlineData(double.PositiveInfinity, "?")]
    public void Durations_read_well(double seconds, string expected) => Assert.Equal(expected, Durations.Short(seconds));

    private ProgressReporter Reporter(bool terminal, int width = 100) => new(_output, terminal, color: false, () => width, _clock);
}
