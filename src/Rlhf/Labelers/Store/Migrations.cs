using System.Data.Common;
using System.Globalization;
using System.Text.Json;

namespace Rlhf.Labelers.Store;

/// <summary>
/// The schema, as numbered steps that are applied once each. What people and models wrote is kept as JSON, in which every character is allowed
/// (PostgreSQL's texts cannot hold U+0000). Times are milliseconds of Unix time.
/// </summary>
internal static class Migrations
{
    private static readonly string[] Steps =
    [
        """
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE rounds (id {id}, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL);
        CREATE TABLE tasks (
            id {id},
            round_id BIGINT NOT NULL REFERENCES rounds (id),
            prompt_key TEXT NOT NULL,
            content_key TEXT NOT NULL,
            answers INTEGER NOT NULL,
            calibration INTEGER NOT NULL,
            done INTEGER NOT NULL DEFAULT 0,
            UNIQUE (round_id, content_key));
        CREATE INDEX tasks_by_prompt ON tasks (round_id, prompt_key);
        CREATE INDEX tasks_by_need ON tasks (calibration, done, id);
        CREATE TABLE contents (task_id BIGINT PRIMARY KEY REFERENCES tasks (id), content TEXT NOT NULL);
        CREATE TABLE users (id {id}, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, token_hash TEXT UNIQUE, created_at BIGINT NOT NULL, revoked_at BIGINT);
        CREATE TABLE leases (
            task_id BIGINT NOT NULL REFERENCES tasks (id),
            user_id BIGINT NOT NULL REFERENCES users (id),
            order_shown TEXT NOT NULL,
            leased_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            adjudication INTEGER NOT NULL,
            PRIMARY KEY (task_id, user_id));
        CREATE INDEX leases_by_user ON leases (user_id, expires_at);
        CREATE TABLE rankings (
            id {id},
            task_id BIGINT NOT NULL REFERENCES tasks (id),
            user_id BIGINT NOT NULL REFERENCES users (id),
            revision INTEGER NOT NULL,
            judgement TEXT NOT NULL,
            order_shown TEXT NOT NULL,
            seconds DOUBLE PRECISION NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            adjudication INTEGER NOT NULL,
            UNIQUE (task_id, user_id));
        CREATE INDEX rankings_by_user ON rankings (user_id, updated_at);
        CREATE TABLE revisions (
            submission TEXT PRIMARY KEY,
            ranking_id BIGINT NOT NULL REFERENCES rankings (id),
            revision INTEGER NOT NULL,
            judgement TEXT NOT NULL,
            seconds DOUBLE PRECISION NOT NULL,
            stored_at BIGINT NOT NULL);
        CREATE INDEX revisions_by_ranking ON revisions (ranking_id, revision);
        """,
        """
        ALTER TABLE tasks ADD COLUMN arena INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE tasks ADD COLUMN asked INTEGER NOT NULL DEFAULT 1;
        """,
        """
        DROP INDEX tasks_by_need;
        CREATE INDEX tasks_by_need ON tasks (calibration, asked, done, id);
        """,
        """
        CREATE TABLE progress (round_id BIGINT NOT NULL REFERENCES rounds (id), done INTEGER NOT NULL, tasks BIGINT NOT NULL, PRIMARY KEY (round_id, done));
        INSERT INTO progress (round_id, done, tasks) SELECT round_id, done, count(*) FROM tasks WHERE calibration = 0 AND asked = 1 GROUP BY round_id, done;
        """,
        """
        ALTER TABLE tasks ADD COLUMN kind TEXT NOT NULL DEFAULT 'rank';
        ALTER TABLE tasks ADD COLUMN author TEXT;
        ALTER TABLE leases ADD COLUMN work TEXT;
        """,
        // What was skipped is not done. A quotation mark inside a text is escaped in JSON, so only the key itself is found.
        """
        ALTER TABLE tasks ADD COLUMN characters BIGINT;
        ALTER TABLE rankings ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
        UPDATE rankings SET skipped = 1 WHERE judgement LIKE '%"cannot_judge":"%';
        UPDATE tasks SET done = (SELECT count(*) FROM rankings r WHERE r.task_id = tasks.id AND r.adjudication = 0 AND r.skipped = 0);
        DELETE FROM progress;
        INSERT INTO progress (round_id, done, tasks) SELECT round_id, done, count(*) FROM tasks WHERE calibration = 0 AND asked = 1 GROUP BY round_id, done;
        """,
    ];

    /// <summary>The version of the schema that this program writes.</summary>
    public static int Newest => Steps.Length;

    /// <summary>Brings a database to <see cref="Newest"/>; the caller has a transaction open that keeps other writers out.</summary>
    /// <returns>The version that it had; 0 where it is new.</returns>
    /// <exception cref="InputException">The database was written by a newer program.</exception>
    public static int Apply(DbConnection connection, SqlDialect dialect)
    {
        connection.Execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
        var version = VersionOf(connection);
        if (version == Newest)
        {
            return version;
        }

        foreach (var step in Steps.Skip(version))
        {
            connection.Execute(step.Replace("{id}", dialect.IdColumn, StringComparison.Ordinal));
        }

        connection.Execute("DELETE FROM schema_version");
        connection.Execute("INSERT INTO schema_version (version) VALUES (@version)", ("version", Newest));
        return version;
    }

    /// <summary>The version of the schema of a database; 0 for one that is new.</summary>
    /// <exception cref="InputException">The database was written by a newer program.</exception>
    public static int VersionOf(DbConnection connection)
    {
        var version =
            connection.Query("SELECT version FROM schema_version",
                reader => reader.GetInt32(0) is > 0 and var number ? number : throw new JsonException("expected a number from 1 on")).SingleOrDefault();
        return version <= Newest ? version
            : throw new InputException(
                string.Create(
                    CultureInfo.InvariantCulture, $"The store has schema version {version}; this program knows versions up to {Newest}. Use a newer program."));
    }
}
