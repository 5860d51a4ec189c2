using Rlhf.Cli;
using static Rlhf.Tests.Cli.CommandProcess;

namespace Rlhf.Tests.Cli;

/// <summary>What only a process shows. None of it ends in a stack trace.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [UnixTheory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_command_without_a_checkpoint_ends_at_the_first_signal(string signal, int expected)
    {
        var pipe = Path.Combine(_folder.Path, "pipe");
        Shell("mkfifo pipe", _folder.Path);
        var process = Start(_folder.Path, "plan", "pipe");
        using var writer = new FileStream(pipe, FileMode.Open, FileAccess.Write); // opens when the command reads, which it then does for ever
        Signal(process, signal);

        var (code, output, error) = EndOf(process);
        Assert.Equal((expected, "", ""), (code, output, error));
    }

    [UnixTheory]
    [InlineData("tokenize --model model < /dev/zero", "standard input: it is longer than")]
    [InlineData("generate --model model --prompts - < /dev/zero", "standard input: it is longer than")]
    [InlineData("tokenize --model model < latin1.txt", "standard input: expected UTF-8, found the byte 0xFC, which is byte 2 of the text")]
    [InlineData("label --store s.db --instructions latin1.txt", "--instructions: latin1.txt: expected UTF-8, found the byte 0xFC, which is byte 2 of the text")]
    public void What_is_given_without_end_or_is_not_UTF8_is_refused(string arguments, string expected)
    {
        using var models = new TinyModels();
        var model = models.Language("model");
        _folder.Write("latin1.txt", [.. "gr"u8, 0xFC, .. "n"u8]);
        var (code, _, error) = Shell($"{ShellCommand} {arguments.Replace("--model model", $"--model '{model}'", StringComparison.Ordinal)}", _folder.Path);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [UnixTheory]
    [InlineData("HUP")]
    [InlineData("TERM")]
    public void A_run_writes_a_checkpoint_at_the_first_signal_and_says_how_to_go_on(string signal)
    {
        _folder.Write("rows.jsonl", string.Join('\n', Enumerable.Range(0, 40).Select(i => $$"""{"prompt": "Name number {{i}}.", "response": "It is {{i}}."}""")));
        _folder.Write("long.yaml", """
            name: long
            base:
              shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
              train_tokenizer: {vocabulary_size: 300}
            data: {demonstrations: {path: rows.jsonl}}
            sft: {epochs: 1000000, batch: 4, keep_best: none}
            """);
        var run = Path.Combine(_folder.Path, "run");
        var process = Start(_folder.Path, "run", "long.yaml", "--out", "run", "--quiet");
        SpinWait.SpinUntil(() => process.HasExited || (File.Exists(Path.Combine(run, "metrics.jsonl")) && new FileInfo(Path.Combine(run, "metrics.jsonl")).Length > 0));
        Signal(process, signal);

        var (code, _, error) = EndOf(process);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("go on with: rlhf run --resume --out run", error, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetDirectories(Path.Combine(run, "stages", "01-sft", "checkpoints")));
    }

    [UnixFact]
    public void What_was_read_from_standard_input_does_not_stay_behind_after_a_signal()
    {
        using var models = new TinyModels();
        var process = Start(_folder.Path, "generate", "--model", models.Language("model"), "--prompts", "-");
        SpinWait.SpinUntil(() => Directory.EnumerateDirectories(_folder.Path, "rlhf-*").Any() || process.HasExited);
        Signal(process, "TERM");

        Assert.Equal(143, EndOf(process).Code);
        Assert.Empty(Directory.EnumerateDirectories(_folder.Path, "rlhf-*"));
    }

    [UnixFact]
    public void A_reader_that_has_gone_ends_the_command_without_a_word()
    {
        var (_, output, error) = Shell($"mkfifo pipe; (exec 9<pipe) & exec 9>pipe; wait; {ShellCommand} recipe >&9; echo code $?", _folder.Path);
        Assert.Equal(($"code {ExitCode.OutputClosed}\n", ""), (output, error));
    }

    [UnixFact]
    public void Standard_output_that_cannot_be_written_is_said_and_is_a_failure()
    {
        var (code, _, error) = Shell($"test -e /dev/full || exit 1; {ShellCommand} recipe >/dev/full", _folder.Path);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Equal(File.Exists("/dev/full") ? "rlhf: results are not complete: standard output cannot be written: the disk is full. Free some space first.\n" : "", error);
    }

    [UnixFact]
    public void Messages_that_cannot_be_written_change_nothing_else() =>
        Assert.Equal(ExitCode.BadInput, Shell($"{ShellCommand} recip 2>&-", _folder.Path).Code);

    [UnixFact]
    public void A_current_folder_that_is_gone_is_named()
    {
        var (code, _, error) = Shell($"mkdir gone; cd gone; rmdir ../gone; {ShellCommand} data check rows.jsonl", _folder.Path);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.StartsWith("rlhf: the current folder is not there any more", error, StringComparison.Ordinal);
    }
}
