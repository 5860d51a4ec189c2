using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Rlhf.Web.Labeling;

/// <summary>The little in which the two databases differ.</summary>
/// <param name="Open">A new connection, ready for use.</param>
/// <param name="IdColumn">The type of a column that numbers its rows.</param>
/// <param name="LockWriters">A statement at the start of a transaction that writes: one at a time, from whichever process.</param>
internal sealed record SqlDialect(Func<DbConnection> Open, string IdColumn, string? LockWriters)
{
    /// <summary>The database that <c>--store</c> names: a file, or <c>postgres://user:password@host:port/database</c>.</summary>
    /// <exception cref="InputException">The address cannot be read.</exception>
    public static SqlDialect Of(string store) =>
        store.StartsWith("postgres://", StringComparison.Ordinal) || store.StartsWith("postgresql://", StringComparison.Ordinal) ? PostgreSql(store) : Sqlite(store);

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
            "INTEGER PRIMARY KEY AUTOINCREMENT",
            LockWriters: null);
    }

    private static SqlDialect PostgreSql(string address)
    {
        var source = new NpgsqlDataSourceBuilder(ConnectionOf(address)).Build();
        return new SqlDialect(() => source.OpenConnection(), "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "SELECT pg_advisory_xact_lock(7238901)");
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
