using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Text.Templates;

public sealed class FormatTests : IDisposable
{
    private static readonly FormatOptions Custom = new()
    {
        Template = FormatTemplate.Custom,
        Prompt = "Q: {instruction}\n[[{input}\n]]A:",
        Response = " {response}.",
    };

    private const string Conversation =
        """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}""";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(FormatTemplate.Plain, """{"prompt":"Q","response":"A"}""", "Q", " A")]
    [InlineData(FormatTemplate.Plain, """{"prompt":"Q\n","response":"A"}""", "Q\n", "A")]
    [InlineData(FormatTemplate.Plain, """{"prompt":"Q","response":"\nA"}""", "Q", "\nA")]
    [InlineData(FormatTemplate.Plain, """{"instruction":"Do","input":"it","output":"A"}""", "Instruction: Do\nInput: it\nAnswer:", " A")]
    [InlineData(FormatTemplate.Plain, """{"prompt":"\n\nHuman: Q\n\nAssistant:","response":"A"}""", "\n\nHuman: Q\n\nAssistant:", " A")]
    [InlineData(FormatTemplate.HumanAssistant, """{"prompt":"Q","response":"A"}""", "\n\nHuman: Q\n\nAssistant:", " A")]
    [InlineData(FormatTemplate.HumanAssistant, """{"instruction":"Do","input":"it","output":"A"}""", "\n\nHuman: Do\nit\n\nAssistant:", " A")]
    [InlineData(FormatTemplate.HumanAssistant, """{"prompt":"\n\nHuman: Q\n\nAssistant:","response":"A"}""", "\n\nHuman: Q\n\nAssistant:", " A")]
    public void Prompt_and_response_have_the_text_of_the_form(FormatTemplate template, string row, string prompt, string response)
    {
        var format = new Format(new FormatOptions { Template = template }, null);
        Assert.Equal([(prompt, response)], Turns(format, _folder.Demonstrations(row).Single()));
    }

    [Theory]
    [InlineData("""{"instruction":"Do","input":"it","output":"A"}""", "Q: Do\nit\nA:")]
    [InlineData("""{"instruction":"Do","input":"","output":"A"}""", "Q: Do\nA:")]
    public void A_custom_text_takes_the_rows_fields(string row, string prompt)
    {
        Assert.Equal([(prompt, " A.")], Turns(new Format(Custom, null), _folder.Demonstrations(row).Single()));
    }

    [Theory]
    [InlineData("Custom", " A", " A")]
    [InlineData("Custom", "  A", "  A")]
    [InlineData("Custom", "\nA", "\nA")]
    [InlineData("Custom", "", " ")]
    [InlineData("HumanAssistant", " A", " A")]
    [InlineData("HumanAssistant", "\nA", "\nA")]
    [InlineData("HumanAssistant", "", " ")]
    public void White_space_with_which_a_sampled_answer_begins_is_not_written_twice(string template, string response, string written)
    {
        var options = new FormatOptions { Template = Enum.Parse<FormatTemplate>(template) };
        options = template == "Custom" ? options with { Prompt = "{prompt}\nAnswer:", Response = " {response}" } : options;
        var turn = new Format(options, null).Turn(Prompt.FromText("Q"), new Message("assistant", response), "")!;
        Assert.Equal(written, turn.Answer);
        Assert.Equal(0, turn.DroppedShare);
    }

    [Fact]
    public void A_custom_text_without_white_space_in_front_of_the_answer_leaves_it()
    {
        var options = new FormatOptions { Template = FormatTemplate.Custom, Prompt = "{prompt}", Response = "A: {response}" };
        Assert.Equal("A:  x", new Format(options, null).Turn(Prompt.FromText("Q"), new Message("assistant", " x"), "")!.Answer);
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
        Assert.StartsWith("rows.jsonl:1:1: the format's text names the field instruction",
            Assert.Throws<InputException>(() => Turns(new Format(Custom, null), row)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_turn_of_the_assistant_is_an_example_whose_prompt_is_everything_before_it()
    {
        var row = _folder.Demonstrations(Conversation).Single();
        Assert.Equal(
            [("\n\nHuman: a\n\nAssistant:", " b"), ("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", " d")],
            Turns(new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null), row));
        Assert.Equal(
            Turns(new Format(new FormatOptions { Template = FormatTemplate.Plain }, null), row),
            Turns(new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null), row));
    }

    [Fact]
    public void Only_the_last_turn_is_trained_where_that_is_asked_and_none_that_the_row_leaves_out()
    {
        var row = _folder.Demonstrations(Conversation).Single();
        var format = new Format(new FormatOptions { Template = FormatTemplate.HumanAssistant }, null);
        (string, string)[] last = [("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", " d")];
        Assert.Equal(last, Turns(format, row with { TrainOnAllTurns = false }));
        Assert.Equal(last, Turns(format, row, TrainedTurns.Last));
        var messages = row.Prompt.Messages!;
        Assert.Equal(
            last, Turns(format, row with { Prompt = row.Prompt with { Messages = [messages[0], messages[1] with { IsTrained = false }, messages[2]] } }));
        Assert.Equal([("\n\nHuman: a\n\nAssistant:", " b")], Turns(format, row with { Answer = row.Answer with { IsTrained = false } }));
    }

    [Fact]
    public void A_chat_template_gives_the_prompt_that_asks_and_the_answer_up_to_its_end()
    {
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        Assert.Equal(
            [("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n", "A<|im_end|>")],
            Turns(new Format(new FormatOptions { Template = FormatTemplate.Chatml }, null), row));
    }

    [Fact]
    public void The_tokenizers_own_template_may_add_to_the_answer()
    {
        var template =
            ChatTemplate.Parse(
                "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}[thought]{% endif %}{{ m.content }}</>\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        Assert.Equal(
            [("<user>Q</>\n<assistant>", "[thought]A</>\n")], Turns(new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, template), row));
    }

    [Fact]
    public void Auto_is_the_chat_template_where_there_is_one_and_else_plain()
    {
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        var template =
            ChatTemplate.Parse("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
        Assert.Equal([("<user>Q<assistant>", "A")], Turns(new Format(new FormatOptions(), template), row));
        Assert.Equal([("Q", " A")], Turns(new Format(new FormatOptions(), null), row));
    }

    [Fact]
    public void Variables_and_the_day_reach_the_template()
    {
        var template = ChatTemplate.Parse("{{ strftime_now('%d %b %Y') }} {{ 'on' if thinks is true else 'off' }} {{ most + 1 }} {{ name }}");
        var options =
            new FormatOptions { Variables = new Dictionary<string, string> { ["thinks"] = "true", ["most"] = "3", ["name"] = "x" }, Date = "2024-07-26" };
        Assert.Equal("26 Jul 2024 on 4 x", new Format(options, template).PromptText(Prompt.FromText("Q"), ""));
        Assert.Contains(
            "format.date", Assert.Throws<InputException>(() => new Format(options with { Date = "26.7.2024" }, template)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_turn_whose_place_cannot_be_told_is_refused_with_both_renderings_and_the_rows_place()
    {
        var template = ChatTemplate.Parse("{{ messages | length }}{{ messages[0].content }}");
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        var error = Assert.Throws<InputException>(() => Turns(new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, template), row));
        Assert.StartsWith("rows.jsonl:1:1: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("\"1Q\" and renders it as \"2Q\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("{% generation %}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_template_refuses_is_said_with_the_rows_place()
    {
        var row = _folder.Demonstrations("""{"prompt":"Q","response":"A"}""").Single();
        var error = Assert.Throws<InputException>(
            () => new Format(new FormatOptions { Template = FormatTemplate.Tokenizer }, ChatTemplate.Parse("{{ raise_exception('no') }}")).Text(row));
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

    private static IEnumerable<(string Prompt, string Answer)> Turns(Format format, Demonstration row, TrainedTurns which = TrainedTurns.All) =>
        format.Turns(row, which, row.Position.ToString(), out _).Select(turn => (turn.Prompt, turn.Answer));
}
