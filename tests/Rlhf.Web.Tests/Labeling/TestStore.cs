using Npgsql;
using Rlhf.Data;
using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>A clock that stands still until it is told.</summary>
internal sealed class TestClock : TimeProvider
{
    private DateTimeOffset _now = new(2026, 1, 5, 9, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(TimeSpan time) => _now += time;
}

/// <summary>A fresh store of either kind, deleted at the end. PostgreSQL where RLHF_POSTGRES names a server:
/// postgres://user:password@host:port/database.</summary>
internal sealed class TestStore : IDisposable
{
    public const string Sqlite = "SQLite";
    public const string PostgreSql = "PostgreSQL";

    private static readonly string? Server = Environment.GetEnvironmentVariable("RLHF_POSTGRES");

    private readonly string _name = $"rlhf_{Guid.NewGuid():N}";
    private readonly string _kind;

    public TestStore(string kind)
    {
        _kind = kind;
        Address = kind == Sqlite ? Path.Combine(Path.GetTempPath(), $"{_name}.db") : $"{Server![..Server!.LastIndexOf('/')]}/{_name}";
        OnServer($"CREATE DATABASE {_name}");
        Store = Open();
    }

    /// <summary>The kinds of stores that can be tested here.</summary>
    public static TheoryData<string> Kinds => Server is null ? [Sqlite] : [Sqlite, PostgreSql];

    public string Address { get; }

    public TestClock Clock { get; } = new();

    public RankingStore Store { get; }

    public RankingStore Open() => RankingStore.Open(Address, Clock, new Random(1));

    public void Dispose()
    {
        if (_kind == Sqlite)
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            foreach (var suffix in (string[])["", "-wal", "-shm"])
            {
                File.Delete(Address + suffix);
            }
        }

        OnServer($"DROP DATABASE {_name} WITH (FORCE)");
    }

    /// <summary>Rows of prompts with K answers each.</summary>
    public static IEnumerable<ImportRow> Rows(int prompts, int answers = 3, string round = "1") =>
        Enumerable.Range(0, prompts).Select(i => Row($"Prompt {i}", [.. Enumerable.Range(0, answers).Select(k => $"Answer {k} to prompt {i}")], round));

    public static ImportRow Row(string prompt, string[] responses, string round = "1", IReadOnlyList<IReadOnlyList<int>>? known = null) => new(
        new AnswerSet(
            round, prompt, [new Message("user", prompt)], responses, new System.Text.Json.Nodes.JsonObject { ["id"] = prompt, ["prompt"] = prompt }, known),
        null, "", [], 0, 0, null, null, false);

    /// <summary>A pair of an arena.</summary>
    public static ImportRow Arena(string prompt, string first, string second, string model = "ppo", string versus = "sft", string round = "1")
    {
        var row = Row(prompt, [first, second], round);
        return row with { Answers = row.Answers with { Models = [model, versus] } };
    }

    public LabelUser User(string name, UserRole role = UserRole.Labeler) => Store.FindByToken(Store.AddUser(name, role))!;

    private void OnServer(string sql)
    {
        if (_kind != PostgreSql)
        {
            return;
        }

        var uri = new Uri(Server!);
        var user = uri.UserInfo.Split(':');
        using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port,
            Username = user[0],
            Password = user.ElementAtOrDefault(1),
            Database = uri.AbsolutePath[1..],
            Pooling = false,
        }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
