using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Data.Tables;

namespace Rlhf.Labelers.Store;

/// <summary>A row of answers, ranked or not, on its way into the store.</summary>
/// <param name="Answers">The prompt and its answers.</param>
/// <param name="Judgement">The ranking, answers under their own numbers; null where nobody ranked.</param>
/// <param name="Labeler">Who ranked.</param>
/// <param name="OrderShown">[K] which answer stood at each place of the page.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Edits">How often it was changed.</param>
/// <param name="CreatedAt">First stored, in milliseconds of Unix time; now where null.</param>
/// <param name="UpdatedAt">Last changed.</param>
/// <param name="Adjudication">Whether an owner decided between labelers with it.</param>
public sealed record ImportRow(
    AnswerSet Answers, Judgement? Judgement, string Labeler, IReadOnlyList<int> OrderShown, double Seconds, int Edits, long? CreatedAt, long? UpdatedAt,
    bool Adjudication)
{
    /// <summary>Where the row stands, where it was read from a file.</summary>
    public RowPosition Position { get; init; }
}

/// <summary>Rankings as JSON lines: rows that the data readers take, with what else is known of each beside (docs/data.md).</summary>
public static class RankingRows
{
    /// <summary>Answers of a page at most: its keys are 1 to 9.</summary>
    public const int MaximumAnswers = 9;

    private const string NoRound = "1";
    private const string Unnamed = "imported";

    // Fields that this class writes; all others are the source's.
    private static readonly HashSet<string> Own = new(StringComparer.Ordinal)
    {
        "kind", "responses", "ranking", "labeler", "round", "order_shown", "seconds", "edits", "flags", "ratings", "comment", "cannot_judge", "adjudication", "created_at", "updated_at", "known_ranking", "models",
    };

    /// <summary>Reads rows of answers.</summary>
    /// <param name="path">JSON lines or an array, gzipped or not.</param>
    /// <param name="name">The file's name in errors.</param>
    /// <param name="round">The round of rows that name none.</param>
    /// <param name="calibration">Whether the rankings are the known answers of calibration items.</param>
    /// <param name="kind">What is to be done with rows that do not say it.</param>
    /// <exception cref="InputException">A row is not one; with its place.</exception>
    public static IEnumerable<ImportRow> Read(
        string path, string? name = null, string? round = null, bool calibration = false, TaskKind kind = TaskKind.Rank) =>
        DataRows.Read(path, name).SelectMany(row => Parse(row, round ?? NoRound, calibration, kind));

    /// <summary>A ranking as a row.</summary>
    public static JsonObject RowOf(StoredTask task, StoredRanking ranking)
    {
        var row = RowOf(task);
        var judgement = ranking.Judgement;
        row["labeler"] = ranking.Labeler;
        Set(row, "ranking", judgement.Tiers);
        Set(row, "cannot_judge", judgement.CannotJudge);
        Set(row, "flags", judgement.Flags.Count > 0 ? judgement.Flags : null);
        Set(row, "ratings", judgement.Ratings.Count > 0 ? judgement.Ratings : null);
        Set(row, "comment", judgement.Comment);
        Set(row, "notation", judgement.Tiers is { } tiers ? RankingNotation.Of(tiers) : null);
        TaskRows.WriteJudgement(row, judgement);
        Set(row, "order_shown", ranking.OrderShown);
        row["seconds"] = ranking.Seconds;
        row["edits"] = ranking.Edits;
        Set(row, "adjudication", ranking.Adjudication ? true : null);
        row["created_at"] = ranking.CreatedAt;
        row["updated_at"] = ranking.UpdatedAt;
        return row;
    }

    /// <summary>A task as a row of answers that nobody has ranked.</summary>
    public static JsonObject RowOf(StoredTask task)
    {
        var row = (JsonObject)task.Answers.Source.DeepClone();
        if (task.Answers.Kind != TaskKind.Rank)
        {
            TaskRows.WriteTask(row, task.Answers);
        }

        if (task.Answers.Kind.IsRanked())
        {
            row["responses"] = JsonSerializer.SerializeToNode(task.Answers.Responses);
        }

        row["round"] = task.Answers.Round;
        Set(row, "models", task.Answers.Models);
        return row;
    }

    /// <summary>Sets a field, where there is something to set.</summary>
    internal static void Set(JsonObject row, string name, object? value)
    {
        if (value is not null)
        {
            row[name] = JsonSerializer.SerializeToNode(value, value.GetType());
        }
    }

    private static IEnumerable<ImportRow> Parse(JsonRow row, string round, bool calibration, TaskKind usual)
    {
        var fields = new RowFields(row, new Dictionary<string, string>());
        var kind = TaskRows.KindOf(fields) ?? usual;
        if (kind.IsRanked())
        {
            return [ParseRanked(row, fields, round, calibration, kind)];
        }

        if (calibration)
        {
            throw fields.Missing($"answers to rank: no task of the kind {kind.NameOf()} is a calibration item");
        }

        var judgement = TaskRows.IsDone(fields) ? JudgementOf(fields, null, kind == TaskKind.Review ? 1 : 0, kind) : null;
        var source = SourceOf(row, judgement is not null);
        source["id"] ??= fields.Id();
        var named = NameOf(fields, "round", ShownName.LongestOfRound) ?? round;
        return TaskRows.Parse(fields, kind, named, source, isDone: judgement is not null)
            .Select(answers => RowOf(fields, answers, judgement, [.. Enumerable.Range(0, answers.Responses.Count)]));
    }

    private static ImportRow ParseRanked(JsonRow row, RowFields fields, string round, bool calibration, TaskKind kind)
    {
        var prompt = PromptParser.Parse(fields);
        if (!fields.Has("responses"))
        {
            throw fields.Missing(
                "the field \"responses\" with the answers to rank (prompts that people are to answer have the kind write, demonstrations the kind review: --kind)");
        }

        var responses = RankingParser.ParseResponses(fields);
        UnreadFields.Check(fields, RecordKind.Ranking, onlyAsked: true);
        if (responses.Count > MaximumAnswers)
        {
            throw fields.Wrong(fields.Get("responses"),
                string.Create(CultureInfo.InvariantCulture, $"expected 2 to {MaximumAnswers} answers to rank in the browser, found {responses.Count}"));
        }

        var tiers = fields.Has("ranking") ? RankingParser.ParseTiers(fields, "ranking", responses.Count) : null;
        var known = KnownOf(fields, tiers, responses, calibration);
        // Rows of a ranking that nobody has mended yet are tasks.
        var ranked = !calibration && (fields.Has("cannot_judge") || (tiers is not null && (kind == TaskKind.Rank || fields.Has("written"))));
        var judgement = ranked ? JudgementOf(fields, tiers, responses.Count, kind) : null;
        var source = SourceOf(row, ranked);
        source["id"] ??= fields.Id();
        var answers = new AnswerSet(NameOf(fields, "round", ShownName.LongestOfRound) ?? round, prompt.Text, prompt.AsMessages(), responses, source, known,
            ModelsOf(fields, responses.Count), kind);
        int[] asNumbered = [.. Enumerable.Range(0, responses.Count)];
        return RowOf(fields, answers, judgement, OrderOf(fields, responses.Count) ?? asNumbered);
    }

    private static List<IReadOnlyList<int>>? KnownOf(RowFields fields, List<IReadOnlyList<int>>? tiers, List<string> responses, bool calibration)
    {
        var known = calibration ? tiers : fields.Has("known_ranking") ? RankingParser.ParseTiers(fields, "known_ranking", responses.Count) : null;
        if (calibration && tiers is null)
        {
            throw fields.Missing("the field \"ranking\" with the right order of a calibration item");
        }

        return known is null || !IdenticalAnswers.Contradict(responses, known)
            ? known
            : throw fields.Wrong(fields.Get("responses"), "expected answers that are the same at one place of a ranking that is known to be right");
    }

    private static ImportRow RowOf(RowFields fields, AnswerSet answers, Judgement? judgement, int[] order) => new(
        answers, judgement, NameOf(fields, "labeler", ShownName.Longest) ?? Unnamed, order, NumberOf(fields, "seconds") ?? 0,
        (int)(NumberOf(fields, "edits") ?? 0), (long?)NumberOf(fields, "created_at"), (long?)NumberOf(fields, "updated_at"),
        fields.Find("adjudication") is { Kind: JsonValueKind.True })
    {
        Position = fields.Position,
    };

    private static Judgement JudgementOf(RowFields fields, IReadOnlyList<IReadOnlyList<int>>? tiers, int answers, TaskKind kind)
    {
        var judgement = TaskRows.ReadJudgement(fields, answers) with
        {
            Tiers = tiers,
            CannotJudge = tiers is null ? fields.FindText("cannot_judge") : null,
            Comment = fields.FindText("comment"),
            Flags = fields.Find("flags") is { } flags
                ? [.. fields.ItemsOf(flags).Select(IReadOnlyList<string> (own) => [.. fields.ItemsOf(own).Select(fields.TextOf)])]
                : [],
            Ratings = fields.Find("ratings") is { } ratings
                ? [.. fields.ItemsOf(ratings).Select(value => value.Kind == JsonValueKind.Null ? (int?)null : fields.IndexOf(value, 8))]
                : [],
        };
        try
        {
            JudgementRules.Check(judgement, answers, kind);
            return judgement;
        }
        catch (InputException exception)
        {
            throw new InputException($"{fields.Position}: {exception.Message}");
        }
    }

    private static int[]? OrderOf(RowFields fields, int answers)
    {
        if (fields.Find("order_shown") is not { } value)
        {
            return null;
        }

        int[] order = [.. fields.ItemsOf(value).Select(item => fields.IndexOf(item, answers))];
        return order.Order().SequenceEqual(Enumerable.Range(0, answers)) ? order : throw fields.Error(value, "every answer once");
    }

    private static string[]? ModelsOf(RowFields fields, int answers)
    {
        if (fields.Find("models") is not { } value)
        {
            return null;
        }

        string[] models = [.. fields.ItemsOf(value).Select(fields.TextOf)];
        foreach (var model in models)
        {
            if (ShownName.WrongWith(model, ShownName.LongestOfRound) is { } wrong)
            {
                throw fields.Wrong(value, $"\"models\" holds no names: {wrong}");
            }
        }

        return answers == 2 && models.Length == 2 && models[0] != models[1]
            ? models
            : throw fields.Error(value, "the names of two models, which wrote the two answers");
    }

    /// <summary>A name that pages show; null where the field is absent.</summary>
    internal static string? NameOf(RowFields fields, string field, int longest)
    {
        var name = fields.FindName(field);
        return name is null || ShownName.WrongWith(name, longest) is not { } wrong
            ? name
            : throw fields.Wrong(fields.Get(field), $"\"{field}\" is no name: {wrong}");
    }

    internal static double? NumberOf(RowFields fields, string name) =>
        fields.Find(name) is { } value ? Math.Min(fields.NumberOf(value, above: false), 1e15) : null;

    private static JsonObject SourceOf(JsonRow row, bool isJudged)
    {
        var source = JsonNode.Parse(row.Bytes)!.AsObject();
        foreach (var name in isJudged ? Own.Concat(TaskRows.OfJudgements) : Own)
        {
            source.Remove(name);
        }

        return source;
    }
}
