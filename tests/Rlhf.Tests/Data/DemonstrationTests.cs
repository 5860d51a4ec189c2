using Rlhf.Data;

namespace Rlhf.Tests.Data;

public sealed class DemonstrationTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"prompt":"Q","response":"A"}""", "Q")]
    [InlineData("""{"prompt":"Q","completion":"A"}""", "Q")]
    [InlineData("""{"prompt":"Q","output":"A","response":null}""", "Q")]
    [InlineData("""{"instruction":"Do","input":"it","output":"A"}""", "Instruction: Do\nInput: it\nAnswer:")]
    [InlineData("""{"instruction":"Do","input":"","output":"A"}""", "Instruction: Do\nAnswer:")]
    [InlineData("""{"instruction":"Do","response":"A"}""", "Instruction: Do\nAnswer:")]
    [InlineData("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}""", "\n\nHuman: Q\n\nAssistant:")]
    [InlineData("""{"prompt":[{"role":"user","content":"Q"}],"completion":[{"role":"assistant","content":"A"}]}""", "\n\nHuman: Q\n\nAssistant:")]
    public void Every_form_gives_prompt_and_response(string row, string prompt)
    {
        var demonstration = Assert.Single(_folder.Demonstrations(row));
        Assert.Equal((prompt, "A"), (demonstration.Prompt.Text, demonstration.Response));
        Assert.Equal("rows.jsonl:1", demonstration.Id);
    }

    [Fact]
    public void Other_names_are_mapped()
    {
        var source = _folder.Rows("""{"question":"Q","answer":"A","key":7,"prompt":"not this"}""") with
        {
            Fields = new Dictionary<string, string> { ["prompt"] = "question", ["response"] = "answer", ["id"] = "key" },
        };
        var demonstration = Assert.Single(DataReader.Demonstrations(source, _folder.Path, _folder.Ledger));
        Assert.Equal(("7", "Q", "A"), (demonstration.Id, demonstration.Prompt.Text, demonstration.Response));
        Assert.Contains("field not used: prompt", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_mapped_name_that_no_row_has_is_an_error()
    {
        var source = _folder.Rows("""{"prompt":"Q","response":"A"}""") with { Fields = new Dictionary<string, string> { ["id"] = "key" } };
        var error = Assert.Throws<InputException>(() => DataReader.Demonstrations(source, _folder.Path, _folder.Ledger).Count());
        Assert.Equal("rows.jsonl: no row has the field key that the option fields names.", error.Message);
    }

    [Fact]
    public void A_transcript_as_prompt_has_turns()
    {
        var prompt = Assert.Single(_folder.Demonstrations("""{"prompt":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:","response":"d"}""")).Prompt;
        Assert.Equal([new("user", "a"), new("assistant", "b"), new("user", "c")], prompt.Messages);
        Assert.Equal(prompt.Text, Transcript.Write(prompt.Messages!));
    }

    [Fact]
    public void Conversations_are_trained_on_in_all_turns_and_single_answers_in_theirs()
    {
        var rows = _folder.Demonstrations(
            """{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}""",
            """{"prompt":"Q","response":"A"}""");
        Assert.Equal([true, false], rows.Select(row => row.TrainOnAllTurns));
        Assert.Equal("\n\nSystem: s\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", rows[0].Prompt.Text);
    }

    [Theory]
    [InlineData("""{"prompt":"Q"}""", "rows.jsonl:1:1: expected a response (the field response, completion or output), found an object with prompt")]
    [InlineData("""{"response":"A"}""", "rows.jsonl:1:1: expected a prompt (the field prompt, instruction or messages), found an object with response")]
    [InlineData("""{"prompt":"Q","response":" "}""", "rows.jsonl:1:26: expected a response, found the text \" \"")]
    [InlineData("""{"prompt":"Q","response":""}""", "rows.jsonl:1:26: expected a response, found an empty text")]
    [InlineData("""{"prompt":"","response":"A"}""", "rows.jsonl:1:11: expected a prompt, found an empty text")]
    [InlineData("""{"prompt":5,"response":"A"}""", "rows.jsonl:1:11: expected a text, found the number 5")]
    [InlineData("""{"prompt":"Q","response":"A","output":"B"}""", "rows.jsonl:1:1: expected one response (say with fields which of response, output it is), found an object with prompt, response, output")]
    [InlineData("""{"prompt":"Q","chosen":"A","rejected":"B"}""", "rows.jsonl:1:1: expected a response (for an answer of a comparison, set take to chosen, rejected or mixed), found an object with prompt, chosen, rejected")]
    [InlineData("""["prompt"]""", "rows.jsonl:1:2: expected a prompt (the field prompt, instruction or messages), found an object with text")]
    [InlineData("""{"messages":[]}""", "rows.jsonl:1:13: expected at least one message, found an array of 0")]
    [InlineData("""{"messages":[{"role":"assistant","content":"b"}]}""", "rows.jsonl:1:13: expected a turn of the user before the assistant's answer, found an array of 1")]
    [InlineData("""{"messages":[{"role":"user","content":"b"}]}""", "rows.jsonl:1:14: expected the assistant's message last, found one of the role user")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "rows.jsonl:1:14: expected a message with content, found an object with role")]
    [InlineData("""{"messages":[{"role":"user","content":"a","tool_calls":[]}]}""", "rows.jsonl:1:56: expected a message with role and content only, found tool_calls")]
    [InlineData("""{"id":{},"prompt":"Q","response":"A"}""", "rows.jsonl:1:7: expected a text, found an empty object")]
    [InlineData("7", "rows.jsonl:1:1: expected an object with the fields of a row, found the number 7")]
    public void A_row_that_is_no_demonstration_says_what_was_expected(string row, string message) =>
        Assert.Equal(message, Assert.Throws<InputException>(() => _folder.Demonstrations(row)).Message);

    [Fact]
    public void Answers_of_comparisons_serve_as_demonstrations()
    {
        var source = _folder.Rows("""{"prompt":"Q","chosen":"good","rejected":"bad"}""");
        Assert.Equal(["good"], Taken(DemonstrationPick.Chosen));
        Assert.Equal(["bad"], Taken(DemonstrationPick.Rejected));
        Assert.Equal([PromptSplit.PicksChosen("Q", "good") ? "good" : "bad"], Taken(DemonstrationPick.Mixed));

        IEnumerable<string> Taken(DemonstrationPick pick) =>
            DataReader.Demonstrations(source with { Take = pick }, _folder.Path, _folder.Ledger).Select(row => row.Response);
    }

    [Fact]
    public void The_best_of_a_ranking_wins_most()
    {
        var source = _folder.Rows("""{"prompt":"Q","responses":["a","b","c"],"ranking":[[1],[0],[2]]}""");
        Assert.Equal("b", DataReader.Demonstrations(source with { Take = DemonstrationPick.Chosen }, _folder.Path, _folder.Ledger).Single().Response);
        Assert.Equal("c", DataReader.Demonstrations(source with { Take = DemonstrationPick.Rejected }, _folder.Path, _folder.Ledger).Single().Response);
    }

    [Fact]
    public void An_empty_answer_is_not_taken_but_counted()
    {
        var source = _folder.Rows("""{"prompt":"Q","chosen":"good","rejected":""}""") with { Take = DemonstrationPick.Rejected };
        Assert.Empty(DataReader.Demonstrations(source, _folder.Path, _folder.Ledger));
        Assert.Equal(1, _folder.Ledger.DroppedByReason["empty answer"]);
    }
}
