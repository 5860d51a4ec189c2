using Rlhf.Cli;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

public sealed class TokenizeCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-tokenize-").FullName;

    public TokenizeCommandTests() =>
        BytePairTrainer.Train(["a cat and a hat"], new BytePairTrainerOptions { VocabularySize = 262, SpecialTokens = ["<|end|>"], EndOfSequence = "<|end|>" })
            .Save(_folder);

    [Fact]
    public void Ids_of_a_text_turn_back_into_the_text()
    {
        var (code, json, _) = Run("--model", _folder, "a cat", "--json");
        Assert.Equal(0, code);
        var ids = System.Text.Json.JsonDocument.Parse(json).RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());
        Assert.Equal("a cat\n", Run("--model", _folder, "--decode", string.Join(',', ids)).Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_wrong_id_list_names_the_wrong_part()
    {
        var (code, _, error) = Run("--model", _folder, "--decode", "1,two");
        Assert.Equal(2, code);
        Assert.Contains("'two' is not a token id", error, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = Program.Run(["tokenize", .. args], output, error);
        return (code, output.ToString(), error.ToString());
    }
}
