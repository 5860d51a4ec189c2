using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.World;

namespace Rlhf.Tests.Data.RowForms;

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
    public void A_field_with_another_name_is_not_its_own_as_well()
    {
        var source = _folder.Rows("""{"history":"Q","output":"A"}""") with
        {
            Fields = new Dictionary<string, string> { ["prompt"] = "history", ["response"] = "output" },
        };
        var demonstration = Assert.Single(DataReader.Demonstrations(source, _folder.Path, _folder.Ledger));
        Assert.Equal(("Q", "A"), (demonstration.Prompt.Text, demonstration.Response));
    }

    [Fact]
    public void A_mapped_name_that_no_row_has_is_an_error()
    {
        var source = _folder.Rows("""{"prompt":"Q","response":"A"}""") with { Fields = new Dictionary<string, string> { ["id"] = "key" } };
        var error = Assert.Throws<InputException>(() => DataReader.Demonstrations(source, _folder.Path, _folder.Ledger).Count());
        Assert.Equal("rows.jsonl: no row has the field key that the option fields names.", error.Message);
    }

    [Theory]
    [InlineData("""{"instruction":"Do","context":"it","response":"A"}""", "Instruction: Do\nInput: it\nAnswer:")]
    [InlineData("""{"instruction":"Do","input":"it","output":"A","system":""}""", "Instruction: Do\nInput: it\nAnswer:")]
    [InlineData("""{"instruction":"Do","input":"it","output":"A","system":"S","history":[["a","b"]]}""",
        "\n\nSystem: S\n\nHuman: a\n\nAssistant: b\n\nHuman: Do\nit\n\nAssistant:")]
    [InlineData("""{"prompt":"Q","response":"A","system":"S"}""", "\n\nSystem: S\n\nHuman: Q\n\nAssistant:")]
    [InlineData("""{"prompt":[{"role":"user","content":"Q"}],"response":"A","system":"S"}""", "\n\nSystem: S\n\nHuman: Q\n\nAssistant:")]
    [InlineData("""{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}],"system":"S"}""", "\n\nSystem: S\n\nHuman: Q\n\nAssistant:")]
    public void What_is_asked_beside_a_prompt_belongs_to_it(string row, string prompt)
    {
        var demonstration = Assert.Single(_folder.Demonstrations(row));
        Assert.Equal((prompt, "A"), (demonstration.Prompt.Text, demonstration.Response));

        // A row written from the prompt is read as the same prompt.
        var written = PromptRow.Of(new PromptRecord("p", demonstration.Prompt, demonstration.Position)).ToJsonString();
        var again = DataReader.Prompts(_folder.Rows(written), _folder.Path, _folder.Ledger).Single().Prompt;
        Assert.Equal((prompt, demonstration.Prompt.Identity), (again.Text, again.Identity));
        Assert.Equal(demonstration.Prompt.AsMessages(), again.AsMessages());
    }

    [Fact]
    public void Prompts_with_tools_and_calls_are_written_as_they_were_read()
    {
        var row = """{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":null,"tool_calls":[{"n":1.50}]},{"role":"tool","content":"3"},{"role":"assistant","content":"A"}],"tools":"[{\"name\":\"ä\"}]"}""";
        var prompt = Assert.Single(_folder.Demonstrations(row)).Prompt;
        Assert.Equal("""[{"name":"ä"}]""", prompt.Tools);
        Assert.Equal("""{"tool_calls":[{"n":1.50}],"content":null}""", prompt.Messages![1].OtherFields);
        var written = PromptRow.Of(new PromptRecord("p", prompt, new RowPosition("f", 1, 1))).ToJsonString();
        var again = DataReader.Prompts(_folder.Rows(written), _folder.Path, _folder.Ledger).Single().Prompt;
        Assert.Equal(prompt.Messages, again.Messages);
        Assert.Equal(prompt.Identity, again.Identity);
    }

    [Fact]
    public void Rows_without_anything_to_train_on_are_dropped_and_counted()
    {
        var kept = _folder.Demonstrations(
            """{"prompt":"Q","response":"A","weight":0}""",
            """{"prompt":"Q","response":"A","weight":1.0}""",
            """{"messages":[{"role":"user","content":"Q","weight":0},{"role":"assistant","content":"A","weight":0}]}""",
            """{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","train":false}]}""",
            """{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"},{"role":"user","content":"Q"},{"role":"assistant","content":"A","train":false}]}""",
            """{"prompt":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"},{"role":"user","content":"Q"}],"response":{"role":"assistant","content":"A","weight":0}}""");
        Assert.Equal([2, 5], kept.Select(row => row.Position.Line));
        Assert.Equal((1, 3),
            (_folder.Ledger.DroppedByReason["weight 0"], _folder.Ledger.DroppedByReason["no turn to train on (weight 0 or train false in all of them)"]));
    }

    [Fact]
    public void Empty_answers_are_read_in_the_middle_and_where_tools_are_called()
    {
        var rows = _folder.Demonstrations(
            """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"user","content":"b"},{"role":"assistant","content":"c"}]}""",
            """{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}]}""",
            """{"conversations":[{"from":"human","value":"a"},{"from":"function_call","value":"[{\"name\":\"f\"},{\"name\":\"g\"}]"}]}""");
        Assert.Equal("", rows[0].Prompt.Messages![1].Content);
        Assert.Equal("""{"tool_calls":[{"function":{"name":"f"}}]}""", rows[1].Answer.OtherFields);
        Assert.Equal("""{"tool_calls":[{"function":{"name":"f"}},{"function":{"name":"g"}}]}""", rows[2].Answer.OtherFields);
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
    [InlineData("""{"prompt":"Q","response":"A","output":"B"}""",
        "rows.jsonl:1:1: expected one response (say with fields which of response, output it is), found an object with prompt, response, output")]
    [InlineData("""{"prompt":"Q","chosen":"A","rejected":"B"}""",
        "rows.jsonl:1:1: expected a response (for an answer of a comparison, set take to chosen, rejected or mixed), found an object with prompt, chosen, rejected")]
    [InlineData("""["prompt"]""", "rows.jsonl:1:2: expected a prompt (the field prompt, instruction or messages), found an object with text")]
    [InlineData("""{"messages":[]}""", "rows.jsonl:1:13: expected at least one message, found an array of 0")]
    [InlineData("""{"messages":[{"role":"assistant","content":"b"}]}""",
        "rows.jsonl:1:13: expected a turn of the user before the assistant's answer, found an array of 1")]
    [InlineData("""{"messages":[{"role":"user","content":"b"}]}""", "rows.jsonl:1:14: expected the assistant's message last, found one of the role user")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "rows.jsonl:1:14: expected a message with content, found an object with role")]
    [InlineData("""{"messages":[{"role":"user","content":"a","tool_calls":[{}]}]}""",
        "rows.jsonl:1:14: expected calls of tools in a turn of the assistant, found them in one of the role user")]
    [InlineData("""{"messages":[{"role":"user","content":null},{"role":"assistant","content":"A"}]}""",
        "rows.jsonl:1:14: expected a content, found null: only a turn that calls tools has none")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]},{"role":"assistant","content":"A"}]}""",
        "rows.jsonl:1:40: expected parts of the type text, found one of the type image_url: models here read text alone")]
    [InlineData("""{"messages":[{"role":"User","content":"Q"},{"role":"assistant","content":"A"}]}""",
        "rows.jsonl:1:22: expected a role (system, developer, user, assistant, tool, function, ipython; did you mean \"user\"?), found the text \"User\"")]
    [InlineData("""{"conversations":[{"from":"humna","value":"Q"},{"from":"gpt","value":"A"}]}""",
        "rows.jsonl:1:27: expected a role (human, gpt, function_call, observation, system, user, assistant, tool; did you mean \"human\"?), found the text \"humna\"")]
    [InlineData("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","weight":0.5}]}""",
        "rows.jsonl:1:87: expected a weight of 0 or 1 (turns are trained on or not; no other weight is read), found the number 0.5")]
    [InlineData("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","train":"no"}]}""",
        "rows.jsonl:1:86: expected true or false, found the text \"no\"")]
    [InlineData("""{"messages":[{"role":"user","content":"Q","train":true},{"role":"assistant","content":"A"}]}""",
        "rows.jsonl:1:51: expected a turn of the assistant to train on, found one of the role user: leave the field out, or set it to 0 or false")]
    [InlineData("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","train":true,"weight":0}]}""",
        "rows.jsonl:1:86: expected weight and train to say the same, found that they contradict each other")]
    [InlineData("""{"prompt":"Q","response":"A","weight":2}""",
        "rows.jsonl:1:39: expected a weight of 0 or 1 (demonstrations and texts are used or left out; no other weight is read), found the number 2")]
    [InlineData("""{"prompt":"Q","response":"A","tools":"x"}""",
        "rows.jsonl:1:38: expected an array of tools, found a text that is no JSON (rows.jsonl:1:1: expected valid JSON, found 'x' ('x' is an invalid start of a value))")]
    [InlineData("""{"prompt":"Q","response":"A","tools":{"a":1}}""", "rows.jsonl:1:38: expected an array of tools, found an object with a")]
    [InlineData("""{"instruction":"Q","input":"I","context":"C","output":"A"}""",
        "rows.jsonl:1:42: expected an instruction with input or with context, not with both, found the text \"C\"")]
    [InlineData("""{"instruction":"Q","output":"A","history":[["a"]]}""",
        "rows.jsonl:1:44: expected a pair of what was asked and what was answered, found an array of 1")]
    [InlineData("""{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"Q"}],"response":"A","system":"S"}""",
        "rows.jsonl:1:11: expected one system text, found the field system beside a message of the system")]
    [InlineData("""{"prompt":"Q","response":null}""",
        "rows.jsonl:1:1: expected a response, and response is null (to read the row as a prompt, give it as prompts), found an object with prompt, response")]
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
