using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;

namespace Rlhf.Labelers.Store;

/// <summary>What rows of tasks other than plain rankings have, in and out: <c>kind</c>, what is to be done, and what was written.</summary>
internal static class TaskRows
{
    private const int MostCopies = 10_000;
    private const string UsualAsk = "Write a prompt: something that you would ask an assistant to do.";

    // Fields in which what a task asks for stands; the source has them no more.
    private static readonly string[] OfTasks = ["draft", "author", "use_case", "copies", "response", "completion", "output"];

    /// <summary>Fields of a judgement that only rows with one have.</summary>
    public static IReadOnlyList<string> OfJudgements { get; } =
        ["written", "corrected", "verdict", "written_use_case", "prompt_flags", "reason", "criteria", "notation"];

    /// <summary>What a row says is to be done; null where it does not say it.</summary>
    public static TaskKind? KindOf(RowFields fields) => fields.Find("kind") is not { } value ? null
        : TaskKinds.Find(fields.TextOf(value))
            ?? throw fields.Wrong(value, $"expected as kind one of {string.Join(", ", TaskKinds.Names)}, found \"{Reports.VisibleText.Plain(value.Text)}\"");

    /// <summary>Whether somebody has done what a row asks for.</summary>
    public static bool IsDone(RowFields fields) => fields.Has("written") || fields.Has("verdict") || fields.Has("cannot_judge");

    /// <summary>The tasks of a row that asks to write or to review.</summary>
    /// <param name="fields">The row.</param>
    /// <param name="kind">What is to be done.</param>
    /// <param name="round">Its round.</param>
    /// <param name="source">The row's other fields.</param>
    /// <param name="isDone">Whether the row has a judgement: then its labeler is whoever gave that.</param>
    public static IEnumerable<AnswerSet> Parse(RowFields fields, TaskKind kind, string round, JsonObject source, bool isDone) => kind switch
    {
        TaskKind.Write => [ToWrite(fields, round, source)],
        TaskKind.Review => [ToReview(fields, round, source, isDone)],
        _ => Prompts(fields, round, source),
    };

    /// <summary>What a judgement holds beside a ranking.</summary>
    public static Judgement ReadJudgement(RowFields fields, int answers) => new()
    {
        Written = fields.FindText("written"),
        Corrected = fields.Find("corrected") is { } corrected ? fields.IndexOf(corrected, answers) : null,
        Verdict = fields.FindText("verdict"),
        UseCase = fields.FindText("written_use_case"),
        PromptFlags = fields.Find("prompt_flags") is { } flags ? [.. fields.ItemsOf(flags).Select(fields.TextOf)] : [],
        Reason = fields.FindText("reason"),
        Scores = fields.Find("criteria") is { } criteria ? [.. fields.ItemsOf(criteria).Select(own => ScoresOf(fields, own))] : [],
    };

    /// <summary>Writes what a judgement holds beside a ranking.</summary>
    public static void WriteJudgement(JsonObject row, Judgement judgement)
    {
        RankingRows.Set(row, "written", judgement.Written);
        RankingRows.Set(row, "corrected", judgement.Corrected);
        RankingRows.Set(row, "verdict", judgement.Verdict);
        RankingRows.Set(row, "written_use_case", judgement.UseCase);
        RankingRows.Set(row, "prompt_flags", judgement.PromptFlags.Count > 0 ? judgement.PromptFlags : null);
        RankingRows.Set(row, "reason", judgement.Reason);
        RankingRows.Set(row, "criteria", judgement.Scores.Count > 0 ? judgement.Scores : null);
    }

    /// <summary>Writes what a task asks for.</summary>
    public static void WriteTask(JsonObject row, AnswerSet answers)
    {
        row["kind"] = answers.Kind.NameOf();
        RankingRows.Set(row, "draft", answers.Draft);
        RankingRows.Set(row, "author", answers.Author);
        RankingRows.Set(row, "use_case", answers.UseCase);
        RankingRows.Set(row, "response", answers.Kind == TaskKind.Review ? answers.Responses[0] : null);
    }

    private static AnswerSet ToWrite(RowFields fields, string round, JsonObject source)
    {
        var prompt = PromptParser.ParseAsked(fields);
        var draft = fields.FindText("draft");
        UnreadFields.Check(fields, RecordKind.Prompt, onlyAsked: true);
        source.Remove("draft");
        return new AnswerSet(round, prompt.Text, prompt.AsMessages(), [], source, Kind: TaskKind.Write, Draft: string.IsNullOrWhiteSpace(draft) ? null : draft);
    }

    private static AnswerSet ToReview(RowFields fields, string round, JsonObject source, bool isDone)
    {
        var demonstration = DemonstrationParser.Parse(fields);
        if (!isDone)
        {
            UnreadFields.Check(fields, RecordKind.Demonstration);
        }

        // Of a demonstration, the labeler wrote it; of a review, the labeler reviewed what the author wrote.
        var author = (isDone ? null : RankingRows.NameOf(fields, "labeler", ShownName.Longest)) ?? RankingRows.NameOf(fields, "author", ShownName.Longest);
        foreach (var name in OfTasks)
        {
            source.Remove(name);
        }

        return new AnswerSet(round, demonstration.Prompt.Text, demonstration.Prompt.AsMessages(), [demonstration.Answer.Content], source, Kind: TaskKind.Review,
            Author: author);
    }

    private static IEnumerable<AnswerSet> Prompts(RowFields fields, string round, JsonObject source)
    {
        var prompt = fields.Has("prompt") || fields.Has("instruction") || PromptParser.ConversationOf(fields) is not null
            ? PromptParser.ParseAsked(fields)
            : Prompt.FromText(UsualAsk);
        var useCase = fields.FindText("use_case");
        if (useCase is not null && !TaskKinds.UseCases.Contains(useCase))
        {
            throw fields.Wrong(fields.Get("use_case"), $"expected as use case one of {string.Join(", ", TaskKinds.UseCases)}");
        }

        var copies = fields.Find("copies") is { } value ? fields.IndexOf(value, MostCopies + 1) : 1;
        UnreadFields.Check(fields, RecordKind.Prompt, onlyAsked: true);
        source.Remove("use_case");
        source.Remove("copies");
        for (var copy = 1; copy <= copies; copy++)
        {
            var own = (JsonObject)source.DeepClone();
            if (copies > 1)
            {
                own["copy"] = copy;
            }

            yield return new AnswerSet(round, prompt.Text, prompt.AsMessages(), [], own, Kind: TaskKind.Prompt, UseCase: useCase);
        }
    }

    private static Dictionary<string, int> ScoresOf(RowFields fields, RowValue own) => own.Kind != JsonValueKind.Object
        ? throw fields.Error(own, "scores by the names of criteria")
        : own.Properties.ToDictionary(score => score.Key, score => ScoreOf(fields, score.Value), StringComparer.Ordinal);

    private static int ScoreOf(RowFields fields, RowValue value) => int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw fields.Error(value, "a whole number");
}
