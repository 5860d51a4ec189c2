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
/// <param name="HasToken">Whether they were given one; those whose rankings were imported were not.</param>
public sealed record LabelUser(long Id, string Name, UserRole Role, bool Revoked = false, bool HasToken = false);

/// <summary>A prompt with K answers as it comes into the store. A review has one answer; a task to write has none.</summary>
/// <param name="Round">Which round of the loop the answers are from.</param>
/// <param name="PromptText">The prompt as one text; a labeler gets it once in a round.</param>
/// <param name="Messages">The prompt as people read it.</param>
/// <param name="Responses">[K] the answers.</param>
/// <param name="Source">The row's other fields (id, tokens, model, sampling settings), which export gives back.</param>
/// <param name="Known">For a calibration item: the right ranking.</param>
/// <param name="Models">For an arena: [2] the name of the model that wrote each answer, which no labeler is told.</param>
/// <param name="Kind">What is to be done with it.</param>
/// <param name="Draft">Of a task to write: what a model wrote, to begin with.</param>
/// <param name="Author">Of a review: who wrote the demonstration, and does not review it.</param>
/// <param name="UseCase">Of a prompt to write: what for, of <see cref="TaskKinds.UseCases"/>; null leaves it to the labeler.</param>
public sealed record AnswerSet(
    string Round, string PromptText, IReadOnlyList<Message> Messages, IReadOnlyList<string> Responses, JsonObject Source,
    IReadOnlyList<IReadOnlyList<int>>? Known = null,
    IReadOnlyList<string>? Models = null, TaskKind Kind = TaskKind.Rank, string? Draft = null, string? Author = null, string? UseCase = null)
{
    /// <summary>Whether all answers are the same text: in an arena nobody is asked then.</summary>
    [JsonIgnore]
    public bool HasIdenticalAnswers => Responses.Count > 0 && Responses.All(response => response.AsSpan().Trim().SequenceEqual(Responses[0].AsSpan().Trim()));
}

/// <summary>A task in a labeler's hands. Answers stand in the order in which they are shown; their own numbers are not told.</summary>
/// <param name="Id">The task.</param>
/// <param name="Messages">The prompt.</param>
/// <param name="Responses">[K] the answers, shuffled.</param>
/// <param name="ExpiresInSeconds">How long the labeler has until it goes to somebody else.</param>
/// <param name="Given">The labeler's own earlier judgement, where this is an edit.</param>
/// <param name="Revision">How often that one was changed.</param>
/// <param name="Kind">What is to be done.</param>
/// <param name="Draft">See <see cref="AnswerSet.Draft"/>.</param>
/// <param name="UseCase">See <see cref="AnswerSet.UseCase"/>.</param>
/// <param name="Work">What the labeler had done when the page was lost.</param>
/// <param name="Said">Of a task that an owner decides: what labelers said, answers numbered as they are shown to the owner.</param>
public sealed record LabelTask(
    long Id, IReadOnlyList<Message> Messages, IReadOnlyList<string> Responses, double ExpiresInSeconds, Judgement? Given = null, int? Revision = null,
    TaskKind Kind = TaskKind.Rank, string? Draft = null, string? UseCase = null, UnfinishedWork? Work = null, IReadOnlyList<OthersWork>? Said = null);

/// <summary>What somebody said of a task that an owner decides.</summary>
/// <param name="Labeler">Who.</param>
/// <param name="Judgement">What they said.</param>
public sealed record OthersWork(string Labeler, Judgement Judgement);

/// <summary>What somebody has done of a task and not handed in: kept, so that a lost page loses nothing.</summary>
/// <param name="Task">The task.</param>
/// <param name="Judgement">As far as it is; answers numbered as they were shown.</param>
/// <param name="Seconds">How long it took until now.</param>
public sealed record UnfinishedWork(long Task, Judgement Judgement, double Seconds);

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

    /// <summary>The owner requires a reason, and there is none.</summary>
    ReasonMissing,

    /// <summary>The owner requires a score of each answer, and one is missing or not on its scale.</summary>
    ScoreMissing,
}

/// <summary>How far a labeler and everybody is.</summary>
/// <param name="Mine">Tasks that this labeler has done or skipped.</param>
/// <param name="Done">Rankings in the store, calibration items and what was skipped apart.</param>
/// <param name="Wanted">Rankings that the store is to have: tasks times overlap, without pairs of an arena whose answers are the same.</param>
public sealed record LabelProgress(long Mine, long Done, long Wanted);

/// <summary>One of a labeler's last rankings.</summary>
/// <param name="Task">The task.</param>
/// <param name="Prompt">How its prompt begins.</param>
/// <param name="At">When, in milliseconds of Unix time.</param>
/// <param name="CannotJudge">Whether it could not be judged, or was skipped.</param>
/// <param name="Kind">What was done.</param>
public sealed record RecentRanking(long Task, string Prompt, long At, bool CannotJudge, TaskKind Kind);

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
