using Rlhf.Data;

namespace Rlhf.Tests.Data;

public sealed class FormatTests : IDisposable
{
    private static readonly FormatOptions Custom = new()
    {
        Template = FormatTemplate.Custom,
        Prompt = "Q: {instruction}\n[[{input}\n]]A:",
        Response = " {response}.",
    };

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(FormatTemplate.Plain, """{"prompt":"Q","response":"A"}""", "Q", " A")]
    [InlineData(FormatTemplate.Plain, """{"prompt":"Q\n","response":"A"}""", "Q\n", "A")]
    [InlineData(FormatTemplate.Plain, """{"prompt":"Q","response":"\nA"}""", "Q", "\nA")]
    [InlineData(FormatTemplate.Plain, """{"instruction":"Do","input":"it","output":"A"}""", "Instruction: Do\nInput: it\nAnswer:", " A")]
    [InlineData(FormatTemplate.Plain, """{"prompt":"\n\nHuman: Q\n\nAssistant:","response":"A"}""", "\n\nHuman: Q\n\nAssistant:", " A")]
    [InlineData(FormatTemplate.HumanAssistant, """{"prompt":"Q","response":"A"}""", "\n\nHuman: Q\n\nAssistant:", " A")]
    [InlineData(FormatTemplate.HumanAssistant, """{"instruction":"Do","input":"it","output":"A"}""", "\n\nHuman: Do\n\nit\n\nAssistant:", " A")]
    [InlineData(FormatTemplate.HumanAssistant, """{"prompt":"\n\nHuman: Q\n\nAssistant:","response":"A"}""", "\n\nHuman: Q\n\nAssistant:", " A")]
    public void Prompt_and_response_have_the_text_of_the_form(FormatTemplate template, string row, string prompt, string response)
    {
        var format = new Format(new FormatOptions { Template = template }, null);
        Assert.Equal([new(prompt, false), new(response, true)], format.Segments(_folder.Demonstrations(row).Single()));
    }

    [Theory]
    [InlineData("""{"instruction":"Do","input":"it","output":"A"}""", "Q: Do\nit\nA:")]
    [InlineData("""{"instruction":"Do","input":"","output":"A"}""", "Q: Do\nA:")]
    public void A_custom_text_takes_the_rows_fields(string row, string prompt)
    {
        Assert.Equal([new(prompt, false), new(" A.", true)], new Format(Custom, null).Segments(_folder.Demonstrations(row).Single()));
    }

    [Fact]
    public void A_custom_text_can_name_the_prompt_of_any_row()
    {
        var format = new Format(new FormatOptions { Template = FormatTemplate.Custom, Prompt = "<{prompt}>" }, null);
        Assert.Equal("<Instruction: Do\nAnswer:>", format.PromptText(_folder.Demonstrations("""{"instruction":"Do","output":"A"}""").Single().Prompt, ""));
    }

    [Fact]
    public void A_field_that_the_row_lacks_is_named_with_the_rows_place()
    {
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        Assert.StartsWith("rows.jsonl:1:1: the format's text names the field instruction", Assert.Throws<InputException>(() => new Format(Custom, null).Segments(row)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_the_assistants_turns_of_a_conversation_are_trained_on()
    {
        var row = _folder.Demonstrations("""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}""").Single();
        Assert.Equal(
            [new("\n\nHuman: a\n\nAssistant:", false), new(" b", true), new("\n\nHuman: c\n\nAssistant:", false), new(" d", true)],
            new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null).Segments(row));
        Assert.Equal(
            [new("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", false), new(" d", true)],
            new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null).Segments(row with { TrainOnAllTurns = false }));
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        Assert.Throws<InputException>(() => new Format(new FormatOptions { Prompt = "{prompt}" }, null));
        Assert.Throws<InputException>(() => new Format(new FormatOptions { Response = " {response}" }, null));
        Assert.Throws<InputException>(() => new Format(new FormatOptions { Template = FormatTemplate.Custom }, null));
        Assert.Throws<InputException>(() => new Format(Custom with { Response = "x" }, null));
        Assert.Throws<InputException>(() => new Format(Custom with { Response = "{response}{prompt}" }, null));
        Assert.Throws<InputException>(() => new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, null));
    }
}
