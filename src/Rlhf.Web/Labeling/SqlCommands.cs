using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>Statements with named parameters over any database; a parameter never becomes part of the statement's text.</summary>
internal static class SqlCommands
{
    /// <summary>Does something; the number of rows that changed.</summary>
    public static int Execute(this DbConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Create(connection, sql, parameters);
        try
        {
            return command.ExecuteNonQuery();
        }
        catch (SqliteException exception) when (IsDamage(exception))
        {
            throw Damaged(connection, sql, exception);
        }
    }

    /// <summary>The rows that a query finds.</summary>
    public static List<T> Query<T>(this DbConnection connection, string sql, Func<DbDataReader, T> map, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Create(connection, sql, parameters);
        try
        {
            using var reader = command.ExecuteReader();
            List<T> rows = [];
            while (reader.Read())
            {
                rows.Add(map(reader) ?? throw new JsonException("null where a value is needed"));
            }

            return rows;
        }
        catch (SqliteException exception) when (IsDamage(exception))
        {
            throw Damaged(connection, sql, exception);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or InvalidCastException or FormatException or OverflowException or ArgumentException or NullReferenceException)
        {
            // What stands in a column is not what this program writes there.
            throw Damaged(connection, sql, exception);
        }
    }

    /// <summary>A number that is always there: a count, or the number of a new row.</summary>
    public static long Number(this DbConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters) =>
        connection.Query(sql, reader => reader.GetInt64(0), parameters)[0];

    /// <summary>What stands as JSON in a column.</summary>
    public static T FromJson<T>(this DbDataReader reader, int column) => JsonSerializer.Deserialize<T>(reader.GetString(column), WebJson.Options) ?? throw new JsonException("null where a value is needed");

    /// <summary>A text, or null.</summary>
    public static string? TextOrNull(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    // SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_MISMATCH; SQLITE_ERROR: the statements are right, so tables or columns are not there; SQLITE_IOERR_SHORT_READ.
    private static bool IsDamage(SqliteException exception) => exception.SqliteErrorCode is 1 or 11 or 20 or 24 or 26 || exception.SqliteExtendedErrorCode == 522;

    private static InputException Damaged(DbConnection connection, string sql, Exception exception) => new(
        $"the store{(connection is SqliteConnection ? $" {connection.DataSource}" : "")} is damaged, or was changed by something else{StoreFailure.TablesOf(sql)}: {StoreFailure.ReasonOf(exception)}. Go on with a copy from before; 'sqlite3 STORE .recover' may save what is left.", exception);

    private static DbCommand Create(DbConnection connection, string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Every statement is a constant of this program.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }

        return command;
    }
}
