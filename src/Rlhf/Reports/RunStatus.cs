using System.Text.Json;
using System.Text.Json.Serialization;
using Rlhf.Evaluation;

namespace Rlhf.Reports;

/// <summary>How a run is.</summary>
public enum RunState
{
    /// <summary>It works, or its process was killed: then <see cref="RunStatus.Updated"/> stays behind.</summary>
    Running,

    /// <summary>All of its stages are complete.</summary>
    Finished,

    /// <summary>It was asked to stop, or did the one stage that it was asked for; it can go on.</summary>
    Stopped,

    /// <summary>It waits for people.</summary>
    Paused,

    /// <summary>It ended with an error.</summary>
    Failed,
}

/// <summary><c>status.json</c> of a run folder: how far a run is, for whoever looks on. Nothing goes on from it.</summary>
public sealed record RunStatus
{
    /// <summary>The file's name in a run folder.</summary>
    public const string FileName = "status.json";

    /// <summary>Seconds between two writes while a run works.</summary>
    public const double Every = 2;

    // Of another version of the program may be more.
    private static readonly JsonSerializerOptions Json = new(SummaryFiles.Json)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>How it is.</summary>
    public RunState State { get; init; }

    /// <summary>Id of the process that wrote it.</summary>
    public int Process { get; init; }

    /// <summary>When it was written.</summary>
    public DateTimeOffset Updated { get; init; }

    /// <summary>Why the run ended, where it did not end by itself.</summary>
    public string? Message { get; init; }

    /// <summary>The names of all stages of the run, in their order.</summary>
    public IReadOnlyList<string> Stages { get; init; } = [];

    /// <summary>What is done at this moment; null between two pieces of work.</summary>
    public WorkStatus? Work { get; init; }

    /// <summary>Resident memory of the process.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The most of it in the stage under way.</summary>
    public long PeakMemoryBytes { get; init; }

    /// <summary>Alarms that this process has told.</summary>
    public IReadOnlyList<StageAlarm> Alarms { get; init; } = [];

    /// <summary>The last lines that a person was told.</summary>
    public IReadOnlyList<string> Lines { get; init; } = [];

    /// <summary>Whether a stop was asked for and is to come.</summary>
    public bool Stopping { get; init; }

    /// <summary>The status in a run folder; null where there is none.</summary>
    /// <exception cref="InputException">The file is damaged.</exception>
    public static RunStatus? Read(string runFolder)
    {
        var file = Path.Combine(runFolder, FileName);
        return File.Exists(file) ? StrictJson.Read<RunStatus>(file, WholeFile.Bytes(file, Limits.WatchedText), Json) : null;
    }

    /// <summary>Replaces the status in a run folder. It is written every few seconds and goes stale as fast, so it is not flushed to the disk.</summary>
    internal void Write(string runFolder)
    {
        var file = Path.Combine(runFolder, FileName);
        File.WriteAllBytes(file + DurableFiles.Partial, JsonSerializer.SerializeToUtf8Bytes(this, Json));
        File.Move(file + DurableFiles.Partial, file, overwrite: true);
    }
}

/// <summary>A piece of work under way.</summary>
/// <param name="Name">What is done: <c>01-sft</c>.</param>
/// <param name="Done">Units done.</param>
/// <param name="Total">All units; 0 where that is unknown.</param>
/// <param name="Unit">What is counted, in the plural.</param>
/// <param name="Note">The last figures, for a person.</param>
/// <param name="Seconds">Seconds since it began, in this process.</param>
/// <param name="SecondsLeft">Seconds to its end at this speed; null where that is unknown.</param>
public sealed record WorkStatus(string Name, long Done, long Total, string Unit, string Note, double Seconds, double? SecondsLeft);

/// <summary>An alarm and its stage.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Alarm">The alarm.</param>
public sealed record StageAlarm(string Stage, Alarm Alarm);
