using System.Diagnostics;
using Rlhf.Grading;
using Rlhf.Tests.Cli;

namespace Rlhf.Tests.Grading;

/// <summary>Real programs, that behave and that do not.</summary>
public sealed class ProgramGraderTests : IDisposable
{
    private const string Echo = """
        while IFS= read -r line; do
          id=$(printf '%s' "$line" | sed 's/.*"id":"\([0-9]*\)".*/\1/'); n=$(printf '%s' "$line" | sed 's/.*"answer":"\([0-9]*\)".*/\1/')
          printf '{"id":"%s","score":%s.5}\n' "$id" "$n"
        done
        """;

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [UnixFact]
    public void Every_answer_gets_its_number_batch_after_batch_from_one_process()
    {
        using var grader = Of("echo $$ >> pids\n" + Echo);
        Assert.Equal([1.5f, 2.5f, 3.5f], grader.Grade(Answers(1, 2, 3), default));
        Assert.Equal([4.5f], grader.Grade(Answers(4), default));
        Assert.Empty(grader.Grade([], default));
        Assert.Single(File.ReadAllLines(_temporary.PathOf("pids")));
    }

    [UnixFact]
    public void Replies_may_come_in_any_order_with_ids_as_numbers()
    {
        using var closing = Of("read a; read b; printf '{\"id\":2,\"score\":-2}\\r\\n\\n{\"id\":1,\"score\":1e0}'");
        Assert.Equal([1f, -2f], closing.Grade(Answers(1, 2), default));
    }

    [UnixFact]
    public void Arguments_are_never_read_by_a_shell_and_what_is_asked_is_one_line_of_JSON()
    {
        var options = new RewardSourceOptions
        {
            Program =
            [
                "/bin/sh", "-c",
                "printf '%s\\n' \"$1\" > said; read -r line; printf '%s' \"$line\" > asked; printf '{\"id\":\"1\",\"score\":1}\\n'", "x",
                "$(touch hacked); `touch hacked`",
            ],
            Folder = _temporary.Path,
            Reference = "answer",
        };
        using var grader = new ProgramGrader(options, "ppo.rewards[0]");
        Assert.Equal([1f], grader.Grade([Graded.Answer("a\n\"b\" \u2028 ü", "42")], default));
        Assert.Equal("$(touch hacked); `touch hacked`\n", File.ReadAllText(_temporary.PathOf("said")));
        Assert.False(File.Exists(_temporary.PathOf("hacked")));
        var asked = StrictJson.TryParse(File.ReadAllBytes(_temporary.PathOf("asked")), 8)!.Value;
        Assert.Equal("a\n\"b\" \u2028 ü", asked.GetProperty("answer").GetString());
        Assert.Equal("42", asked.GetProperty("reference").GetString());
        Assert.Equal("q?", asked.GetProperty("prompt").GetString());
    }

    [UnixFact]
    public void One_that_dies_is_started_again_and_asked_for_what_is_missing()
    {
        using var grader = Of($"read first; printf '%s\\n' \"$first\" | ({Echo}); if [ ! -e died ]; then touch died; exit 3; fi; {Echo}");
        Assert.Equal([1.5f, 2.5f, 3.5f], grader.Grade(Answers(1, 2, 3), default));
        Assert.Equal(1, grader.Figures["program_restarts"].Value);
    }

    [UnixFact]
    public void One_that_always_dies_ends_the_run_with_its_last_words()
    {
        var message = Fails("echo 'Traceback: no module named \\033[31mtorch' >&2; exit 7");
        Assert.Contains("ppo.rewards[0].program", message, StringComparison.Ordinal);
        Assert.Contains("exit code 7", message, StringComparison.Ordinal);
        Assert.Contains("no module named", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', message);
        Assert.Contains("for the 3. time", message, StringComparison.Ordinal);
    }

    [UnixFact]
    public void One_that_hangs_is_ended_with_its_children()
    {
        using var grader = Of("sleep 60 & echo $! >> children; wait", timeout: 0.3, restarts: 0);
        Assert.Contains("no number to 1 of 1 answers within 0.3 s", Assert.Throws<RunFailedException>(() => grader.Grade(Answers(1), default)).Message,
            StringComparison.Ordinal);
        var child = int.Parse(File.ReadAllText(_temporary.PathOf("children")), System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(IsGone(child), $"process {child} is still there");
    }

    [UnixFact]
    public async Task One_that_hangs_is_ended_when_the_run_is()
    {
        using var grader = Of("echo $$ > pid; while :; do sleep 1; done", timeout: 600);
        using var cancellation = new CancellationTokenSource();
        var grading = Task.Run(() => grader.Grade(Answers(1), cancellation.Token));
        while (!File.Exists(_temporary.PathOf("pid")) || File.ReadAllText(_temporary.PathOf("pid")).Length == 0)
        {
            await Task.Delay(10);
        }

        var pid = int.Parse(await File.ReadAllTextAsync(_temporary.PathOf("pid")), System.Globalization.CultureInfo.InvariantCulture);
        cancellation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grading);
        Assert.True(IsGone(pid), $"process {pid} is still there");
    }

    [UnixTheory]
    [InlineData("cat /dev/zero", "more than 65536 bytes")]
    [InlineData("yes", "\"y\" where a line")]
    [InlineData("read a; echo 'loading the model...'", "loading the model")]
    [InlineData("read a; echo '[1]'", "where a line")]
    [InlineData("read a; echo '{\"id\":\"1\"}'", "where a line")]
    [InlineData("read a; echo '{\"id\":\"1\",\"score\":1,\"score\":2}'", "where a line")]
    [InlineData("read a; echo '{\"id\":\"1\",\"score\":\"1\"}'", "no finite number")]
    [InlineData("read a; echo '{\"id\":\"1\",\"score\":1e999}'", "no finite number")]
    [InlineData("read a; echo '{\"id\":\"1\",\"score\":1e300}'", "no finite number")]
    [InlineData("read a; echo '{\"id\":\"1\",\"score\":null}'", "no finite number")]
    [InlineData("read a; echo '{\"id\":\"7\",\"score\":1}'", "the id \"7\", which it was not asked for")]
    [InlineData("read a; printf '{\"id\":\"1\",\"score\":1}\\n{\"id\":\"1\",\"score\":2}\\n'; sleep 9", "the id \"1\", which it was not asked for or has scored before")]
    [InlineData("read a; printf '{\"id\":\"1\",\"score\":1\\377}\\n'", "where a line")]
    public void One_that_lies_or_floods_is_refused_with_a_sentence(string script, string message)
    {
        var said = Fails(script);
        Assert.Contains(message, said, StringComparison.Ordinal);
        Assert.True(said.Length < 3_000, $"{said.Length} characters");
    }

    [UnixFact]
    public void One_that_never_reads_does_not_block()
    {
        using var grader = Of("exec sleep 60", timeout: 0.3, restarts: 0);
        Assert.Throws<RunFailedException>(() => grader.Grade([Graded.Answer(new string('x', 1_000_000))], default));
    }

    [UnixFact]
    public void A_flood_of_errors_stays_small()
    {
        var message = Fails("yes error | head -c 1000000 >&2; exit 1");
        Assert.Contains("error", message, StringComparison.Ordinal);
        Assert.True(message.Length < 3_000, $"{message.Length} characters");
    }

    [Fact]
    public void One_that_is_not_there_is_a_mistake_of_the_recipe()
    {
        using var grader = new ProgramGrader(new RewardSourceOptions { Program = ["/no/such/program"] }, "ppo.rewards[0]");
        Assert.Contains("ppo.rewards[0].program: /no/such/program cannot be started",
            Assert.Throws<InputException>(() => grader.Grade(Answers(1), default)).Message, StringComparison.Ordinal);
    }

    private static GradedAnswer[] Answers(params int[] numbers) => [.. numbers.Select(number => Graded.Answer($"{number}"))];

    private ProgramGrader Of(string script, double timeout = 20, int restarts = 2) => new(
        new RewardSourceOptions { Program = ["/bin/sh", "-c", script], Folder = _temporary.Path, TimeoutSeconds = timeout, Restarts = restarts },
        "ppo.rewards[0]");

    private string Fails(string script)
    {
        using var grader = Of(script);
        return Assert.Throws<RunFailedException>(() => grader.Grade(Answers(1, 2), default)).Message;
    }

    // A process that was ended may stay for a moment as a zombie, until its parent has looked.
    private static bool IsGone(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return process.WaitForExit(5_000);
        }
        catch (ArgumentException)
        {
            return true;
        }
    }
}
