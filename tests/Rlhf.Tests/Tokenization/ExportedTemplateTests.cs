using System.Text;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Tokenization;

namespace Rlhf.Tests.Tokenization;

/// <summary>The chat template in a trained folder writes what the format wrote in training.</summary>
public class ExportedTemplateTests
{
    private static readonly string[] Pieces = ["Hello", " ", "\n", "\n\n", "'", "\"", "{{ x }}", "{% if %}", "<|im_end|>", "\\", "\t", "ü", "😀", "Human:", "0"];

    public static TheoryData<string, string?, string?> Formats => new()
    {
        { "Chatml", null, null },
        { "HumanAssistant", null, null },
        { "Custom", "{prompt}\nAnswer:", " {response}" },
        { "Custom", "It's \"so\":\t{prompt}\\ {{x}} \r\n# {prompt}", "{response}\n---\n" },
        { "Custom", "[[Input: {input}\n]][[Ask: {prompt}\n]]A:", "[[ {response}]]." },
        { "Custom", "PROMPT {prompt} RESPONSE", "PROMPT {response} RESPONSE" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void It_renders_random_conversations_as_the_format_does(string template, string? prompt, string? response)
    {
        var options = new FormatOptions { Template = Enum.Parse<FormatTemplate>(template), Prompt = prompt };
        options = response is null ? options : options with { Response = response };
        var format = new Format(options, null);
        var chat = ChatTemplate.Parse(ExportedTemplate.Of(options)!, name: "exported");
        Assert.False(chat.HasGenerationBlocks, "only some programs know these");
        var random = new Random(5);
        for (var trial = 0; trial < 300; trial++)
        {
            var messages = Conversation(random, system: options.Template != FormatTemplate.HumanAssistant || trial % 2 == 0);
            var asked = Prompt.FromConversation(messages);
            var text = format.PromptText(asked, "row");
            Assert.Equal(text, chat.Render(messages, addGenerationPrompt: true));
            var answer = new Message("assistant", TextOf(random));
            var turn = format.Turn(asked, answer, "row")!;
            var whole = chat.Render([.. messages, answer], addGenerationPrompt: false);
            // What a template writes behind the last answer belongs to the turn only where it is trained.
            Assert.StartsWith(turn.Prompt + turn.Answer, whole, StringComparison.Ordinal);
            Assert.True(whole.Length - (turn.Prompt + turn.Answer).Length <= "\n".Length, whole);
        }
    }

    [Theory]
    [InlineData(FormatTemplate.Plain)]
    [InlineData(FormatTemplate.Tokenizer)]
    public void Formats_that_are_no_conversation_or_the_tokenizers_own_leave_its_files(FormatTemplate template)
    {
        var files = new Dictionary<string, byte[]> { [TokenizerFiles.Config] = "{}"u8.ToArray() };
        Assert.Same(files, ExportedTemplate.NameIn(files, new FormatOptions { Template = template }));
    }

    [Fact]
    public void A_custom_text_that_needs_other_fields_of_a_row_has_no_template() =>
        Assert.Null(ExportedTemplate.Of(new FormatOptions { Template = FormatTemplate.Custom, Prompt = "{instruction}\n{input}" }));

    [Fact]
    public void It_takes_the_place_of_the_templates_that_the_folder_had()
    {
        var files = new Dictionary<string, byte[]>
        {
            [TokenizerFiles.Config] = """{"eos_token": "</s>", "chat_template": "other"}"""u8.ToArray(),
            ["chat_template.jinja"] = "other"u8.ToArray(),
            ["tokenizer.json"] = "{}"u8.ToArray(),
        };
        var changed = ExportedTemplate.NameIn(files, new FormatOptions { Template = FormatTemplate.Chatml });
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"], changed.Keys.Order(StringComparer.Ordinal));
        var config = JsonNode.Parse(changed[TokenizerFiles.Config])!;
        Assert.Equal("</s>", (string?)config["eos_token"]);
        Assert.Contains("<|im_start|>", (string)config["chat_template"]!, StringComparison.Ordinal);
        Assert.Equal(changed, ExportedTemplate.NameIn(changed, new FormatOptions { Template = FormatTemplate.Chatml }));
    }

    [Fact]
    public void A_conversation_that_the_form_has_no_place_for_is_refused()
    {
        var template = ChatTemplate.Parse(ExportedTemplate.Of(new FormatOptions { Template = FormatTemplate.Custom, Prompt = "{prompt}" })!);
        Assert.Contains("no place", Assert.Throws<InputException>(() => template.Render([new Message("tool", "1")], addGenerationPrompt: true)).Message, StringComparison.Ordinal);
    }

    private static List<Message> Conversation(Random random, bool system)
    {
        List<Message> messages = system && random.Next(3) == 0 ? [new Message("system", TextOf(random))] : [];
        for (var turns = random.Next(4); turns > 0; turns--)
        {
            messages.Add(new Message("user", TextOf(random)));
            messages.Add(new Message("assistant", TextOf(random)));
        }

        messages.Add(new Message("user", TextOf(random)));
        return messages;
    }

    private static string TextOf(Random random)
    {
        var text = new StringBuilder("t");
        for (var pieces = random.Next(6); pieces > 0; pieces--)
            text.Append(Pieces[random.Next(Pieces.Length)]);
        return text.ToString();
    }
}
