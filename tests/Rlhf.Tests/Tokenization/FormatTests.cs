using Rlhf.Data;
using Rlhf.Tokenization;

namespace Rlhf.Tests.Tokenization;

public sealed class FormatTests : IDisposable
{
    private static readonly FormatOptions Custom = new()
    {
        Template = FormatTemplate.Custom,
        Prompt = "Q: {instruction}\n[[{input}\n]]A:",
        Response = " {response}.",
    };

    private const string Conversation = """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}""";

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
        var row = _folder.Demonstrations(Conversation).Single();
        Assert.Equal(
            [new("\n\nHuman: a\n\nAssistant:", false), new(" b", true), new("\n\nHuman: c\n\nAssistant:", false), new(" d", true)],
            new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null).Segments(row));
        Assert.Equal(
            new Format(new FormatOptions(), null).Segments(row),
            new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null).Segments(row));
        Assert.Equal(
            [new("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", false), new(" d", true)],
            new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null).Segments(row with { TrainOnAllTurns = false }));
    }

    [Fact]
    public void A_chat_template_gives_the_prompt_that_asks_and_the_answer_up_to_its_end()
    {
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        Assert.Equal(
            [new("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n", false), new("A<|im_end|>", true)],
            new Format(new FormatOptions { Template = FormatTemplate.Chatml }, null).Segments(row));
    }

    [Fact]
    public void A_chat_template_marks_each_turn_of_the_assistant()
    {
        var row = _folder.Demonstrations(Conversation).Single();
        Assert.Equal(
            [
                new("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n", false),
                new("b<|im_end|>", true),
                new("\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n", false),
                new("d<|im_end|>", true),
            ],
            new Format(new FormatOptions { Template = FormatTemplate.Chatml }, null).Segments(row));
    }

    [Fact]
    public void The_tokenizers_own_template_may_add_to_the_answer()
    {
        var template = ChatTemplate.Parse("{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}[thought]{% endif %}{{ m.content }}</>\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        Assert.Equal([new("<user>Q</>\n<assistant>", false), new("[thought]A</>", true)], new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, template).Segments(row));
    }

    [Fact]
    public void A_template_that_writes_the_prompt_otherwise_once_it_is_answered_is_refused_with_the_rows_place()
    {
        var template = ChatTemplate.Parse("{{ messages | length }}{{ messages[0].content }}");
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        var error = Assert.Throws<InputException>(() => new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, template).Segments(row));
        Assert.StartsWith("rows.jsonl:1:1: the chat template renders this conversation differently", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_template_refuses_is_said_with_the_rows_place()
    {
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        var error = Assert.Throws<InputException>(() => new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, ChatTemplate.Parse("{{ raise_exception('no') }}")).Segments(row));
        Assert.StartsWith("rows.jsonl:1:1: ", error.Message, StringComparison.Ordinal);
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
