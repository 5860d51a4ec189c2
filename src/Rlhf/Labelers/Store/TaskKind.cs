using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rlhf.Labelers.Store;

/// <summary>What a labeler is asked to do. Stores, rows and pages know each by its name in snake_case.</summary>
[JsonConverter(typeof(TaskKindJson))]
public enum TaskKind
{
    /// <summary>Put K answers in order.</summary>
    Rank,

    /// <summary>Write the answer to a prompt, perhaps from a draft: a demonstration.</summary>
    Write,

    /// <summary>Put K answers in order, then mend a best one: a demonstration, and a comparison at once.</summary>
    RankCorrect,

    /// <summary>Accept, mend or reject somebody's demonstration.</summary>
    Review,

    /// <summary>Write a prompt and say what it is used for.</summary>
    Prompt,
}

/// <summary>The kinds of tasks by name.</summary>
public static class TaskKinds
{
    /// <summary>All names, in the order of the kinds.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetValues<TaskKind>().Select(NameOf)];

    /// <summary>What a prompt is used for, as InstructGPT's table of use cases has it (Ouyang et al. 2022, table 1).</summary>
    public static IReadOnlyList<string> UseCases { get; } =
        ["generation", "open_qa", "closed_qa", "brainstorming", "chat", "rewrite", "summarization", "classification", "extraction", "other"];

    /// <summary>The name of a kind.</summary>
    public static string NameOf(this TaskKind kind) => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    /// <summary>The kind of a name; null where there is none.</summary>
    public static TaskKind? Find(string name) => Enum.GetValues<TaskKind>().Cast<TaskKind?>().FirstOrDefault(kind => kind!.Value.NameOf() == name);

    /// <summary>Whether answers are put in order.</summary>
    public static bool IsRanked(this TaskKind kind) => kind is TaskKind.Rank or TaskKind.RankCorrect;
}

/// <summary>Kinds by name in JSON; a number is none.</summary>
internal sealed class TaskKindJson() : JsonStringEnumConverter<TaskKind>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);
