using System.Text;
using Rlhf.Hub;

namespace Rlhf.Tests.Hub;

/// <summary>Subsets and splits of data sets.</summary>
public sealed class HubSplitsTests
{
    private const string Card = """
        ---
        license: mit
        configs:
        - config_name: main
          default: true
          data_files:
          - split: train
            path: main/train-*.parquet
          - split: test
            path: [main/test.parquet, main/more.parquet]
        - config_name: socratic
          data_files: socratic/*.parquet
        ---
        # A data set
        """;

    private static readonly string[] Files =
        ["main/train-00000-of-00001.parquet", "main/test.parquet", "main/more.parquet", "socratic/rows.parquet"];

    [Theory]
    [InlineData("?split=train", "main/train-*.parquet")]
    [InlineData("?split=test", "main/test.parquet main/more.parquet")]
    [InlineData("?subset=main", "main/train-*.parquet")]
    [InlineData("?subset=main&split=test", "main/test.parquet main/more.parquet")]
    [InlineData("?subset=socratic", "socratic/*.parquet")]
    public void The_head_of_the_card_says_which_files_are_meant(string part, string expected) =>
        Assert.Equal(expected.Split(' '), HubSplits.Patterns(HubName.Parse("hf://datasets/org/name" + part), Card, Files));

    [Theory]
    [InlineData("?split=train", "data/train-00000.parquet rows/other.jsonl")]
    [InlineData("?split=test", "data/test-00000.parquet eval/more.jsonl")]
    [InlineData("?split=validation", "data/dev.jsonl")]
    [InlineData("?subset=eval", "eval/more.jsonl")]
    public void Without_it_names_of_files_and_folders_do(string part, string expected)
    {
        string[] files = ["data/train-00000.parquet", "data/test-00000.parquet", "data/dev.jsonl", "eval/more.jsonl", "rows/other.jsonl"];
        foreach (var card in (string?[])[null, "# No head", "---\nconfigs: 3\n---\n", "---\n{broken\n---\n"])
        {
            Assert.Equal(expected.Split(' '), HubSplits.Patterns(HubName.Parse("hf://datasets/org/name" + part), card, files));
        }
    }

    [Theory]
    [InlineData("?split=dev", "there is no split 'dev'; there is test, train.")]
    [InlineData("?subset=other", "there is no subset 'other'; name one: ?subset=main, ?subset=socratic.")]
    public void What_is_not_there_is_named_with_what_is(string part, string words) => Assert.Contains(
        words, Assert.Throws<InputException>(() => HubSplits.Patterns(HubName.Parse("hf://datasets/org/name" + part), Card, Files)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_part_that_is_none_is_no_name()
    {
        Assert.Equal("hf://datasets/org/name@v1?subset=a&split=b", HubName.Parse("hf://datasets/org/name@v1?subset=a&split=b").Full);
        Assert.Throws<InputException>(() => HubName.Parse("hf://datasets/org/name?part=a"));
        Assert.Throws<InputException>(() => HubName.Parse("hf://org/name?split=train"));
        Assert.Equal("data/?.jsonl", HubName.Parse("hf://datasets/org/name/data/?.jsonl").File);
    }

    [Fact]
    public void A_split_is_fetched_and_nothing_else()
    {
        using var server = new HubServer();
        server.Add("datasets/org/name", HubServer.Commit, [("README.md", Encoding.UTF8.GetBytes(Card)), .. Files.Select(file => (file, Encoding.UTF8.GetBytes(file)))]);
        HubFiles.Access = new HubAccess(server.Settings);
        var copies = HubFiles.Data("hf://datasets/org/name?split=test")!;
        Assert.Equal(["main/more.parquet", "main/test.parquet"], copies.Select(copy => File.ReadAllText(copy.Path)).Order(StringComparer.Ordinal));
        Assert.All(copies, copy => Assert.StartsWith($"hf://datasets/org/name@{HubServer.Commit}/main/", copy.Name, StringComparison.Ordinal));
        Assert.DoesNotContain(server.Requests, request => request.Path.Contains("main/train", StringComparison.Ordinal));
    }
}
