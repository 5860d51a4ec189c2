using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class ForeignFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("prompt,response\n\"Name a fruit.\",\"An apple.\"\n", "a table (CSV)")]
    [InlineData("\"prompt\";\"response\"\n\"a\";\"b\"\n", "a table (CSV)")]
    [InlineData("prompt\tresponse\na\tb\n", "a table with tabs (TSV)")]
    [InlineData("{\n  \"prompt\": \"a\",\n  \"response\": \"b\"\n}\n", "a JSON object over several lines")]
    [InlineData("{ \"prompt\": \"a\",\n  \"response\": \"b\" }\n", "a JSON object over several lines")]
    [InlineData("{\"train\": [{\"prompt\": \"a\"}], \"test\": []}", "a JSON object of several lists")]
    [InlineData("{\"prompt\": [\"a\", \"b\"], \"response\": [\"c\", \"d\"]}", "columns instead of rows")]
    [InlineData("{\n  \"prompt\": [\n    \"a\"\n  ]\n}", "columns instead of rows")]
    [InlineData("prompt: a\nresponse: b\n", "YAML or plain text")]
    [InlineData("GGUF\u0003\0\0\0", "a GGUF model")]
    [InlineData("PAR1\u0015\u0004", "not a sound Parquet file")]
    [InlineData("ARROW1\0\0", "not a sound Arrow file")]
    [InlineData("<!DOCTYPE html><html>", "a web page")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS")]
    public void What_is_given_instead_of_rows_is_named_for_what_it_is(string content, string name)
    {
        var error = Assert.Throws<InputException>(() => _folder.Demonstrations(content)).Message;
        Assert.Contains(name, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}")]
    [InlineData("[\n  {\n    \"prompt\": \"a\",\n    \"response\": \"b\"\n  }\n]")]
    [InlineData("\n{\"prompt\": \"a, b\\tc; d\", \"response\": \"b\"}\n")]
    public void Rows_are_rows(string content) => Assert.Single(_folder.Demonstrations(content));

    [Fact]
    public void Texts_alone_are_rows() => Assert.Equal(2, JsonRows.Read(_folder.Write("texts", "\"one, two, three\"\n\"four\"")).Count());

    [Fact]
    public void A_file_in_the_place_of_a_model_folder_is_named() =>
        Assert.Contains("a file that is no GGUF: give the folder", ForeignFile.NamedModel(_folder.Write("model.safetensors", "G"))!, StringComparison.Ordinal);

    [Theory]
    [InlineData("pytorch_model.bin", "pickled weights")]
    [InlineData("q4.gguf", "a GGUF file")]
    [InlineData("model/config.json", "the folder of a stage")]
    [InlineData("snapshots/1/config.json", "a hub's cache")]
    public void A_folder_that_is_no_model_is_named(string content, string words)
    {
        _folder.Write($"given/{content}", "{}");
        Assert.Contains(words, ForeignFile.NamedModel(Path.Combine(_folder.Path, "given"))!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_of_a_hub_is_not_a_path()
    {
        Assert.Contains("hf://org/name-7b", ForeignFile.HubAdvice("org/name-7b", "model"), StringComparison.Ordinal);
        Assert.Contains("hf://datasets/org/rows/FILE", ForeignFile.HubAdvice("org/rows", "dataset"), StringComparison.Ordinal);
        Assert.Empty(ForeignFile.HubAdvice("data/rows.jsonl", "dataset"));
        Assert.Empty(ForeignFile.HubAdvice("/models/name", "model"));
    }
}
