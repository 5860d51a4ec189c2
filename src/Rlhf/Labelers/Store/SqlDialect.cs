using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Rlhf.Labelers.Store;

/// <summary>The little in which the two databases differ.</summary>
/// <param name="Open">A new connection, ready for use.</param>
/// <param name="IdColumn">The type of a column that numbers its rows.</param>
/// <param name="LockWriters">A statement at the start of a transaction that writes: one at a time, from whichever process.</param>
internal sealed record SqlDialect(Func<DbConnection> Open, string IdColumn, string? LockWriters)
{
    private const int SqliteReadOnly = 8;
    private const int SqliteCannotOpen = 14;
    private const string IdColumnOfSqlite = "INTEGER PRIMARY KEY AUTOINCREMENT";
    private const string IdColumnOfPostgreSql = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";

    /// <summary>The database that <c>--store</c> names: a file, or <c>postgres://user:password@host:port/database</c>.</summary>
    /// <exception cref="InputException">The address cannot be read.</exception>
    public static SqlDialect Of(string store) => IsServer(store) ? PostgreSql(store) : Sqlite(store);

    /// <summary>The same, but nothing is written: neither to a database that is there, nor one that is not.</summary>
    /// <exception cref="InputException">The address cannot be read, or there is no such file.</exception>
    public static SqlDialect ToRead(string store) => IsServer(store) ? PostgreSqlToRead(store) : SqliteToRead(store);

    /// <summary>Whether a store is a database server rather than a file.</summary>
    public static bool IsServer(string store) =>
        store.StartsWith("postgres://", StringComparison.Ordinal) || store.StartsWith("postgresql://", StringComparison.Ordinal);

    private static SqlDialect Sqlite(string file)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = file, DefaultTimeout = 30 }.ToString();
        return new SqlDialect(
            () =>
            {
                var opened = new SqliteConnection(connection);
                opened.Open();
                // FULL: a commit has reached the disk before it is acknowledged, also with a write-ahead log.
                opened.Execute("PRAGMA journal_mode = WAL");
                opened.Execute("PRAGMA synchronous = FULL");
                opened.Execute("PRAGMA foreign_keys = ON");
                return opened;
            },
            IdColumnOfSqlite,
            LockWriters: null);
    }

    private static SqlDialect SqliteToRead(string file)
    {
        if (!File.Exists(file))
        {
            throw new InputException($"--store {file}: there is no such store.");
        }

        var connection =
            new SqliteConnectionStringBuilder
            {
                DataSource = CanShare(file) ? file : Unchanging(file),
                Mode = SqliteOpenMode.ReadOnly,
                DefaultTimeout = 30,
            }.ToString();
        return new SqlDialect(
            () =>
            {
                var opened = new SqliteConnection(connection);
                opened.Open();
                return opened;
            },
            IdColumnOfSqlite,
            LockWriters: null);
    }

    // A reader of a write-ahead log shares memory with writers by a file beside the store, which it makes if need be.
    private static bool CanShare(string file)
    {
        using var connection =
            new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        try
        {
            connection.Open();
            connection.Number("SELECT count(*) FROM sqlite_master");
            return true;
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode is SqliteReadOnly or SqliteCannotOpen)
        {
            return false;
        }
    }

    // Where that cannot be made, as on a read-only disk, nobody writes either, and the file can be read as it is; only a log beside it would be missed.
    private static string Unchanging(string file)
    {
        if (new FileInfo($"{file}-wal") is { Exists: true, Length: > 0 })
        {
            throw new InputException(
                $"--store {file}: it was not closed, its last rankings are in {file}-wal, and here nothing can be written. Copy both files to a folder where you may write.");
        }

        return $"file:{Uri.EscapeDataString(Path.GetFullPath(file)).Replace("%2F", "/", StringComparison.Ordinal)}?immutable=1";
    }

    private static SqlDialect PostgreSql(string address)
    {
        var source = new NpgsqlDataSourceBuilder(ConnectionOf(address)).Build();
        return new SqlDialect(() => source.OpenConnection(), IdColumnOfPostgreSql, "SELECT pg_advisory_xact_lock(7238901)");
    }

    private static SqlDialect PostgreSqlToRead(string address)
    {
        var source = new NpgsqlDataSourceBuilder(ConnectionOf(address)).Build();
        return new SqlDialect(
            () =>
            {
                var opened = source.OpenConnection();
                opened.Execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
                return opened;
            },
            IdColumnOfPostgreSql,
            LockWriters: null);
    }

    private static string ConnectionOf(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.AbsolutePath.Length < 2)
        {
            throw new InputException("--store: expected postgres://user:password@host:port/database.");
        }

        var user = uri.UserInfo.Split(':', 2);
        if (!TryReadSslMode(uri.Query, out var mode))
        {
            throw new InputException($"--store: '{uri.Query}' is not known; expected ?sslmode=disable, prefer, require, verify-ca or verify-full, or nothing.");
        }

        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = Uri.UnescapeDataString(uri.AbsolutePath[1..]),
            Username = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null,
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            MaxPoolSize = 50,
            MaxAutoPrepare = 64, // the same few statements again and again
            AutoPrepareMinUsages = 2,
            SslMode = mode,
        }.ToString();
    }

    private static bool TryReadSslMode(string query, out SslMode mode)
    {
        const string key = "?sslmode=";
        mode = SslMode.Prefer;
        return query.Length == 0
            || (query.StartsWith(key, StringComparison.Ordinal) && char.IsAsciiLetter(query.ElementAtOrDefault(key.Length))
                && Enum.TryParse(query[key.Length..].Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out mode));
    }
}
