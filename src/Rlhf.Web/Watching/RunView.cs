using System.Text.Json.Nodes;
using Rlhf.Reports;

namespace Rlhf.Web.Watching;

/// <summary>How a run is, as the page shows it.</summary>
internal static class RunView
{
    /// <summary>The run in words and numbers; its time of day is not in it, so that it changes only with the run.</summary>
    public static JsonObject Of(WatchedRun run)
    {
        var status = run.Status;
        var (state, sentence) = StateOf(run);
        return new JsonObject
        {
            ["name"] = run.Name,
            ["state"] = state,
            ["sentence"] = sentence,
            ["can_stop"] = run.IsAlive && !status!.Stopping,
            ["stages"] = StagesOf(run),
            ["work"] = run.IsAlive ? WorkOf(status!.Work) : null,
            ["memory_bytes"] = run.IsAlive ? status!.MemoryBytes : null,
            ["peak_memory_bytes"] = run.IsAlive ? status!.PeakMemoryBytes : null,
            ["alarms"] = AlarmsOf(run),
            ["lines"] = new JsonArray([.. (status?.Lines ?? []).TakeLast(12).Select(static line => JsonValue.Create(VisibleText.Plain(line)))]),
            ["problems"] = new JsonArray([.. run.Problems.Select(static problem => JsonValue.Create(VisibleText.Plain(problem)))]),
        };
    }

    private static (string State, string Sentence) StateOf(WatchedRun run) => run switch
    {
        { Exists: false } => ("waiting", $"There is no folder {run.Folder} yet. The page goes on as soon as a run begins there."),
        { Status: null, Stages.All: var stages } when !stages.Any() => ("waiting", "The folder holds no run yet. The page goes on as soon as one begins."),
        { Status: null } => ("unknown", "The run does not say whether it works: its status.json is absent or damaged, or an earlier version of the program made the folder."),
        { Status.State: RunState.Running, IsAlive: false } => ("silent", FormattableString.Invariant(
            $"No sign of life since {run.Status.Updated.UtcDateTime:yyyy-MM-dd HH:mm} UTC: the process was killed, or its machine stands still. {GoOn(run)}")),
        { Status: { State: RunState.Running, Stopping: true } } => ("stopping", "It was asked to stop, and does so after the next checkpoint."),
        { Status.State: RunState.Running } => ("running", ""),
        { Status.State: RunState.Finished } => ("finished", "All stages are complete. The results are in report.html of the folder."),
        { Status.State: RunState.Stopped } => ("stopped", $"It has stopped. {GoOn(run)}"),
        { Status.State: RunState.Paused } => ("paused", run.Status.Message ?? "It waits for people."),
        _ => ("failed", run.Status?.Message ?? "It ended with an error."),
    };

    private static string GoOn(WatchedRun run) => $"Go on with: rlhf run --resume --out {run.Folder}";

    // Stages to come are known from the status, those that have begun from their folders.
    private static JsonArray StagesOf(WatchedRun run)
    {
        var begun = run.Stages.All.ToDictionary(static stage => stage.Name, static stage => stage.IsComplete, StringComparer.Ordinal);
        var names = (run.Status?.Stages ?? []).Concat(begun.Keys).Distinct(StringComparer.Ordinal).Take(200);
        return [.. names.Select(name => new JsonObject
        {
            ["name"] = VisibleText.Plain(name),
            ["state"] = begun.TryGetValue(name, out var complete) ? complete ? "complete" : "begun" : "to come",
        })];
    }

    private static JsonObject? WorkOf(WorkStatus? work) => work is null ? null : new JsonObject
    {
        ["name"] = VisibleText.Plain(work.Name),
        ["done"] = work.Done,
        ["total"] = work.Total,
        ["unit"] = VisibleText.Plain(work.Unit),
        ["note"] = VisibleText.Plain(work.Note),
        ["left"] = work.SecondsLeft is { } left ? Durations.Short(left) : null,
    };

    private static JsonArray AlarmsOf(WatchedRun run) =>
    [
        .. run.Stages.Alarms.Concat(run.Status?.Alarms ?? []).DistinctBy(static alarm => (alarm.Stage, alarm.Alarm.Name, alarm.Alarm.Step)).Take(100)
            .Select(static alarm => new JsonObject
            {
                ["stage"] = VisibleText.Plain(alarm.Stage),
                ["step"] = alarm.Alarm.Step,
                ["message"] = VisibleText.Plain(alarm.Alarm.Message),
            }),
    ];
}
