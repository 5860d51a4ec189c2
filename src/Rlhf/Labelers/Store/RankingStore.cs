using System.Data.Common;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Rlhf.Labelers.Store;

/// <summary>
/// Tasks, labelers and rankings in an SQLite file or a PostgreSQL database. Everything that decides (who gets which task, whether a ranking still counts)
/// happens in one transaction that keeps other writers out, so several servers and commands may work on a store at once. What a method has returned is on the
/// disk.
/// </summary>
public sealed partial class RankingStore
{
    private static readonly JsonSerializerOptions Json = StoreJson.Options;

    // SQLite lets one connection write at a time and lets others poll; within this process they queue instead.
    private readonly Lock _writing = new();
    private readonly SqlDialect _dialect;
    private readonly TimeProvider _clock;
    private readonly Random _random;

    private RankingStore(SqlDialect dialect, TimeProvider clock, Random random) => (_dialect, _clock, _random) = (dialect, clock, random);

    /// <summary>Opens a store; makes it, or brings its schema up to date, where needed.</summary>
    /// <param name="store">A file, or <c>postgres://user:password@host:port/database</c>.</param>
    /// <param name="clock">Tells leases the time.</param>
    /// <param name="random">Shuffles answers.</param>
    /// <exception cref="InputException">It cannot be opened.</exception>
    public static RankingStore Open(string store, TimeProvider? clock = null, Random? random = null)
    {
        return Reaching(store, () =>
        {
            var opened = new RankingStore(SqlDialect.Of(store), clock ?? TimeProvider.System, random ?? Random.Shared);
            opened.IsNew = opened.Write(connection => Migrations.Apply(connection, opened._dialect)) == 0;
            return opened;
        });
    }

    /// <summary>Opens a store that is there, to read: nothing is made, and it may be on a disk that cannot be written.</summary>
    /// <param name="store">As of <see cref="Open"/>.</param>
    /// <exception cref="InputException">There is no store, or it cannot be opened.</exception>
    public static RankingStore OpenToRead(string store)
    {
        var opened = Reaching(store, () => new RankingStore(SqlDialect.ToRead(store), TimeProvider.System, Random.Shared));
        int version;
        try
        {
            version = opened.Read(Migrations.VersionOf);
        }
        catch (Exception exception) when (exception is DbException || exception.InnerException is DbException)
        {
            var reason = StoreFailure.ReasonOf(exception is DbException ? exception : exception.InnerException!);
            throw new InputException($"--store{(SqlDialect.IsServer(store) ? "" : $" {store}")}: this is not a store of rankings ({reason}).", exception);
        }

        // One that an older program made is brought up to date first.
        return version == Migrations.Newest ? opened : Open(store);
    }

    /// <summary>Opens a store that is there, to read and write.</summary>
    /// <param name="store">As of <see cref="Open"/>.</param>
    /// <exception cref="InputException">There is no store, or it cannot be opened.</exception>
    public static RankingStore OpenExisting(string store)
    {
        OpenToRead(store);
        return Open(store);
    }

    private static RankingStore Reaching(string store, Func<RankingStore> open)
    {
        try
        {
            return open();
        }
        catch (Exception exception) when (exception is DbException or System.Net.Sockets.SocketException)
        {
            // An address may hold a password.
            throw new InputException(store.Contains("://", StringComparison.Ordinal)
                ? $"--store: the database cannot be opened: {StoreFailure.ReasonOf(exception)}. Does the server run there, does it know the user and the database, and is the password right (in the address, or in PGPASSWORD)?"
                : $"--store {store}: the store cannot be opened: {StoreFailure.ReasonOf(exception)}.");
        }
    }

    /// <summary>Whether opening it made it.</summary>
    public bool IsNew { get; private set; }

    /// <summary>The settings.</summary>
    public LabelSettings Settings() => Read(SettingsOf);

    /// <summary>Changes settings, from what they are when nobody else writes.</summary>
    public LabelSettings Change(Func<LabelSettings, LabelSettings> change) => Write(connection =>
    {
        var changed = change(SettingsOf(connection)).Checked();
        connection.Execute(
            "INSERT INTO settings (name, value) VALUES ('label', @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            ("value", JsonSerializer.Serialize(changed, Json)));
        return changed;
    });

    private static LabelSettings SettingsOf(DbConnection connection) =>
        connection.Query("SELECT value FROM settings WHERE name = 'label'", reader => reader.FromJson<LabelSettings>(0))
            .SingleOrDefault() ?? new LabelSettings();

    /// <summary>The store's time, in milliseconds of Unix time.</summary>
    public long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    private T Read<T>(Func<DbConnection, T> read) => Understanding(() =>
    {
        using var connection = _dialect.Open();
        return read(connection);
    });

    private void Write(Action<DbConnection> write) => Write(connection =>
    {
        write(connection);
        return true;
    });

    // What stands in a cell was written by this program, unless the file was damaged or edited.
    private static T Understanding<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (exception is JsonException or InvalidCastException or FormatException or OverflowException)
        {
            throw new InputException(
                $"--store: the store holds a value that this program did not write: {FailureText.Of(exception)}. Take a copy from before it was damaged.",
                exception);
        }
    }

    private T InTransaction<T>(DbConnection connection, Func<DbConnection, T> write)
    {
        // An SQLite transaction of this level takes the right to write at its start, so it never has to give up half-way.
        using var transaction = connection.BeginTransaction();
        if (_dialect.LockWriters is { } statement)
        {
            connection.Execute(statement);
        }

        var result = write(connection);
        transaction.Commit();
        return result;
    }

    private T Write<T>(Func<DbConnection, T> write) => Understanding(() =>
    {
        lock (_writing)
        {
            using var connection = _dialect.Open();
            try
            {
                return InTransaction(connection, write);
            }
            catch (SqliteException exception) when (exception.SqliteErrorCode is StoreFailure.DiskFull or StoreFailure.DiskError)
            {
                throw new RunFailedException(
                    $"the store {connection.DataSource} cannot be written: {StoreFailure.ReasonOf(exception)}. Nothing of this is stored.", exception);
            }
        }
    });
}
