using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;

namespace Rlhf.Web.Labeling;

/// <summary>Why a database refuses, as words for a person; what it says itself stands behind them at most.</summary>
internal static partial class StoreFailure
{
    /// <summary>SQLite's number for a disk that is full.</summary>
    public const int DiskFull = 13;

    /// <summary>SQLite's number for a disk that fails.</summary>
    public const int DiskError = 10;

    /// <summary>The words, without a full stop.</summary>
    public static string ReasonOf(Exception failure) => failure switch
    {
        SqliteException sqlite => OfSqlite(sqlite),
        DbException => $"the server refuses ({FailureText.Of(failure)})",
        _ => FailureText.Of(failure),
    };

    /// <summary>The tables that a statement names.</summary>
    public static string TablesOf(string sql)
    {
        string[] tables = [.. Tables().Matches(sql).Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal)];
        return tables.Length == 0 ? "" : $" (table{(tables.Length > 1 ? "s" : "")} {string.Join(", ", tables)})";
    }

    private static string OfSqlite(SqliteException failure) => failure.SqliteErrorCode switch
    {
        1 => "its tables are not those of a store",
        5 or 6 => "another program holds it, and did not let go within half a minute. End that program or wait for it",
        8 => "it may not be written: see who owns the file and its folder, and whether the disk is read-only",
        DiskError when failure.SqliteExtendedErrorCode != 522 => "the disk reports an error. It may be failing: copy what you need to another one",
        DiskError => "the file ends too soon",
        11 => "what stands in the file is damaged",
        DiskFull => "the disk is full. Free some space first",
        14 => "the file cannot be opened: does its folder exist, and may you read and write there?",
        20 or 24 or 26 => "the file is no SQLite file, or its beginning is damaged",
        _ => FailureText.Of(failure),
    };

    [GeneratedRegex(@"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+([a-z_]+)")]
    private static partial Regex Tables();
}
