using Rlhf.Cli;
using Rlhf.World;
using static Rlhf.Tests.Cli.TinyModels;

namespace Rlhf.Tests.Cli;

public sealed class ArenaCommandTests : IDisposable
{
    private readonly TinyModels _models = new();

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _models.Dispose();
    }

    private string Store(string name) => Path.Combine(_models.Path, name);

    /// <summary>Runs a command until its page is there.</summary>
    private static (int Code, string Error) Serve(params string[] args)
    {
        using var cancellation = new CancellationTokenSource();
        using var error = new ErrorWriter(cancellation);
        return (Program.Run([.. args, "--port", "0"], TextWriter.Null, error, cancellation.Token), error.ToString());
    }

    private sealed class ErrorWriter(CancellationTokenSource cancellation) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.Contains("ranking page at", StringComparison.Ordinal) == true)
            {
                cancellation.Cancel();
            }
        }
    }

    [Fact]
    public void Both_models_answer_every_prompt_once_and_a_second_time_adds_nothing()
    {
        var prompts = _models.Write("prompts.txt", "Name a fruit.", "Name a colour.", "Name a fruit.", "An apple is");
        string[] arena =
        [
            "arena",
            "--model",
            $"one={_models.Language("a", 1)}",
            "--model",
            $"two={_models.Language("b", 2)}",
            "--prompts",
            prompts,
            "--max-tokens",
            "8",
            "--store",
            Store("arena.db"),
            "--overlap",
            "2",
        ];
        var (code, error) = Serve(arena);
        Assert.True(code == ExitCode.Success, error);
        Assert.Contains("3 new pairs, 0 that were there already", error, StringComparison.Ordinal);
        Assert.Contains("0 new pairs, 3 that were there already", Serve(arena).Error, StringComparison.Ordinal);

        var found = Json("arena", "results", "--store", Store("arena.db"), "--json").GetProperty("arenas")[0];
        Assert.Equal(
            ("one", "two", 3), (found.GetProperty("model").GetString(), found.GetProperty("versus").GetString(), found.GetProperty("prompts").GetInt32()));
        Assert.Contains("one against two: 3 prompts", Run("arena", "results", "--store", Store("arena.db")).Output, StringComparison.Ordinal);
        var row = JsonLines("label", "export", "--everything", "--store", Store("arena.db"))[0];
        Assert.Equal(("one against two", 2), (row.GetProperty("round").GetString(), row.GetProperty("model_hashes").GetArrayLength()));
        Assert.Equal(8, row.GetProperty("sampling").GetProperty("max_new_tokens").GetInt32());
    }

    [Theory]
    [InlineData(null, 12)]
    [InlineData("1", 4)]
    [InlineData("2", 8)]
    public void Of_three_models_pairs_meet_equally_often(string? pairs, int tasks)
    {
        var prompts = _models.Write("prompts.txt", "Name a fruit.", "Name a colour.", "An apple is", "Two and two are");
        string[] models = [.. "abc".SelectMany((name, i) => (string[])["--model", $"{name}={_models.Language($"{name}", (ulong)i + 1)}"])];
        string[] chosen = pairs is null ? [] : ["--pairs", pairs];
        var (code, error) = Serve(["arena", .. models, .. chosen, "--prompts", prompts, "--max-tokens", "4", "--store", Store("three.db")]);
        Assert.True(code == ExitCode.Success, error);
        var rows = JsonLines("label", "export", "--everything", "--store", Store("three.db"));
        Assert.Equal(tasks, rows.Length);
        var met = rows.CountBy(row => row.GetProperty("round").GetString()!).Select(pair => pair.Value).ToList();
        Assert.Equal(3, met.Count);
        Assert.InRange(met.Max() - met.Min(), 0, 1);
    }

    [Fact]
    public void A_model_against_itself_is_all_ties()
    {
        var (model, prompts) = (_models.Language("a"), _models.Write("prompts.txt", "Name a fruit.", "Name a colour."));
        var (_, error) =
            Serve("arena", "--model", $"x={model}", "--model", $"y={model}", "--prompts", prompts, "--max-tokens", "8", "--store", Store("same.db"));
        Assert.Contains("2 have the same answer twice", error, StringComparison.Ordinal);
        Assert.Equal(2, Json("arena", "results", "--store", Store("same.db"), "--json").GetProperty("arenas")[0].GetProperty("identical").GetInt32());
    }

    [Fact]
    public void What_is_missing_or_twice_there_is_said()
    {
        var (model, prompts) = (_models.Language("a"), _models.Write("prompts.txt", "Name a fruit.", "Name a colour."));
        Assert.Contains(
            "two or more models, and prompts", Run("arena", "--model", model, "--prompts", prompts, "--store", Store("x.db")).Error, StringComparison.Ordinal);
        Assert.Contains(
            "called 'a'", Run("arena", "--model", model, "--model", model, "--prompts", prompts, "--store", Store("x.db")).Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.BadInput, Run("arena", "results", "--store", Store("x.db")).Code); // there is no such store
        Assert.Equal(ExitCode.Success, Run("label", "users", "add", "ann", "--store", Store("empty.db")).Code);
        Assert.Contains("no arena", Run("arena", "results", "--store", Store("empty.db")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Others_are_not_let_in_before_there_is_an_owner()
    {
        var (code, error) = Serve("label", "--store", Store("x.db"), "--host", "0.0.0.0");
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("rlhf label users add NAME --role owner", error, StringComparison.Ordinal);
        Run("label", "users", "add", "me", "--role", "owner", "--store", Store("x.db"));
        Assert.Equal(ExitCode.Success, Serve("label", "--store", Store("x.db"), "--host", "0.0.0.0").Code);
    }
}
