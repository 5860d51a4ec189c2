using System.Net;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Rlhf.Cli;
using Rlhf.Web.Labeling;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>A store in which something stands that this program did not write: each command says so by a sentence with the store and the table, and goes on with none of it.</summary>
public sealed class DamagedStoreTests : IDisposable
{
    private static readonly string[] Commands = ["label export", "label export --everything", "label users list", "arena results"];
    private static readonly object?[] Values = ["garbage", "", "{}", "[]", "null", "\"text\"", "[[9]]", 9e300, -7L, new byte[] { 0xFF, 0x00, 0xFE }, null];

    private readonly string folder = Directory.CreateTempSubdirectory("rlhf-damaged-").FullName;

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("settings", "value")]
    [InlineData("rounds", "name")]
    [InlineData("contents", "content")]
    [InlineData("users", "name")]
    [InlineData("users", "role")]
    [InlineData("users", "revoked_at")]
    [InlineData("rankings", "judgement")]
    [InlineData("rankings", "order_shown")]
    [InlineData("rankings", "seconds")]
    [InlineData("rankings", "revision")]
    [InlineData("rankings", "created_at")]
    [InlineData("rankings", "adjudication")]
    [InlineData("tasks", "arena")]
    [InlineData("schema_version", "version")]
    public void A_damaged_cell_ends_every_command_with_a_sentence_that_names_the_store(string table, string column)
    {
        var whole = MakeStore();
        var refused = 0;
        for (var i = 0; i < Values.Length; i++)
        {
            var path = Path.Combine(folder, $"damaged{i}.db");
            File.Copy(whole, path);
            Damage(path, table, column, Values[i]);
            foreach (var command in Commands)
            {
                var (code, _, error) = Run([.. command.Split(' '), "--store", path]);
                Assert.True(code is 0 or 2, $"{command}, {Values[i]}: {code} {error}");
                refused += code == 2 ? 1 : 0;
                if (code == 2 && !error.Contains("has no arena", StringComparison.Ordinal))
                {
                    Assert.True(error.Contains(path, StringComparison.Ordinal) && error.Contains(table, StringComparison.Ordinal), $"{command}, {Values[i]}: {error}");
                }

                Assert.DoesNotContain("System.", error, StringComparison.Ordinal);
                Assert.DoesNotContain("SQLite Error", error, StringComparison.Ordinal);
            }
        }

        Assert.True(refused > 0 || (table, column) is ("users", "role" or "revoked_at" or "name") or ("rounds", _) or ("tasks", _) or ("settings", _) or ("rankings", "adjudication"), "nothing was noticed");
    }

    [Theory]
    [InlineData("malformed")]
    [InlineData("not a database")]
    public void What_SQLite_says_itself_is_put_into_words(string kind)
    {
        var path = MakeStore();
        var bytes = File.ReadAllBytes(path);
        if (kind == "malformed")
        {
            bytes.AsSpan(4096).Fill(0xAA);
        }
        else
        {
            bytes.AsSpan(0, 64).Fill(0xAA);
        }

        File.WriteAllBytes(path, bytes);
        foreach (var command in Commands.Append("label users add ann"))
        {
            var (code, _, error) = Run([.. command.Split(' '), "--store", path]);
            Assert.Equal(2, code);
            Assert.Contains(path, error, StringComparison.Ordinal);
            Assert.DoesNotContain("SQLite Error", error, StringComparison.Ordinal);
            Assert.DoesNotContain("malformed", error, StringComparison.Ordinal);
            Assert.DoesNotContain("not a database", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_store_that_another_program_holds_is_said_to_be_held() =>
        Assert.StartsWith("another program holds it", StoreFailure.ReasonOf(new SqliteException("SQLite Error 5: 'database is locked'.", 5)), StringComparison.Ordinal);

    [Theory]
    [InlineData("label", 65536)]
    [InlineData("label", -1)]
    [InlineData("label", 99999)]
    public void A_port_that_there_cannot_be_is_refused_before_a_store_is_made(string command, int port)
    {
        var path = Path.Combine(folder, "x.db");
        var (code, _, error) = Run([command, "--store", path, $"--port={port}"]);
        Assert.Equal(2, code);
        Assert.Contains("--port", error, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_port_in_use_is_named_with_what_to_do()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (code, _, error) = Run("label", "--store", MakeStore(), $"--port={port}");
        Assert.Equal(2, code);
        Assert.Contains("The server cannot listen", error, StringComparison.Ordinal);
        Assert.Contains("in use", error, StringComparison.Ordinal);
        Assert.Contains("Choose another --port", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_privileged_port_is_named_with_what_to_do()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            return;
        }

        var (code, _, error) = Run("label", "--store", MakeStore(), "--port=1");
        Assert.Equal(2, code);
        Assert.Contains("Choose another --port", error, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = Program.Run(args, output, error);
        SqliteConnection.ClearAllPools();
        return (code, output.ToString(), error.ToString());
    }

    private string MakeStore()
    {
        var path = Path.Combine(folder, "rankings.db");
        var store = RankingStore.Open(path);
        store.Import([.. TestStore.Rows(2), TestStore.Arena("Which?", "one", "two")]);
        store.Change(settings => settings);
        var user = store.LocalUser();
        while (store.Next(user, []) is { } task)
        {
            store.Submit(user, new Submission(task.Id, $"key number {task.Id}", new Judgement { Tiers = [.. Enumerable.Range(0, task.Responses.Count).Select(i => (IReadOnlyList<int>)[i])] }, 1));
        }

        SqliteConnection.ClearAllPools();
        return path;
    }

    private static void Damage(string path, string table, string column, object? value)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        // Also what the schema does not allow, as a damaged page would have it.
#pragma warning disable CA2100 // Names of this test's own.
        command.CommandText = $"PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = '{table}'; PRAGMA writable_schema = RESET;";
        command.ExecuteNonQuery();
        command.CommandText = $"UPDATE {table} SET {column} = @value WHERE rowid = (SELECT max(rowid) FROM {table})";
#pragma warning restore CA2100
        command.Parameters.AddWithValue("@value", value ?? DBNull.Value);
        command.ExecuteNonQuery();
    }
}
