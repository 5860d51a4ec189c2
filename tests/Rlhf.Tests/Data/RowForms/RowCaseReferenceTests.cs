using Rlhf.Cli;
using Rlhf.Data;
using Rlhf.Data.RowForms;

namespace Rlhf.Tests.Data.RowForms;

/// <summary>Small files of <c>../shared/cases</c>, each once read wrongly or refused without help.</summary>
public sealed class RowCaseReferenceTests
{
    [CaseFact("a.jsonl")]
    public void ShareGPT_is_read_with_its_system_text_and_all_its_turns()
    {
        var rows = Demonstrations("a.jsonl");
        Assert.Equal([new("system", "You are brief."), new("user", "Name a fruit."), Message.FromAssistant("An apple."), new("user", "And a colour?")],
            rows[0].Prompt.Messages);
        Assert.Equal(("Red.", true), (rows[0].Response, rows[0].TrainOnAllTurns));
        Assert.Equal("Hello.", rows[1].Response);
    }

    [CaseFact("b.jsonl")]
    public void Conversations_may_have_role_and_content() => Assert.Equal("Hello.", Assert.Single(Demonstrations("b.jsonl")).Response);

    [CaseFact("kto.jsonl")]
    public void Answers_marked_good_or_bad_are_no_demonstrations() =>
        AssertRefused("kto.jsonl", RecordKind.Demonstration, "1:40: the field \"label\" says how good an answer is", "KTO");

    [CaseFact("lf.jsonl")]
    public void Chosen_and_rejected_may_be_messages_after_a_conversation() => AssertPair("lf.jsonl", [new("user", "Hello")], "Good day.", "What?");

    [CaseFact("oai.jsonl")]
    public void Preferences_of_OpenAI_are_read() => AssertPair("oai.jsonl", [new("user", "Hello")], "Good day.", "What?");

    [CaseFact("ultraf.jsonl")]
    public void A_prompt_that_stands_in_both_conversations_is_read_once() => AssertPair("ultraf.jsonl", [new("user", "Hello")], "Good day.", "What?");

    [CaseFact("mix.jsonl")]
    public void A_file_of_demonstrations_and_prompts_is_bad_for_check_as_for_a_run()
    {
        Assert.Contains(
            "expected a response, and response is null", Assert.Throws<InputException>(() => Demonstrations("mix.jsonl")).Message, StringComparison.Ordinal);
        var (code, error) = Check("mix.jsonl");
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("mix.jsonl:4:1: expected a response, and response is null", error, StringComparison.Ordinal);
        Assert.Contains("mix.jsonl:5:1: expected a demonstration as in the rows before, and this row is a prompt", error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Success, Check("mix.jsonl", "--as", "prompt").Code);
    }

    [CaseFact("multi.jsonl")]
    public void All_answers_of_a_conversation_are_trained()
    {
        var row = Assert.Single(Demonstrations("multi.jsonl"));
        Assert.True(row.TrainOnAllTurns);
        Assert.All([.. row.Prompt.Messages!, row.Answer], message => Assert.True(message.IsTrained));
    }

    [CaseFact("nested.json")]
    public void An_object_of_splits_is_named() =>
        AssertRefused("nested.json", null, "1:1: expected JSON, found a JSON object of several lists", "give a file of rows for each");

    [CaseFact("nullresp.jsonl")]
    public void A_null_answer_makes_no_prompt_in_silence()
    {
        AssertRefused("nullresp.jsonl", null, "1:1: expected a response, and response is null");
        AssertRefused("nullresp.jsonl", RecordKind.Demonstration, "1:1: expected a response, and response is null");
        var ledger = new Ledger("test");
        Assert.Single(Read("nullresp.jsonl", RecordKind.Prompt, ledger));
        Assert.Contains("response is null: read as a prompt", ledger.ToText(), StringComparison.Ordinal);
    }

    [CaseFact("parts.jsonl")]
    public void Parts_of_text_are_joined()
    {
        var row = Assert.Single(Demonstrations("parts.jsonl"));
        Assert.Equal(("Hello", "Good day."), (row.Prompt.Messages![0].Content, row.Response));
    }

    [CaseFact("roles.jsonl")]
    public void A_role_that_nobody_knows_is_refused_with_the_nearest() =>
        AssertRefused("roles.jsonl", null, "1:56: expected a role", "did you mean \"assistant\"?", "found the text \"assitant\"");

    [CaseFact("tools.jsonl")]
    public void Tools_of_a_row_are_handed_on() =>
        Assert.Equal("""[{"type":"function","function":{"name":"f","parameters":{}}}]""", Assert.Single(Demonstrations("tools.jsonl")).Prompt.Tools);

    [CaseFact("train0.jsonl")]
    public void A_turn_of_weight_0_is_read_and_not_trained()
    {
        var row = Assert.Single(Demonstrations("train0.jsonl"));
        Assert.Equal([true, false, true], row.Prompt.Messages!.Select(message => message.IsTrained));
        Assert.Equal(("Good day.", true), (row.Response, row.Answer.IsTrained));
    }

    [CaseFact("rows.jsonl")]
    public void Rows_of_many_forms_are_read_or_refused_each_for_itself()
    {
        var ledger = new Ledger("test");
        var rows = Read("rows.jsonl", RecordKind.Demonstration, ledger, BadRowPolicy.Drop).Select(record => record.Demonstration!)
            .ToDictionary(row => row.Position.Line);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14], rows.Keys.Order());
        Assert.Equal(2, ledger.RowsDropped); // Two answers in a row, and a conversation that ends with the user.
        Assert.Equal("""{"tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"weather","arguments":{"city":"Oslo"}}}],"content":null}""",
            rows[5].Prompt.Messages![1].OtherFields);
        Assert.Equal("""{"tool_call_id":"abcdefghi"}""", rows[5].Prompt.Messages![2].OtherFields);
        Assert.Equal("""{"tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"weather","arguments":{"city":"Oslo"}}}]}""",
            rows[6].Prompt.Messages![1].OtherFields);
        Assert.Equal("""{"reasoning_content":"add"}""", rows[9].Answer.OtherFields);
        Assert.Equal("developer", rows[14].Prompt.Messages![0].Role);
    }

    private static string PathOf(string file) => ReferenceFiles.CasePathOf(file);

    private static List<AnyRecord> Read(string file, RecordKind? kind, Ledger? ledger = null, BadRowPolicy onBadRow = BadRowPolicy.Error) =>
        [.. DataReader.Read(new DataSource { Path = [PathOf(file)], OnBadRow = onBadRow }, ".", ledger ?? new Ledger("test"), kind)];

    private static List<Demonstration> Demonstrations(string file) => [.. Read(file, RecordKind.Demonstration).Select(record => record.Demonstration!)];

    private static void AssertPair(string file, Message[] prompt, string chosen, string rejected)
    {
        var ranking = Assert.Single(Read(file, null)).Ranking!;
        Assert.Equal(prompt, ranking.Prompt.AsMessages());
        Assert.Equal([chosen, rejected], ranking.Responses);
        Assert.Equal([(0, 1)], ranking.Pairs);
    }

    private static void AssertRefused(string file, RecordKind? kind, string start, params string[] parts)
    {
        var message = Assert.Throws<InputException>(() => Read(file, kind)).Message;
        Assert.StartsWith($"{PathOf(file)}:{start}", message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    private static (int Code, string Error) Check(string file, params string[] options)
    {
        using StringWriter output = new(), error = new();
        return (Program.Run(["data", "check", PathOf(file), .. options], output, error), error.ToString());
    }
}
