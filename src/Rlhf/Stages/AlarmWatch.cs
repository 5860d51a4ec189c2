using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>Tells of alarms at the row of metrics that gives cause; a resumed run tells of the earlier ones again.</summary>
/// <param name="context">The stage.</param>
/// <param name="options">The bounds.</param>
/// <param name="figuresOf">What a row says; null where it says nothing of this.</param>
/// <param name="smoothing">Rows that are averaged over.</param>
internal sealed class AlarmWatch(StageContext context, DriftAlarmOptions options, Func<MetricsRow, StepFigures?> figuresOf, int smoothing = Alarms.Smoothing)
{
    private readonly HashSet<string> _told = [];
    private List<StepFigures>? _history;

    /// <summary>Looks at a row that was logged.</summary>
    public void Look(MetricsRow row)
    {
        if (figuresOf(row) is not { } step)
        {
            return;
        }

        if (_history is null)
        {
            _history = FiguresOf(context.LoggedRows()); // this step is among them
            Tell(Alarms.Of(_history, options, smoothing));
            return;
        }

        _history.Add(step);
        Tell(Alarms.AtLast(_history, options, smoothing).Where(alarm => _told.Add(alarm.Name)));
    }

    /// <summary>All alarms of the stage, each at its first step.</summary>
    /// <param name="rows">The stage's metrics.</param>
    public IReadOnlyList<Alarm> All(IEnumerable<MetricsRow> rows)
    {
        var alarms = Alarms.Of(FiguresOf(rows), options, smoothing);
        Tell(alarms);
        return alarms;
    }

    private List<StepFigures> FiguresOf(IEnumerable<MetricsRow> rows) => [.. rows.Select(figuresOf).OfType<StepFigures>()];

    private void Tell(IEnumerable<Alarm> alarms)
    {
        foreach (var alarm in alarms)
        {
            _told.Add(alarm.Name);
            context.Progress.Alarm(context.Step.Name, alarm);
        }
    }
}
