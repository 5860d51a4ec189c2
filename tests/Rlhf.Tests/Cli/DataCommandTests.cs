using Rlhf.Cli;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

public sealed class DataCommandTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Show_prints_the_tokens_ids_and_loss_mask_of_a_row()
    {
        var file = _folder.Write("rows.jsonl", "{\"prompt\":\"x\",\"response\":\"y\"}\n{\"prompt\":\"Q\",\"response\":\"A\"}");
        var (code, output, _) = Run("data", "show", file, "--row", "2", "--model", SavedTokenizer());
        Assert.Equal(ExitCode.Success, code);
        Assert.Equal(
            [
                "demonstration rows.jsonl:2",
                "1 prompt tokens, 3 response tokens, 3 of them in the loss",
                "position   id  loss  token   special",
                "       0   50  .     \"Q\"",
                "       1  222  x     \" \"",
                "       2   34  x     \"A\"",
                "       3    1  x     \"</s>\"  special",
            ],
            output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Show_prints_the_text_where_no_tokenizer_is_given()
    {
        var file = _folder.Write("rows.jsonl", """{"question":"Q\tx","good":"A","bad":"B"}""");
        var (code, output, _) = Run("data", "show", file, "--field", "prompt=question", "--field", "chosen=good", "--field", "rejected=bad", "--format",
            "custom", "--prompt", "Ask: {prompt}\\nA:", "--response", " {response}");
        Assert.Equal(ExitCode.Success, code);
        Assert.Equal("ranking rows.jsonl:1\nbetter > worse: 0 > 1\n[prompt] Ask: Q\\tx\\nA:\n[answer 0]  A\n[answer 1]  B\n", output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Check_prints_what_was_found()
    {
        var file = _folder.Write("rows.jsonl",
            """{"prompt":"Q","responses":["a","bb","c"],"ranking":[[0,1],[2]]}""" + "\n" + """{"prompt":"Q","chosen":"a","rejected":"b","source":"x"}""");
        var (code, output, error) = Run("data", "check", file, _folder.Write("texts.jsonl", "\"text\""));
        Assert.Equal((ExitCode.Success, ""), (code, error));
        Assert.StartsWith($"{file}: 2 rows in, 2 kept, 0 dropped", output, StringComparison.Ordinal);
        Assert.Contains("note: 1 x field not used: source", output, StringComparison.Ordinal);
        Assert.Contains("ranking: 2 rows\ntext: 1 rows\nrankings of 2 answers: 1\nrankings of 3 answers: 1\npairs: 3, ties: 1\n",
            output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_with_a_model_names_what_its_end_token_cuts_and_prints_lengths_in_tokens()
    {
        var file = _folder.Write("rows.jsonl", """{"prompt":"Q","response":"A</s> and more"}""" + "\n" + """{"prompt":"Q","response":"B"}""");
        var (code, output, _) = Run("data", "check", file, "--model", SavedTokenizer(), "--format", "plain");
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("note: 1 x the answer holds the end-of-turn token </s> and is cut there", output, StringComparison.Ordinal);
        Assert.Contains("trained", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_of_an_empty_file_ends_with_code_2()
    {
        var (code, _, error) = Run("data", "check", _folder.Write("rows.jsonl", "\"text\""), _folder.Write("empty.jsonl", ""));
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("empty.jsonl: expected at least one row, found none.", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_takes_fields_and_what_to_ignore()
    {
        var file = _folder.Write("rows.jsonl", """{"question":"Q","answer":"A","score":1}""");
        Assert.Equal(ExitCode.BadInput, Run("data", "check", file, "--fields", "prompt=question,response=answer").Code);
        var (code, output, _) = Run("data", "check", file, "--fields", "prompt=question,response=answer", "--ignore", "score");
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("note: 1 x field ignored as asked: score", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_counts_what_training_would_drop_without_calling_it_bad()
    {
        var (code, output, _) = Run("data", "check", _folder.Write("rows.jsonl", """{"prompt":"Q","chosen":"a","rejected":"a"}"""));
        Assert.Equal(ExitCode.Success, code);
        Assert.Contains("1 x identical answers", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_names_every_bad_row_and_ends_with_code_2()
    {
        var file = _folder.Write("rows.jsonl", "{\"prompt\":\"Q\"}\n{oops\n{\"other\":1}");
        var (code, output, error) = Run("data", "check", file);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("2 x cannot be read", output, StringComparison.Ordinal);
        Assert.Contains($"rlhf: {file}:2:2: expected valid JSON, found 'o'", error, StringComparison.Ordinal);
        Assert.Contains($"rlhf: {file}:3:1: expected the fields of a demonstration", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--row", "9", "there is no row 9; the file has 1, counted from 1.")]
    [InlineData("--format", "markdown", "human_assistant")]
    [InlineData("--field", "prompt", "expected our name = the data's name, as in prompt=question, found 'prompt'.")]
    public void Wrong_options_end_with_code_2(string option, string value, string message)
    {
        var (code, _, error) = Run("data", "show", _folder.Write("rows.jsonl", """{"prompt":"Q"}"""), option, value);
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        var code = Program.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }

    private string SavedTokenizer()
    {
        var folder = Path.Combine(_folder.Path, "tokenizer");
        Directory.CreateDirectory(folder);
        BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 258, SpecialTokens = ["<s>", "</s>"], EndOfSequence = "</s>" }).Save(folder);
        return folder;
    }
}
