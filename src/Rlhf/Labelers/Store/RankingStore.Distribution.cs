using System.Data.Common;
using System.Text.Json;

namespace Rlhf.Labelers.Store;

/// <summary>Who gets which task. A task's rankings and running leases together never exceed the overlap; calibration items go to everybody once.</summary>
public sealed partial class RankingStore
{
    // One to work on and the next one, fetched beforehand.
    private const int LeasesAtOnce = 2;

    /// <summary>
    /// A task for a labeler: one that is theirs already, else one of theirs that ran out and still is free, else a new one. Null where there is none, where the
    /// work is paused, or where they hold as many as they may.
    /// </summary>
    /// <param name="user">The labeler.</param>
    /// <param name="holding">Tasks that the page has already.</param>
    public LabelTask? Next(LabelUser user, IReadOnlyCollection<long> holding) => Write(connection =>
    {
        var settings = SettingsOf(connection);
        var leases = LeasesOf(connection, user);
        var running = leases.Where(lease => lease.ExpiresAt > Now).ToList();
        if (running.FirstOrDefault(lease => !holding.Contains(lease.Task)) is { Task: > 0 } own)
        {
            return Lease(connection, user, own.Task, settings);
        }

        if (settings.Paused || running.Count >= LeasesAtOnce)
        {
            return null;
        }

        var task = leases.Where(lease => lease.ExpiresAt <= Now && !holding.Contains(lease.Task)).Select(lease => (long?)lease.Task)
                .FirstOrDefault(expired => HasRoom(connection, expired!.Value, user, settings))
            ?? FindNew(connection, user, settings);
        return task is { } found ? Lease(connection, user, found, settings) : null;
    });

    /// <summary>Prolongs a lease that the page still works on; false where it ran out and the task went to others.</summary>
    public bool Renew(LabelUser user, long task) => Write(connection =>
    {
        var settings = SettingsOf(connection);
        if (LeasesOf(connection, user).FirstOrDefault(lease => lease.Task == task) is not { Task: > 0 } lease
            || (lease.ExpiresAt <= Now && !HasRoom(connection, task, user, settings)))
        {
            return false;
        }

        Prolong(connection, user, task, settings);
        return true;
    });

    /// <summary>Keeps what a labeler has done of a task so far, until it is handed in; false where the task is not theirs.</summary>
    /// <exception cref="InputException">It is nothing that the task asks for.</exception>
    public bool Keep(LabelUser user, UnfinishedWork work) => Write(connection =>
    {
        JudgementRules.CheckWork(work.Judgement, (int)connection.Number("SELECT coalesce(sum(answers), 0) FROM tasks WHERE id = @task", ("task", work.Task)));
        return connection.Execute(
            "UPDATE leases SET work = @work WHERE task_id = @task AND user_id = @user", ("work", JsonSerializer.Serialize(work, Json)), ("task", work.Task),
            ("user", user.Id)) == 1;
    });

    /// <summary>Gives an owner a task to decide between labelers, beyond the overlap. Null where there is no such task or the owner has ranked it.</summary>
    public LabelTask? Adjudicate(LabelUser owner, long task) => Write(connection =>
        connection.Number("SELECT count(*) FROM tasks WHERE id = @task", ("task", task)) == 1 && RankingOf(connection, task, owner) is null
            ? WithSaid(connection, Lease(connection, owner, task, SettingsOf(connection), adjudication: true), owner)
            : null);

    private static LabelTask WithSaid(DbConnection connection, LabelTask given, LabelUser owner)
    {
        var order = Numbers(connection.Query("SELECT order_shown FROM leases WHERE task_id = @task AND user_id = @user", reader => reader.GetString(0),
            ("task", given.Id), ("user", owner.Id)).Single());
        return given with
        {
            Said = connection.Query(
                "SELECT u.name, r.judgement FROM rankings r JOIN users u ON u.id = r.user_id WHERE r.task_id = @task AND r.adjudication = 0 ORDER BY r.id",
                reader => new OthersWork(reader.GetString(0), JudgementRules.Renumber(reader.FromJson<Judgement>(1), Inverse(order))), ("task", given.Id)),
        };
    }

    /// <summary>A task that a labeler has ranked, as it was shown, with what they said. Null where they have not.</summary>
    public LabelTask? Again(LabelUser user, long task) => Read(connection =>
        RankingOf(connection, task, user) is { } ranking
            ? TaskOf(connection, task, ranking.OrderShown, 0, ranking.Given) with { Revision = ranking.Revision }
            : null);

    /// <summary>Takes a task, or prolongs its lease; the order of the answers is drawn once.</summary>
    private LabelTask Lease(DbConnection connection, LabelUser user, long task, LabelSettings settings, bool adjudication = false)
    {
        var answers = (int)connection.Number("SELECT answers FROM tasks WHERE id = @task", ("task", task));
        int[] order = [.. Enumerable.Range(0, answers)];
        lock (_random)
        {
            _random.Shuffle(order);
        }

        connection.Execute(
            """
            INSERT INTO leases (task_id, user_id, order_shown, leased_at, expires_at, adjudication) VALUES (@task, @user, @order, @now, @now, @adjudication)
            ON CONFLICT (task_id, user_id) DO UPDATE SET adjudication = CASE WHEN excluded.adjudication = 1 THEN 1 ELSE leases.adjudication END
            """,
            ("task", task), ("user", user.Id), ("order", JsonSerializer.Serialize(order, Json)), ("now", Now), ("adjudication", adjudication ? 1 : 0));
        Prolong(connection, user, task, settings);
        var (kept, work) = connection.Query(
            "SELECT order_shown, work FROM leases WHERE task_id = @task AND user_id = @user",
            reader => (reader.GetString(0), reader.IsDBNull(1) ? null : reader.FromJson<UnfinishedWork>(1)), ("task", task), ("user", user.Id)).Single();
        return TaskOf(connection, task, Numbers(kept), settings.LeaseMinutes * 60, given: null) with { Work = work };
    }

    private void Prolong(DbConnection connection, LabelUser user, long task, LabelSettings settings) => connection.Execute(
        "UPDATE leases SET expires_at = @expires WHERE task_id = @task AND user_id = @user",
        ("expires", Now + (long)(settings.LeaseMinutes * 60_000)), ("task", task), ("user", user.Id));

    /// <summary>The oldest task that lacks rankings and whose prompt the labeler has not seen in its round.</summary>
    private long? FindNew(DbConnection connection, LabelUser user, LabelSettings settings)
    {
        // Nobody reviews what they wrote, unless nobody else is there.
        const string notSeen =
            """
            (t.author IS NULL OR t.author <> @name) AND
            NOT EXISTS (SELECT 1 FROM tasks o JOIN rankings r ON r.task_id = o.id WHERE o.round_id = t.round_id AND o.prompt_key = t.prompt_key AND r.user_id = @user)
            AND NOT EXISTS (SELECT 1 FROM tasks o JOIN leases l ON l.task_id = o.id WHERE o.round_id = t.round_id AND o.prompt_key = t.prompt_key AND l.user_id = @user)
            """;
        long? Find(string where, int done) => connection.Query(
            $"SELECT t.id FROM tasks t WHERE {where} AND {notSeen} ORDER BY t.id LIMIT 1", long? (reader) => reader.GetInt64(0),
            ("user", user.Id), ("overlap", settings.Overlap), ("now", Now), ("done", done),
            ("name", user.Name == LocalName ? "" : user.Name)).SingleOrDefault();

        // One number of rankings at a time: then the index gives the oldest task first, and a store of many tasks is not sorted for every question.
        const string needed =
            """
            t.calibration = 0 AND t.asked = 1 AND t.done = @done
            AND @done + (SELECT count(*) FROM leases l WHERE l.task_id = t.id AND l.user_id <> @user AND l.expires_at > @now AND l.adjudication = 0) < @overlap
            """;
        bool calibrate;
        lock (_random)
        {
            calibrate = _random.NextDouble() < settings.CalibrationShare;
        }

        return (calibrate ? Find("t.calibration = 1", 0) : null) ?? Enumerable.Range(0, settings.Overlap).Min(done => Find(needed, done));
    }

    private bool HasRoom(DbConnection connection, long task, LabelUser user, LabelSettings settings) => connection.Number(
        """
        SELECT CASE WHEN t.calibration = 1 OR EXISTS (SELECT 1 FROM leases own WHERE own.task_id = t.id AND own.user_id = @user AND own.adjudication = 1)
            OR t.done + (SELECT count(*) FROM leases l WHERE l.task_id = t.id AND l.user_id <> @user AND l.expires_at > @now AND l.adjudication = 0) < @overlap THEN 1 ELSE 0 END
        FROM tasks t WHERE t.id = @task
        """,
        ("task", task), ("user", user.Id), ("now", Now), ("overlap", settings.Overlap)) == 1;

    /// <summary>Tasks with more rankings and running leases than the overlap, which this class never lets happen: for tests. Leases that end within a margin do
    /// not count.</summary>
    internal long OverAssigned(TimeSpan margin) => Read(connection => connection.Number(
        """
        SELECT count(*) FROM tasks t WHERE t.calibration = 0
        AND t.done + (SELECT count(*) FROM leases l WHERE l.task_id = t.id AND l.expires_at > @now AND l.adjudication = 0) > @overlap
        """,
        ("now", Now + (long)margin.TotalMilliseconds), ("overlap", SettingsOf(connection).Overlap)));

    private static List<(long Task, long ExpiresAt)> LeasesOf(DbConnection connection, LabelUser user) => connection.Query(
        "SELECT task_id, expires_at FROM leases WHERE user_id = @user ORDER BY leased_at, task_id", reader => (reader.GetInt64(0), reader.GetInt64(1)),
        ("user", user.Id));

    private static LabelTask TaskOf(DbConnection connection, long task, int[] order, double seconds, Judgement? given)
    {
        var content = ContentOf(connection, task);
        return new LabelTask(task, content.Messages, [.. order.Select(answer => content.Responses[answer])], seconds, given, Kind: content.Kind,
            Draft: content.Draft, UseCase: content.UseCase);
    }

    private static AnswerSet ContentOf(DbConnection connection, long task) => connection.Query(
        "SELECT content FROM contents WHERE task_id = @task", reader => reader.FromJson<AnswerSet>(0), ("task", task)).Single();

    private static int[] Numbers(string json) => JsonSerializer.Deserialize<int[]>(json, Json)!;
}
