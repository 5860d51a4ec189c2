using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Collect;

public sealed class RankingFileTests : IDisposable
{
    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static CollectedAnswers Collected(Prompt prompt) => new(
        new PromptRecord("row 1", prompt, new RowPosition("p.jsonl", 1, 1)),
        new EncodedPrompt("row 1", prompt.Text, [1, 7, 8], Truncated: false),
        ["yes.", "no", "no!"], [[5, 6, 2], [9], [9, 3, 2]], [[2], [0, 1]], "gold");

    private static AnswerOrigin Origin { get; } = new(2, "ab12", 64, new SamplingOptions { Temperature = 0.7 });

    [Fact]
    public void Rows_say_which_model_and_settings_they_are_from()
    {
        var file = _temporary.PathOf("rankings.jsonl");
        RankingFile.Write(file, [Collected(Prompt.FromText("why?"))], Origin);

        var row = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(file))!;
        Assert.Equal((2, "ab12", 0.7), ((int)row["round"]!, (string)row["model_hash"]!, (double)row["sampling"]!["temperature"]!));
    }

    [Fact]
    public void The_tokens_that_were_sampled_come_back()
    {
        var file = _temporary.PathOf("rankings.jsonl");
        RankingFile.Write(file, [Collected(Prompt.FromText("why?"))], Origin);

        var ranking = Assert.Single(RankingFile.Read(file));
        Assert.Equal(["1,7,8,5,6,2", "1,7,8,9", "1,7,8,9,3,2"], ranking.Answers.Select(answer => string.Join(',', answer.Tokens)));
        Assert.All(ranking.Answers, answer => Assert.Equal(3, answer.PromptLength));
        Assert.Equal([(2, 0), (2, 1)], ranking.Pairs);
        Assert.Equal([(0, 1)], ranking.Ties);
        Assert.Equal(("why?", "gold"), (ranking.PromptText, ranking.Labeler));
    }

    [Theory]
    [InlineData("""{"prompt": "why?", "motion": "m1"}""", "m1")]
    [InlineData("""{"prompt": "why?", "motion": "m1", "split_group": "other"}""", "m1")]
    [InlineData("""{"messages": [{"role": "user", "content": "why?"}, {"role": "assistant", "content": "so"}, {"role": "user", "content": "go on"}], "motion": 3}""", "3")]
    public void The_group_that_prompts_were_split_by_comes_back(string row, string group)
    {
        var (prompts, file) = (_temporary.Write("prompts.jsonl", row), _temporary.PathOf("rankings.jsonl"));
        var source = new DataSource { Path = [prompts], SplitBy = "motion" };
        RankingFile.Write(file, [Collected(Assert.Single(DataReader.Prompts(source, _temporary.Path, new Ledger("test"))).Prompt)], Origin);
        Assert.Equal(group, Assert.Single(RankingFile.Read(file)).SplitKey);
    }

    [Fact]
    public void Dialogues_that_begin_alike_have_one_key()
    {
        const string Dialogue = """{"messages": [{"role": "user", "content": "why?"}, {"role": "assistant", "content": "so"}, {"role": "user", "content": "go on"}]}""";
        var (prompts, file) = (_temporary.Write("prompts.jsonl", Dialogue), _temporary.PathOf("rankings.jsonl"));
        RankingFile.Write(
            file, [Collected(Assert.Single(DataReader.Prompts(new DataSource { Path = [prompts] }, _temporary.Path, new Ledger("test"))).Prompt)], Origin);
        Assert.Equal("why?", Assert.Single(RankingFile.Read(file)).SplitKey);
    }

    public static TheoryData<string> Prompts =>
        new("""{"prompt": "why?"}""", """{"instruction": "why", "input": "so"}""", """{"messages": [{"role": "user", "content": "why?"}]}""");

    [Theory]
    [MemberData(nameof(Prompts))]
    public void The_rows_are_rankings_to_every_reader(string row)
    {
        var (prompts, file) = (_temporary.PathOf("prompts.jsonl"), _temporary.PathOf("rankings.jsonl"));
        File.WriteAllText(prompts, row + "\n");
        var prompt = Assert.Single(DataReader.Prompts(new DataSource { Path = [prompts] }, _temporary.Path, new Ledger("test"))).Prompt;
        RankingFile.Write(file, [Collected(prompt)], Origin);

        var ranking = Assert.Single(DataReader.Rankings(new DataSource { Path = [file] }, _temporary.Path, new Ledger("test")));
        Assert.Equal(prompt.Text, ranking.Prompt.Text);
        Assert.Equal(["yes.", "no", "no!"], ranking.Responses);
        Assert.Equal([(2, 0), (2, 1)], ranking.Pairs);
        Assert.Equal("gold", ranking.Labeler);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"id":"a","prompt_text":"p","prompt_tokens":[1],"response_tokens":[[2],[3]],"ranking":[[0],[7]]}""")]
    [InlineData("""{"id":"a","prompt_text":"p","prompt_tokens":["x"],"response_tokens":[[2],[3]],"ranking":[[0],[1]]}""")]
    public void A_damaged_row_is_told_with_its_line(string row)
    {
        var file = _temporary.PathOf("rankings.jsonl");
        File.WriteAllText(file, row);

        Assert.StartsWith($"{file}:1:", Assert.Throws<InputException>(() => RankingFile.Read(file).ToList()).Message, StringComparison.Ordinal);
    }
}
