namespace Rlhf.Labelers.Store;

/// <summary>What a labeler says about the answers of a task, or writes. Answers are numbered in the order in which they were shown.</summary>
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

    /// <summary>[K] the score of each answer by the name of the <see cref="Criterion"/>; empty where none was given.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, int>> Scores { get; init; } = [];

    /// <summary>What was written: the answer, the mended answer, the mended demonstration, the prompt.</summary>
    public string? Written { get; init; }

    /// <summary>Of answers that were ranked and one of them mended: which one.</summary>
    public int? Corrected { get; init; }

    /// <summary>Of a review: <c>accept</c>, <c>edit</c> or <c>reject</c>.</summary>
    public string? Verdict { get; init; }

    /// <summary>Of a prompt that was written: what it is used for, of <see cref="TaskKinds.UseCases"/>.</summary>
    public string? UseCase { get; init; }

    /// <summary>What is wrong with the prompt itself, of <see cref="AnswerFlags.All"/>.</summary>
    public IReadOnlyList<string> PromptFlags { get; init; } = [];

    /// <summary>Why so: why the best answer is the best, why a demonstration was rejected.</summary>
    public string? Reason { get; init; }

    /// <summary>Anything else.</summary>
    public string? Comment { get; init; }
}
