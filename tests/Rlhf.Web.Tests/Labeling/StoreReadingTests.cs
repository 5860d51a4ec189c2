using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Rlhf.Cli;
using Rlhf.Labelers.Store;
using Rlhf.World;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>Commands that read a store make none, and need no right to write.</summary>
public sealed class StoreReadingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-store-").FullName;

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (Program.Run(args, output, error), output.ToString(), error.ToString());
    }

    private string MakeStore(string name = "rankings.db")
    {
        var path = Path.Combine(_folder, name);
        var store = RankingStore.Open(path);
        store.Import(TestStore.Rows(2));
        var user = store.LocalUser();
        var task = store.Next(user, [])!;
        store.Submit(user, new Submission(task.Id, "12345678", new Judgement { Tiers = [[0], [1], [2]] }, 1));
        SqliteConnection.ClearAllPools();
        return path;
    }

    [Theory]
    [InlineData("label export --store")]
    [InlineData("label export --everything --store")]
    [InlineData("label users list --store")]
    [InlineData("label users revoke ann --store")]
    [InlineData("arena results --store")]
    public void A_store_that_is_not_there_is_an_error_and_not_made(string command)
    {
        var path = Path.Combine(_folder, "typo.db");
        var (code, output, error) = Run([.. command.Split(' '), path]);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("typo.db: there is no such store", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Theory]
    [InlineData("--role king", "--role: expected labeler or owner, found 'king'.", "users add bob")]
    [InlineData("--public-url label.example", "--public-url: expected an address such as https://label.example.org, found 'label.example'.", "")]
    [InlineData("--overlap some", "as a whole number", "")]
    [InlineData("--lease some", "as a number", "")]
    public void A_wrong_option_is_named_in_plain_words(string option, string expected, string command)
    {
        string[] line = ["label", .. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. option.Split(' '), "--store", Path.Combine(_folder, "x.db")];
        var (code, _, error) = Run(line);
        Assert.Equal(2, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Rlhf.", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_store_that_is_made_is_said_to_be_new()
    {
        var path = Path.Combine(_folder, "new.db");
        Assert.Contains("a new store", Run("label", "users", "add", "ann", "--store", path).Error, StringComparison.Ordinal);
        Assert.Equal("", Run("label", "users", "add", "bob", "--store", path).Error);
    }

    [Fact]
    public void A_file_that_is_no_store_is_an_error_and_stays_as_it_is()
    {
        var path = Path.Combine(_folder, "other.db");
        using (var other = new SqliteConnection($"Data Source={path};Pooling=false"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "CREATE TABLE mine (x INTEGER)";
            command.ExecuteNonQuery();
        }

        var before = File.ReadAllBytes(path);
        var (code, _, error) = Run("label", "export", "--store", path);
        Assert.Equal(2, code);
        Assert.Contains("this is not a store of rankings", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal(2, Run("label", "export", "--store", _folder).Code);
    }

    [Fact]
    public void Reading_changes_nothing_and_sees_what_a_server_has_just_stored()
    {
        var path = MakeStore();
        using var writing = new SqliteConnection($"Data Source={path};Pooling=false"); // As a server does: rankings are in the log beside the file.
        writing.Open();
        var store = RankingStore.Open(path);
        var user = store.LocalUser();
        var task = store.Next(user, [])!;
        store.Submit(user, new Submission(task.Id, "another key", new Judgement { Tiers = [[0, 1], [2]] }, 1));
        var (code, output, _) = Run("label", "export", "--store", path);
        Assert.Equal((0, 2), (code, output.Count(character => character == '\n')));
    }

    [Theory]
    [InlineData("rankings.db")]
    [InlineData("a ?b#c%41é.db")]
    public void A_store_in_a_folder_that_cannot_be_written_is_read(string name)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var path = MakeStore(name);
        File.Delete(path + "-wal");
        File.Delete(path + "-shm");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        File.SetUnixFileMode(
            _folder, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        var (code, output, error) = AsNobody("label", "export", "--store", path);
        Assert.Equal((0, 1), (code, output.Count(character => character == '\n')));
        Assert.Equal("", error);

        // With a log beside it, which such a reader would not see, it is refused.
        File.SetUnixFileMode(
            _folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        File.WriteAllBytes(path + "-wal", new byte[32]);
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        (code, _, error) = AsNobody("label", "export", "--store", path);
        Assert.Equal(2, code);
        Assert.Contains("its last rankings are in", error, StringComparison.Ordinal);
    }

    /// <summary>Root may write everywhere, so the command runs as somebody else where the tests run as root.</summary>
    private static (int Code, string Output, string Error) AsNobody(params string[] args)
    {
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] command = [Environment.ProcessPath!, typeof(Program).Assembly.Location, .. args];
        string[] line = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", .. command] : command;
        start.FileName = line[0];
        foreach (var word in line[1..])
        {
            start.ArgumentList.Add(word);
        }

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
