using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data.RowForms;

public sealed class RankingTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"prompt":"Q","chosen":"A","rejected":"B"}""", "Q")]
    [InlineData("""{"instruction":"Do","input":"it","output":"x","chosen":"A","rejected":"B"}""", "Instruction: Do\nInput: it\nAnswer:")]
    [InlineData("""{"prompt":"Q","chosen":[{"role":"assistant","content":"A"}],"rejected":[{"role":"assistant","content":"B"}]}""", "Q")]
    [InlineData("""{"chosen":"\n\nHuman: Q\n\nAssistant: A","rejected":"\n\nHuman: Q\n\nAssistant: B"}""", "\n\nHuman: Q\n\nAssistant:")]
    [InlineData("""{"chosen":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"Q"},{"role":"assistant","content":"B"}]}""", "\n\nHuman: Q\n\nAssistant:")]
    public void Every_form_of_a_comparison_is_a_ranking_of_two(string row, string prompt)
    {
        var ranking = Assert.Single(_folder.Rankings(row));
        Assert.Equal(prompt, ranking.Prompt.Text);
        Assert.Equal(["A", "B"], ranking.Responses);
        Assert.Equal([(0, 1)], ranking.Pairs);
        Assert.Empty(ranking.Ties);
        Assert.Equal((null, 1.0, null), (ranking.Labeler, ranking.Weight, ranking.Margins));
    }

    [Fact]
    public void Transcripts_part_at_the_last_mark_of_the_assistant_that_they_share()
    {
        var ranking = Assert.Single(_folder.Rankings(
            """{"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: same start, A","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: same start, B\n\nAssistant: more"}"""));
        Assert.Equal("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", ranking.Prompt.Text);
        Assert.Equal(["same start, A", "same start, B\n\nAssistant: more"], ranking.Responses);
        Assert.Equal([new("user", "a"), new("assistant", "b"), new("user", "c")], ranking.Prompt.Messages);
    }

    [Theory]
    [InlineData("""{"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssistant: x"}""",
        "1:11: expected transcripts that differ in their last answer only, found another turn behind the place where they part")]
    [InlineData("""{"chosen":"\n\nHuman: a\n\nAssistant: x","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d"}""",
        "1:53: expected transcripts that differ in their last answer only, found another turn behind the place where they part")]
    [InlineData("""{"chosen":"\n\nHuman: a\n\nAssitant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssitant: b\n\nHuman: c\n\nAssistant: e"}""", "1:11: expected turns that begin with Human:, Assistant: or System:, found \"Assitant:\"")]
    [InlineData("""{"prompt":"\n\nHumam: a\n\nHuman: b\n\nAssistant:","chosen":"A","rejected":"B"}""",
        "1:11: expected turns that begin with Human:, Assistant: or System:, found \"Humam:\"")]
    [InlineData("""{"prompt":"\n\nHuman: a\n\nHumna: b\n\nAssistant:","chosen":"A","rejected":"B"}""",
        "1:11: expected turns that begin with Human:, Assistant: or System:, found \"Humna:\"")]
    [InlineData("""{"prompt":"\n\nHuman: Who lives there?\n\nHumans: 3\n\nHumor: none\n\nAssistant:","chosen":"A","rejected":"B"}""", null)]
    public void Transcripts_are_compared_by_turns(string row, string? error)
    {
        if (error is null)
        {
            Assert.Single(_folder.Rankings(row));
        }
        else
        {
            Assert.Equal("rows.jsonl:" + error, Assert.Throws<InputException>(() => _folder.Rankings(row)).Message);
        }
    }

    [Theory]
    [InlineData("""[[0,1],[1,2],[2,0]]""", true)]
    [InlineData("""[[3,0],[0,1],[1,2],[2,0]]""", true)]
    [InlineData("""[[0,1],[1,2],[0,2],[0,3]]""", false)]
    public void Preferences_that_go_in_a_circle_are_kept_and_named(string pairs, bool isCircle)
    {
        Assert.Single(_folder.Rankings($$"""{"prompt":"Q","responses":["a","b","c","d"],"pairs":{{pairs}}}"""));
        Assert.Equal(isCircle, _folder.Ledger.ToText().Contains("note: 1 x preferences that go in a circle", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"score_chosen\":9,\"score_rejected\":2", null)]
    [InlineData("\"score_chosen\":2,\"score_rejected\":9.5", "chosen has the lower score; the fields' names decide")]
    [InlineData("\"chosen_score\":-1,\"rejected_score\":-1.0", "chosen and rejected have the same score; the fields' names decide")]
    public void Scores_that_contradict_chosen_and_rejected_are_named(string scores, string? note)
    {
        Assert.Equal([(0, 1)], Assert.Single(_folder.Rankings($$"""{"prompt":"Q","chosen":"a","rejected":"b",{{scores}}}""")).Pairs);
        Assert.Equal(note is not null, _folder.Ledger.ToText().Contains($"note: 1 x {note ?? "chosen"}", StringComparison.Ordinal));
    }

    [Fact]
    public void Answers_that_call_tools_are_turns()
    {
        var ranking = Assert.Single(_folder.Rankings(
            """{"prompt":[{"role":"user","content":"Q"}],"tools":[{"name":"f"}],"chosen":[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f"}}]}],"rejected":[{"role":"assistant","content":"No."}]}"""));
        Assert.Equal("""{"tool_calls":[{"function":{"name":"f"}}]}""", ranking.Answer(0).OtherFields);
        Assert.Equal(Message.FromAssistant("No."), ranking.Answer(1));
        Assert.Equal("""[{"name":"f"}]""", ranking.Prompt.Tools);
    }

    [Fact]
    public void Tiers_become_all_their_pairs_and_ties()
    {
        var ranking =
            Assert.Single(_folder.Rankings("""{"id":"r","prompt":"Q","responses":["a","b","c","d"],"ranking":[[2],[0,3],[1]],"labeler":12,"weight":0.5}"""));
        Assert.Equal([(0, 1), (2, 0), (2, 1), (2, 3), (3, 1)], ranking.Pairs.Order());
        Assert.Equal([(0, 3)], ranking.Ties);
        Assert.Equal(("r", "12", 0.5), (ranking.Id, ranking.Labeler, ranking.Weight));
    }

    [Fact]
    public void Pairs_may_be_intransitive_and_have_margins()
    {
        var ranking = Assert.Single(_folder.Rankings("""{"prompt":"Q","responses":["a","b","c"],"pairs":[[0,1],[1,2],[2,0]],"margins":[1,0,2.5],"ties":[]}"""));
        Assert.Equal([(0, 1), (1, 2), (2, 0)], ranking.Pairs);
        Assert.Equal([1, 0, 2.5], ranking.Margins);
    }

    [Theory]
    [InlineData("""{"prompt":"Q","responses":["a"],"ranking":[[0]]}""", "1:27: expected 2 to 64 answers, found an array of 1")]
    [InlineData("""{"prompt":"Q","responses":["a","b"]}""",
        "1:1: expected a ranking of the responses (the field ranking, or pairs and ties), found an object with prompt, responses")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0],[2]]}""", "1:53: expected the number of an answer, 0 to 1, found the number 2")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0],[-1]]}""", "1:53: expected the number of an answer, 0 to 1, found the number -1")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0],[1e0]]}""", "1:53: expected the number of an answer, 0 to 1, found the number 1e0")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0],[99999999999999999999]]}""",
        "1:53: expected the number of an answer, 0 to 1, found the number 99999999999999999999")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0,1],[0]]}""", "1:55: expected every answer once, found 0 again")]
    [InlineData("""{"prompt":"Q","responses":["a","b","c"],"ranking":[[0],[2]]}""", "1:51: expected every answer in a tier, found none with answer 1")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0,1],[]]}""", "1:54: expected a tier with at least one answer, found an array of 0")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"ranking":[[0,1]],"pairs":[]}""",
        "1:47: expected either ranking, or pairs with ties and margins, not both, found an array of 1")]
    [InlineData("""{"prompt":"Q","responses":["a","b","c"],"ranking":[1,0,2]}""",
        "1:51: expected tiers, best first, as in [[1], [0], [2]], found [1, 0, 2]: is the first number the best answer's (then write the former), or the rank of answer 0?")]
    [InlineData("""{"prompt":"x","chosen":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"Q"},{"role":"assistant","content":"B"}]}""", "1:11: expected prompt to be the beginning of the conversations chosen and rejected, found that they do not hold it")]
    [InlineData("""{"prompt":"Q","chosen":{"role":"user","content":"A"},"rejected":"B"}""",
        "1:24: expected one message of the assistant, found an object with role, content")]
    [InlineData("""{"prompt":"Q","chosen":{"role":"assistant","content":"A","weight":0},"rejected":"B"}""",
        "1:1: expected answers to compare, none of them with a weight of 0 or not to be trained on, found an object with prompt, chosen, rejected")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"pairs":[[0]]}""", "1:46: expected a pair of two answers, found an array of 1")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"pairs":[[1,1]]}""", "1:46: expected two different answers, found 1 twice")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"pairs":[[0,1],[1,0]]}""",
        "1:52: expected one judgement of the answers 1 and 0, found a second one (as a pair, its reverse or a tie)")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"pairs":[[0,1]],"ties":[[0,1]]}""",
        "1:61: expected one judgement of the answers 0 and 1, found a second one (as a pair, its reverse or a tie)")]
    [InlineData("""{"prompt":"Q","responses":["a","b"],"pairs":[[0,1]],"margins":[]}""",
        "1:63: expected a margin for each of the 1 pairs, found an array of 0")]
    [InlineData("""{"prompt":"Q","chosen":"a","rejected":"b","weight":0}""", "1:52: expected a finite number above 0, found the number 0")]
    [InlineData("""{"prompt":"Q","chosen":"a","rejected":"b","weight":1e999}""", "1:52: expected a finite number above 0, found the number 1e999")]
    [InlineData("""{"prompt":"Q","chosen":"a","rejected":"b","margin":"1"}""", "1:52: expected a finite number of at least 0, found the text \"1\"")]
    [InlineData("""{"chosen":"a","rejected":"b"}""",
        "1:26: expected a prompt, or transcripts chosen and rejected that begin alike up to \"\\n\\nAssistant:\", found no such beginning")]
    [InlineData("""{"prompt":"Q","chosen":"a"}""",
        "1:1: expected a comparison (chosen and rejected) or a ranking (responses with ranking, or with pairs and ties), found an object with prompt, chosen")]
    [InlineData("""{"chosen":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"B"}]}""", "1:89: expected chosen and rejected to differ in their last message only, found a difference before it")]
    [InlineData("""{"chosen":[{"role":"user","content":"Q"},{"role":"user","content":"A"}],"rejected":[{"role":"user","content":"Q"},{"role":"assistant","content":"B"}]}""", "1:42: expected the assistant's message last, found one of the role user")]
    public void A_row_that_is_no_ranking_says_what_was_expected(string row, string message) =>
        Assert.Equal("rows.jsonl:" + message, Assert.Throws<InputException>(() => _folder.Rankings(row)).Message);

    [Fact]
    public void Identical_and_empty_answers_are_dropped_and_counted()
    {
        var kept = _folder.Rankings(
            """{"prompt":"Q","chosen":"a","rejected":"a"}""",
            """{"prompt":"Q","chosen":"a","rejected":" "}""",
            """{"prompt":"Q","chosen":"a","rejected":"b"}""",
            """{"prompt":"Q","responses":["a","a","b"],"pairs":[[0,1],[1,2]],"margins":[3,4]}""",
            """{"prompt":"Q","responses":["a","a","b"],"pairs":[[0,1]],"ties":[[1,2]]}""");
        Assert.Equal([3, 4, 5], kept.Select(row => row.Position.Line));
        Assert.Equal([(1, 2)], kept[1].Pairs);
        Assert.Equal([4.0], kept[1].Margins);
        Assert.Equal(1, _folder.Ledger.DroppedByReason["identical answers"]);
        Assert.Equal(1, _folder.Ledger.DroppedByReason["empty answer"]);
        Assert.Equal((5, 3, 2), (_folder.Ledger.RowsIn, _folder.Ledger.RowsKept, _folder.Ledger.RowsDropped));
        Assert.Contains("note: 2 x pair of identical answers left out (rows.jsonl:4:1, ...)", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }
}
