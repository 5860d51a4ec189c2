using System.Data.Common;

namespace Rlhf.Labelers.Store;

/// <summary>How far the work is. The number of tasks with each number of rankings is kept beside them, as every answer of the server says how far everybody is
/// and counting them takes long.</summary>
public sealed partial class RankingStore
{
    /// <summary>How far a labeler and everybody is.</summary>
    public LabelProgress Progress(LabelUser user) => Read(connection =>
    {
        var (done, wanted) = DoneAndWanted(connection, round: null);
        return new LabelProgress(connection.Number("SELECT count(*) FROM rankings WHERE user_id = @user", ("user", user.Id)), done, wanted);
    });

    /// <summary>Rankings that a round has and is to have; of all rounds where null.</summary>
    public (long Done, long Wanted) Progress(string? round) => Read(connection => DoneAndWanted(connection, round));

    private static (long Done, long Wanted) DoneAndWanted(DbConnection connection, string? round) => connection.Query(
        $"""
        SELECT coalesce(sum(tasks * CASE WHEN done < @overlap THEN done ELSE @overlap END), 0), coalesce(sum(tasks), 0) * @overlap FROM progress
        {(round is null ? "" : "WHERE round_id = (SELECT id FROM rounds WHERE name = @round)")}
        """,
        reader => (Convert.ToInt64(reader.GetValue(0), null), Convert.ToInt64(reader.GetValue(1), null)),
        ("overlap", SettingsOf(connection).Overlap), ("round", round ?? "")).Single();

    /// <summary>A task has come, or has another number of rankings: it counts under its number of rankings. Calibration items, and pairs about
    /// which nobody is asked, do not count.</summary>
    private static void CountTask(DbConnection connection, long task) => connection.Execute(
        """
        INSERT INTO progress (round_id, done, tasks) SELECT round_id, done, 1 FROM tasks WHERE id = @task AND calibration = 0 AND asked = 1
        ON CONFLICT (round_id, done) DO UPDATE SET tasks = progress.tasks + 1
        """,
        ("task", task));

    private static void CountRanking(DbConnection connection, long task, int change)
    {
        connection.Execute(
            """
            UPDATE progress SET tasks = tasks - 1
            WHERE (round_id, done) IN (SELECT round_id, done FROM tasks WHERE id = @task AND calibration = 0 AND asked = 1)
            """,
            ("task", task));
        connection.Execute("UPDATE tasks SET done = done + @change WHERE id = @task", ("task", task), ("change", change));
        CountTask(connection, task);
    }
}
