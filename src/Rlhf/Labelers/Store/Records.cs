using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Rlhf.Data;

namespace Rlhf.Labelers.Store;

/// <summary>What somebody may do.</summary>
public enum UserRole
{
    /// <summary>Ranks answers, and sees own rankings.</summary>
    Labeler,

    /// <summary>Also sees everybody's rankings and changes settings.</summary>
    Owner,
}

/// <summary>Somebody who ranks or owns.</summary>
/// <param name="Id">Number in the store.</param>
/// <param name="Name">Stands in exported rankings as the labeler.</param>
/// <param name="Role">What they may do.</param>
/// <param name="Revoked">Whether their token lets nobody in any more.</param>
public sealed record LabelUser(long Id, string Name, UserRole Role, bool Revoked = false);

/// <summary>What holds for all tasks of a store.</summary>
public sealed record LabelSettings
{
    /// <summary>How many labelers rank each prompt.</summary>
    public int Overlap { get; init; } = 1;

    /// <summary>After this many minutes without a sign of life a task goes to somebody else.</summary>
    public double LeaseMinutes { get; init; } = 20;

    /// <summary>Share of tasks that are calibration items, while there are some that the labeler has not seen.</summary>
    public double CalibrationShare { get; init; } = 0.1;

    /// <summary>Whether no new tasks are given out.</summary>
    public bool Paused { get; init; }

    /// <summary>What labelers are told, with examples; headings, lists and emphasis of Markdown are shown.</summary>
    public string Instructions { get; init; } = "Read the prompt, then rank the answers from best to worst. Answers of the same worth share a place.";

    /// <summary>Names this text of <see cref="Instructions"/>: pages at work see by it that there is another one.</summary>
    [JsonIgnore]
    public string InstructionsVersion => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Instructions)))[..16];

    /// <summary>Refuses settings that make no sense.</summary>
    /// <exception cref="InputException">Says which.</exception>
    public LabelSettings Checked() => this switch
    {
        { Overlap: < 1 or > 100 } => throw new InputException("overlap: expected 1 to 100 labelers for each prompt."),
        { LeaseMinutes: not (>= 0.01 and <= 10_000) } => throw new InputException("lease: expected a number of minutes, 0.01 to 10000."),
        { CalibrationShare: not (>= 0 and <= 1) } => throw new InputException("calibration share: expected a number from 0 to 1."),
        { Instructions.Length: > 100_000 } => throw new InputException("instructions: expected at most 100,000 characters."),
        _ => this,
    };
}

/// <summary>A prompt with K answers as it comes into the store.</summary>
/// <param name="Round">Which round of the loop the answers are from.</param>
/// <param name="PromptText">The prompt as one text; a labeler gets it once in a round.</param>
/// <param name="Messages">The prompt as people read it.</param>
/// <param name="Responses">[K] the answers.</param>
/// <param name="Source">The row's other fields (id, tokens, model, sampling settings), which export gives back.</param>
/// <param name="Known">For a calibration item: the right ranking.</param>
/// <param name="Models">For an arena: [2] the name of the model that wrote each answer, which no labeler is told.</param>
public sealed record AnswerSet(
    string Round, string PromptText, IReadOnlyList<Message> Messages, IReadOnlyList<string> Responses, JsonObject Source,
    IReadOnlyList<IReadOnlyList<int>>? Known = null,
    IReadOnlyList<string>? Models = null)
{
    /// <summary>Whether all answers are the same text: in an arena nobody is asked then.</summary>
    [JsonIgnore]
    public bool HasIdenticalAnswers => Responses.All(response => response.AsSpan().Trim().SequenceEqual(Responses[0].AsSpan().Trim()));
}

/// <summary>A task in a labeler's hands. Answers stand in the order in which they are shown; their own numbers are not told.</summary>
/// <param name="Id">The task.</param>
/// <param name="Messages">The prompt.</param>
/// <param name="Responses">[K] the answers, shuffled.</param>
/// <param name="ExpiresInSeconds">How long the labeler has until it goes to somebody else.</param>
/// <param name="Given">The labeler's own earlier judgement, where this is an edit.</param>
/// <param name="Revision">How often that one was changed.</param>
public sealed record LabelTask(
    long Id, IReadOnlyList<Message> Messages, IReadOnlyList<string> Responses, double ExpiresInSeconds, Judgement? Given = null, int? Revision = null);

/// <summary>What a labeler says about the answers of a task. Answers are numbered in the order in which they were shown.</summary>
public sealed record Judgement
{
    /// <summary>Best tier first, ties share a tier, every answer once; null where they cannot be judged.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? Tiers { get; init; }

    /// <summary>Why they cannot be judged.</summary>
    public string? CannotJudge { get; init; }

    /// <summary>[K] what is wrong with each answer, of <see cref="AnswerFlags.All"/>; empty where nothing was flagged.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Flags { get; init; } = [];

    /// <summary>[K] overall quality, 1 to 7, or null; empty where none was given.</summary>
    public IReadOnlyList<int?> Ratings { get; init; } = [];

    /// <summary>Anything else.</summary>
    public string? Comment { get; init; }
}

/// <summary>A judgement on its way into the store.</summary>
/// <param name="Task">The task.</param>
/// <param name="Key">Made by the client: a submission that arrives twice is stored once.</param>
/// <param name="Judgement">What the labeler says.</param>
/// <param name="Seconds">How long it took, as the client measured.</param>
/// <param name="Edit">Whether it replaces the labeler's earlier one.</param>
/// <param name="Revision">Of an edit: the revision that it replaces, as <see cref="LabelTask.Revision"/> said; null replaces any.</param>
public sealed record Submission(long Task, string Key, Judgement Judgement, double Seconds, bool Edit = false, int? Revision = null);

/// <summary>What became of a submission.</summary>
public enum SubmissionResult
{
    /// <summary>It is stored durably (perhaps it was already).</summary>
    Stored,

    /// <summary>The task was not given to this labeler.</summary>
    NotYours,

    /// <summary>The lease ran out, and others have ranked the prompt since.</summary>
    TooLate,

    /// <summary>The labeler has ranked this task before; that is changed by an edit.</summary>
    AlreadyRanked,

    /// <summary>There is nothing to edit.</summary>
    NothingToEdit,

    /// <summary>The labeler has meanwhile changed the ranking in another window.</summary>
    ChangedMeanwhile,
}

/// <summary>How far a labeler and everybody is.</summary>
/// <param name="Mine">Tasks that this labeler has done.</param>
/// <param name="Done">Rankings in the store, calibration items apart.</param>
/// <param name="Wanted">Rankings that the store is to have: tasks times overlap, without pairs of an arena whose answers are the same.</param>
public sealed record LabelProgress(long Mine, long Done, long Wanted);

/// <summary>One of a labeler's last rankings.</summary>
/// <param name="Task">The task.</param>
/// <param name="Prompt">How its prompt begins.</param>
/// <param name="At">When, in milliseconds of Unix time.</param>
/// <param name="CannotJudge">Whether it could not be judged.</param>
public sealed record RecentRanking(long Task, string Prompt, long At, bool CannotJudge);

/// <summary>A ranking as the owner and the export see it, with the answers under their own numbers.</summary>
/// <param name="Task">The task.</param>
/// <param name="Labeler">Who ranked.</param>
/// <param name="Judgement">What they said.</param>
/// <param name="OrderShown">[K] which answer stood at each place of the page.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Edits">How often it was changed.</param>
/// <param name="CreatedAt">First stored, in milliseconds of Unix time.</param>
/// <param name="UpdatedAt">Last changed.</param>
/// <param name="Adjudication">Whether an owner decided between labelers with it.</param>
public sealed record StoredRanking(
    long Task, string Labeler, Judgement Judgement, IReadOnlyList<int> OrderShown, double Seconds, int Edits, long CreatedAt, long UpdatedAt,
    bool Adjudication);

/// <summary>A task with everything about it.</summary>
/// <param name="Id">The task.</param>
/// <param name="Answers">The prompt and its answers.</param>
public sealed record StoredTask(long Id, AnswerSet Answers);

/// <summary>What an import did.</summary>
/// <param name="Added">New tasks.</param>
/// <param name="Known">Rows whose task was there already.</param>
/// <param name="Rankings">New rankings.</param>
public sealed record ImportResult(int Added, int Known, int Rankings)
{
    /// <summary>What was done about answers that are the same, with the rows' ids; null where all differ.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }
}
