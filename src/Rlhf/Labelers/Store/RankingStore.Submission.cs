using System.Data.Common;
using System.Text.Json;

namespace Rlhf.Labelers.Store;

public sealed partial class RankingStore
{
    private const int RecentRankings = 20;

    private sealed record OwnRanking(long Id, int Revision, int[] OrderShown, Judgement Given, TaskKind Kind, bool Decides);

    /// <summary>Stores a judgement, or says why it is not stored. Answers in it are numbered as they were shown.</summary>
    /// <exception cref="InputException">It is not a judgement of this task's answers.</exception>
    public SubmissionResult Submit(LabelUser user, Submission submission)
    {
        if (submission.Key.Length is < 8 or > 100 || !double.IsFinite(submission.Seconds) || submission.Seconds < 0)
        {
            throw new InputException("Expected a submission key of 8 to 100 characters and a time of at least 0 seconds.");
        }

        // Submissions of two labelers never meet, whatever keys their browsers made.
        var keyed = submission with { Key = $"{user.Id}/{submission.Key}" };
        return Write(connection => RevisionTask(connection, keyed.Key) is { } stored
            ? stored == keyed.Task ? SubmissionResult.Stored : throw new InputException("This submission key was used for another task.")
            : keyed.Edit ? Edit(connection, user, keyed) : Add(connection, user, keyed));
    }

    /// <summary>The last rankings of a labeler, newest first.</summary>
    public IReadOnlyList<RecentRanking> Recent(LabelUser user) => Read(connection => connection.Query(
        $"""
        SELECT r.task_id, r.judgement, r.created_at, c.content FROM rankings r JOIN contents c ON c.task_id = r.task_id
        WHERE r.user_id = @user ORDER BY r.created_at DESC, r.id DESC LIMIT {RecentRankings}
        """,
        reader => new RecentRanking(
            reader.GetInt64(0), Beginning(reader.FromJson<AnswerSet>(3).Messages[^1].Content), reader.GetInt64(2),
            reader.FromJson<Judgement>(1).CannotJudge is not null, reader.FromJson<AnswerSet>(3).Kind),
        ("user", user.Id)));

    private SubmissionResult Add(DbConnection connection, LabelUser user, Submission submission)
    {
        if (RankingOf(connection, submission.Task, user) is { } known)
        {
            // The same again, under whatever key, is stored: nobody is to be told that it is not.
            return Stored(submission.Judgement, known.OrderShown, known.Kind) == Stored(known.Given, known.OrderShown, known.Kind)
                ? SubmissionResult.Stored
                : SubmissionResult.AlreadyRanked;
        }

        var lease = connection.Query(
            "SELECT order_shown, expires_at, adjudication FROM leases WHERE task_id = @task AND user_id = @user",
            (Func<DbDataReader, (string Order, long ExpiresAt, int Adjudication)?>)(reader => (reader.GetString(0), reader.GetInt64(1), reader.GetInt32(2))),
            ("task", submission.Task), ("user", user.Id)).SingleOrDefault();
        if (lease is not { } own)
        {
            return SubmissionResult.NotYours;
        }

        if (own.ExpiresAt <= Now && !HasRoom(connection, submission.Task, user, SettingsOf(connection)))
        {
            return SubmissionResult.TooLate;
        }

        var kind = KindOf(connection, submission.Task);
        var judgement = Stored(submission.Judgement, Numbers(own.Order), kind);
        if (JudgementRules.Lacking(submission.Judgement, Numbers(own.Order).Length, kind, SettingsOf(connection)) is { } lacking)
        {
            return lacking;
        }

        var ranking = connection.Number(
            """
            INSERT INTO rankings (task_id, user_id, revision, judgement, order_shown, seconds, created_at, updated_at, adjudication, skipped)
            VALUES (@task, @user, 0, @judgement, @order, @seconds, @now, @now, @adjudication, @skipped) RETURNING id
            """,
            ("task", submission.Task), ("user", user.Id), ("judgement", judgement), ("order", own.Order), ("seconds", submission.Seconds), ("now", Now),
            ("adjudication", own.Adjudication), ("skipped", IsSkipped(submission.Judgement) ? 1 : 0));
        AddRevision(connection, submission, ranking, 0, judgement);
        connection.Execute("DELETE FROM leases WHERE task_id = @task AND user_id = @user", ("task", submission.Task), ("user", user.Id));
        if (own.Adjudication == 0 && !IsSkipped(submission.Judgement))
        {
            CountRanking(connection, submission.Task, 1);
        }

        AskForReview(connection, user, submission.Task, before: null, submission.Judgement);
        return SubmissionResult.Stored;
    }

    private SubmissionResult Edit(DbConnection connection, LabelUser user, Submission submission, bool isAsked = true)
    {
        if (RankingOf(connection, submission.Task, user) is not { } ranking)
        {
            return SubmissionResult.NothingToEdit;
        }

        if (submission.Revision is { } replaced && replaced != ranking.Revision)
        {
            return SubmissionResult.ChangedMeanwhile;
        }

        var judgement = Stored(submission.Judgement, ranking.OrderShown, ranking.Kind);
        var settings = SettingsOf(connection);
        if (isAsked && JudgementRules.Lacking(submission.Judgement, ranking.OrderShown.Length, ranking.Kind, settings) is { } lacking)
        {
            return lacking;
        }

        var change = (IsSkipped(ranking.Given) ? 1 : 0) - (IsSkipped(submission.Judgement) ? 1 : 0);
        if (change > 0 && !ranking.Decides && !HasRoom(connection, submission.Task, user, settings))
        {
            return SubmissionResult.TooLate;
        }

        connection.Execute(
            "UPDATE rankings SET judgement = @judgement, skipped = @skipped, revision = revision + 1, seconds = seconds + @seconds, updated_at = @now WHERE id = @id",
            ("judgement", judgement), ("seconds", submission.Seconds), ("now", Now), ("id", ranking.Id),
            ("skipped", IsSkipped(submission.Judgement) ? 1 : 0));
        AddRevision(connection, submission, ranking.Id, ranking.Revision + 1, judgement);
        if (change != 0 && !ranking.Decides)
        {
            CountRanking(connection, submission.Task, change);
        }

        AskForReview(connection, user, submission.Task, ranking.Given, submission.Judgement);
        return SubmissionResult.Stored;
    }

    private void AddRevision(DbConnection connection, Submission submission, long ranking, int revision, string judgement) => connection.Execute(
        "INSERT INTO revisions (submission, ranking_id, revision, judgement, seconds, stored_at) VALUES (@key, @ranking, @revision, @judgement, @seconds, @now)",
        ("key", submission.Key), ("ranking", ranking), ("revision", revision), ("judgement", judgement), ("seconds", submission.Seconds), ("now", Now));

    private static long? RevisionTask(DbConnection connection, string key) => connection.Query(
        "SELECT r.task_id FROM revisions v JOIN rankings r ON r.id = v.ranking_id WHERE v.submission = @key", long? (reader) => reader.GetInt64(0),
        ("key", key)).SingleOrDefault();

    private static OwnRanking? RankingOf(DbConnection connection, long task, LabelUser user) => connection.Query(
        """
        SELECT r.id, r.revision, r.order_shown, r.judgement, t.kind, r.adjudication FROM rankings r JOIN tasks t ON t.id = r.task_id
        WHERE r.task_id = @task AND r.user_id = @user
        """,
        reader =>
        {
            var order = reader.FromJson<int[]>(2);
            var stored = reader.FromJson<Judgement>(3);
            return new OwnRanking(reader.GetInt64(0), reader.GetInt32(1), order, JudgementRules.Renumber(stored, Inverse(order)), KindIn(reader, 4),
                reader.GetInt32(5) == 1);
        },
        ("task", task), ("user", user.Id)).SingleOrDefault();

    private static TaskKind KindOf(DbConnection connection, long task) =>
        connection.Query("SELECT kind FROM tasks WHERE id = @task", reader => KindIn(reader, 0), ("task", task)).Single();

    private static TaskKind KindIn(DbDataReader reader, int column) =>
        TaskKinds.Find(reader.GetString(column)) ?? throw new JsonException("there is no such kind of task");

    /// <summary>Whether it only says why the task was not done.</summary>
    private static bool IsSkipped(Judgement judgement) => !string.IsNullOrWhiteSpace(judgement.CannotJudge);

    private static string Stored(Judgement shown, int[] order, TaskKind kind)
    {
        JudgementRules.Check(shown, order.Length, kind);
        return JsonSerializer.Serialize(JudgementRules.Renumber(shown, order), Json);
    }

    private static int[] Inverse(int[] order)
    {
        var inverse = new int[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            inverse[order[i]] = i;
        }

        return inverse;
    }

    private static string Beginning(string text) => text.Length <= 120 ? text : $"{text[..119]}…";
}
