using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Rlhf.Reports;

namespace Rlhf.Labelers.Store;

/// <summary>What goes in and comes out as a whole.</summary>
public sealed partial class RankingStore
{
    private const int NamedRows = 5;

    /// <summary>
    /// Adds tasks, and rankings of rows that have them. A row that is there already adds nothing. Answers that are the same become one, and a row that is left
    /// with one answer adds nothing.
    /// </summary>
    /// <param name="rows">The rows, all of which are stored or none.</param>
    public ImportResult Import(IEnumerable<ImportRow> rows) => Write(connection =>
    {
        var (added, known, rankings) = (0, 0, 0);
        var (merged, leftOut) = (new List<string>(), new List<string>());
        foreach (var given in rows)
        {
            CheckNames(given);
            var row = IdenticalAnswers.Merge(given);
            if (!ReferenceEquals(row, given))
            {
                (row.Answers.Responses.Count > 1 ? merged : leftOut).Add(row.Answers.Source["id"]?.ToString() ?? Beginning(row.Answers.PromptText));
            }

            if (row.Answers.Kind.IsRanked() && row.Answers.Responses.Count < 2)
            {
                continue;
            }

            var (task, isNew) = AddTask(connection, row.Answers);
            (added, known) = isNew ? (added + 1, known) : (added, known + 1);
            if (row.Judgement is { } judgement)
            {
                rankings += AddImported(connection, task, row, judgement) ? 1 : 0;
            }
        }

        return new ImportResult(added, known, rankings) { Note = NoteOf(merged, leftOut) };
    });

    private static void CheckNames(ImportRow row)
    {
        IEnumerable<(string Name, int Longest)> names =
        [
            (row.Answers.Round, ShownName.LongestOfRound),
            .. row.Answers.Author is { } author ? [(author, ShownName.Longest)] : Array.Empty<(string, int)>(),
            .. (row.Answers.Models ?? []).Select(model => (model, ShownName.LongestOfRound)),
        ];
        foreach (var (name, longest) in row.Judgement is null ? names : names.Append((row.Labeler, ShownName.Longest)))
        {
            if (ShownName.WrongWith(name, longest) is { } wrong)
            {
                throw new InputException($"The name '{VisibleText.Plain(name)}' cannot be used: {wrong}.");
            }
        }
    }

    private static string? NoteOf(List<string> merged, List<string> leftOut)
    {
        string[] notes =
        [
            .. merged.Count > 0 ? (string[])[string.Create(
                CultureInfo.InvariantCulture, $"{merged.Count} rows had the same answer more than once, which is shown once ({Named(merged)})")] : [],
            .. leftOut.Count > 0 ? (string[])[string.Create(
                CultureInfo.InvariantCulture, $"{leftOut.Count} rows were left out, as all their answers are the same ({Named(leftOut)})")] : [],
        ];
        return notes.Length > 0 ? string.Join("; ", notes) : null;
    }

    private static string Named(List<string> ids) => string.Join(", ", ids.Take(NamedRows).Select(VisibleText.Plain)) + (ids.Count > NamedRows ? ", …" : "");

    /// <summary>Adds answers to rank, all or none; those that are there already add nothing.</summary>
    /// <returns>The task of each, in their order.</returns>
    public IReadOnlyList<long> Add(IEnumerable<AnswerSet> answers) => Write(connection => answers.Select(set => AddTask(connection, set).Task).ToList());

    /// <summary>The names of the rounds, oldest first.</summary>
    public IReadOnlyList<string> Rounds() => Read(connection => connection.Query("SELECT name FROM rounds ORDER BY id", reader => reader.GetString(0)));

    /// <summary>A task with everything about it; null where there is none.</summary>
    public StoredTask? FindTask(long task) => Read(connection => connection.Query(
        "SELECT content FROM contents WHERE task_id = @task", reader => new StoredTask(task, reader.FromJson<AnswerSet>(0)), ("task", task)).SingleOrDefault());

    /// <summary>How the prompt of a task begins.</summary>
    public string BeginningOf(long task) => Beginning(FindTask(task)!.Answers.Messages[^1].Content);

    /// <summary>The known rankings of the calibration items.</summary>
    public IReadOnlyDictionary<long, IReadOnlyList<IReadOnlyList<int>>> CalibrationTasks() => Read(connection => connection.Query(
        "SELECT t.id, c.content FROM tasks t JOIN contents c ON c.task_id = t.id WHERE t.calibration = 1",
        reader => (Task: reader.GetInt64(0), Known: reader.FromJson<AnswerSet>(1).Known!)).ToDictionary(item => item.Task, item => item.Known));

    /// <summary>The tasks whose two answers are those of two models, oldest first.</summary>
    public IReadOnlyList<StoredTask> ArenaTasks() => Read(connection => connection.Query(
        "SELECT t.id, c.content FROM tasks t JOIN contents c ON c.task_id = t.id WHERE t.arena = 1 ORDER BY t.id",
        reader => new StoredTask(reader.GetInt64(0), reader.FromJson<AnswerSet>(1))));

    /// <summary>All tasks, oldest first, one at a time in memory.</summary>
    /// <param name="round">Of this round; of all where null.</param>
    /// <param name="kind">Of this kind; of all where null.</param>
    public IEnumerable<StoredTask> Tasks(string? round = null, TaskKind? kind = null)
    {
        using var connection = _dialect.Open();
        var last = 0L;
        while (true)
        {
            var found = connection.Query(
                """
                SELECT t.id, c.content FROM tasks t JOIN contents c ON c.task_id = t.id JOIN rounds n ON n.id = t.round_id
                WHERE t.id > @last AND c.task_id > @last AND (@every = 1 OR n.name = @round) AND (@kind = '' OR t.kind = @kind) ORDER BY t.id LIMIT 1
                """,
                reader => new StoredTask(reader.GetInt64(0), reader.FromJson<AnswerSet>(1)),
                ("last", last), ("every", round is null ? 1 : 0), ("round", round ?? ""), ("kind", kind?.NameOf() ?? "")).SingleOrDefault();
            if (found is null)
            {
                yield break;
            }

            last = found.Id;
            yield return found;
        }
    }

    /// <summary>All rankings, or those of a task, in the order in which they came.</summary>
    public IReadOnlyList<StoredRanking> Rankings(long? task = null) => Read(connection => connection.Query(
        """
        SELECT r.task_id, u.name, r.judgement, r.order_shown, r.seconds, r.revision, r.created_at, r.updated_at, r.adjudication, t.answers
        FROM rankings r JOIN users u ON u.id = r.user_id JOIN tasks t ON t.id = r.task_id WHERE @every = 1 OR r.task_id = @task ORDER BY r.task_id, r.id
        """,
        reader => Fitting(reader.GetInt32(9), new StoredRanking(
            reader.GetInt64(0), reader.GetString(1), reader.FromJson<Judgement>(2), reader.FromJson<int[]>(3),
            reader.GetDouble(4), reader.GetInt32(5), reader.GetInt64(6), reader.GetInt64(7), reader.GetInt32(8) == 1)),
        ("every", task is null ? 1 : 0), ("task", task ?? 0)));

    // Whoever reads a ranking looks up answers by it. One that was imported without an order has none.
    private static StoredRanking Fitting(int answers, StoredRanking ranking)
    {
        var ranked = (ranking.Judgement.Tiers ?? []).SelectMany(tier => tier).ToList();
        var isWhole = ranking.OrderShown.Count == 0 || ranking.OrderShown.Order().SequenceEqual(Enumerable.Range(0, answers));
        var isEmpty = ranking.Judgement.Tiers is { } tiers && (tiers.Count == 0 || tiers.Any(tier => tier.Count == 0));
        var isMended = ranking.Judgement.Corrected is not { } mended || (mended >= 0 && mended < answers);
        return isWhole && !isEmpty && isMended && ranked.TrueForAll(answer => answer >= 0 && answer < answers) && ranked.Distinct().Count() == ranked.Count
            ? ranking
            : throw new JsonException("a ranking does not fit the answers of its task");
    }

    /// <summary>Who has judged, or skipped, which tasks, decisions of owners apart.</summary>
    public IReadOnlyList<(long Task, string Labeler, bool Skipped)> Judgements() => Read(connection => connection.Query(
        "SELECT r.task_id, u.name, r.skipped FROM rankings r JOIN users u ON u.id = r.user_id WHERE r.adjudication = 0",
        reader => (reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2) == 1)));

    /// <summary>Every version of the rankings of a task, in the order in which they were stored: what was said, and when in milliseconds of Unix
    /// time.</summary>
    public IReadOnlyList<(string Labeler, int Revision, Judgement Judgement, long StoredAt)> History(long task) => Read(connection => connection.Query(
        """
        SELECT u.name, v.revision, v.judgement, v.stored_at FROM revisions v JOIN rankings r ON r.id = v.ranking_id JOIN users u ON u.id = r.user_id
        WHERE r.task_id = @task ORDER BY r.id, v.revision
        """,
        reader => (reader.GetString(0), reader.GetInt32(1), reader.FromJson<Judgement>(2), reader.GetInt64(3)), ("task", task)));

    private (long Task, bool IsNew) AddTask(DbConnection connection, AnswerSet answers)
    {
        connection.Execute("INSERT INTO rounds (name, created_at) VALUES (@name, @now) ON CONFLICT (name) DO NOTHING", ("name", answers.Round), ("now", Now));
        var round = connection.Number("SELECT id FROM rounds WHERE name = @name", ("name", answers.Round));
        var key = ContentKeyOf(answers);
        var task = connection.Query("SELECT id FROM tasks WHERE round_id = @round AND content_key = @key", long? (reader) => reader.GetInt64(0),
            ("round", round), ("key", key)).SingleOrDefault();
        if (task is { } known)
        {
            return (known, false);
        }

        var id = connection.Number(
            """
            INSERT INTO tasks (round_id, prompt_key, content_key, answers, calibration, arena, asked, kind, author, characters)
            VALUES (@round, @prompt, @key, @answers, @calibration, @arena, @asked, @kind, @author, @characters) RETURNING id
            """,
            ("round", round), ("prompt", PromptKeyOf(answers, key)), ("kind", answers.Kind.NameOf()), ("author", answers.Author),
            ("characters", answers.Messages.Sum(turn => (long)turn.Content.Length) + answers.Responses.Sum(response => (long)response.Length)),
            ("key", key), ("answers", answers.Responses.Count),
            ("calibration", answers.Known is null ? 0 : 1),
            ("arena", answers.Models is null ? 0 : 1), ("asked", answers is { Models: not null, HasIdenticalAnswers: true } ? 0 : 1));
        connection.Execute(
            "INSERT INTO contents (task_id, content) VALUES (@task, @content)", ("task", id), ("content", JsonSerializer.Serialize(answers, Json)));
        CountTask(connection, id);
        return (id, true);
    }

    /// <summary>What makes a task another one than those of its round.</summary>
    private static string?[] ContentOf(AnswerSet answers) => answers.Kind switch
    {
        TaskKind.Rank => [answers.PromptText, .. answers.Responses],
        TaskKind.Prompt => [answers.Kind.NameOf(), answers.PromptText, answers.UseCase, answers.Source["copy"]?.ToString()],
        _ => [answers.Kind.NameOf(), answers.PromptText, answers.Draft, .. answers.Responses],
    };

    /// <summary>A labeler gets one task of a prompt in a round; prompts to write and demonstrations to review are tasks of their own.</summary>
    private static string PromptKeyOf(AnswerSet answers, string contentKey) => answers.Kind switch
    {
        TaskKind.Rank => HashOf(answers.PromptText),
        TaskKind.Review or TaskKind.Prompt => contentKey,
        _ => HashOf($"{answers.Kind.NameOf()}\0{answers.PromptText}"),
    };

    private bool AddImported(DbConnection connection, long task, ImportRow row, Judgement judgement)
    {
        var user = UserNamed(connection, row.Labeler, UserRole.Labeler);
        if (RankingOf(connection, task, user) is not null)
        {
            return false;
        }

        JudgementRules.Check(judgement, row.Answers.Responses.Count, row.Answers.Kind);
        var json = JsonSerializer.Serialize(judgement, Json);
        var ranking = connection.Number(
            """
            INSERT INTO rankings (task_id, user_id, revision, judgement, order_shown, seconds, created_at, updated_at, adjudication, skipped)
            VALUES (@task, @user, @revision, @judgement, @order, @seconds, @created, @updated, @adjudication, @skipped) RETURNING id
            """,
            ("task", task), ("user", user.Id), ("revision", row.Edits), ("judgement", json), ("order", JsonSerializer.Serialize(row.OrderShown, Json)),
            ("seconds", row.Seconds), ("created", row.CreatedAt ?? Now), ("updated", row.UpdatedAt ?? Now), ("adjudication", row.Adjudication ? 1 : 0),
            ("skipped", IsSkipped(judgement) ? 1 : 0));
        AddRevision(connection, new Submission(task, $"import/{ranking}", judgement, row.Seconds), ranking, row.Edits, json);
        if (!row.Adjudication && !IsSkipped(judgement))
        {
            CountRanking(connection, task, 1);
        }

        return true;
    }

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
