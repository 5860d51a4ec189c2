using System.Text.Json;
using Rlhf.Tokenization;

namespace Rlhf.Tests.Tokenization;

/// <summary>Qwen3's template, which is not ours and so stands only in <c>../shared/reference</c>.</summary>
public class ChatTemplateFixtureTests
{
    private const string File = "../reference/tokenizers/chat_templates.json";

    [DataFact(File)]
    public void Qwen3_conversations_render_as_in_the_reference()
    {
        foreach (var (item, template) in Cases())
        {
            var rendered = Render(item, template);
            Assert.Equal((item.GetProperty("name").GetString(), item.GetProperty("rendered").GetString()), (item.GetProperty("name").GetString(), rendered));
        }
    }

    [DataFact(File)]
    public void Qwen3_conversations_get_the_reference_ids()
    {
        foreach (var (item, template) in Cases())
            Assert.Equal(RealTokenizers.Ids(item.GetProperty("ids")), RealTokenizers.Named("qwen3").Encode(Render(item, template)));
    }

    [DataFact(File)]
    public void Qwen3_single_turns_have_one_assistant_span_and_its_changed_history_is_refused()
    {
        var template = Cases().First().Template;
        var (text, spans) = template.RenderWithAssistantSpans([new("user", "q"), new("assistant", "a")]);
        Assert.Equal("<think>\n\n</think>\n\na<|im_end|>", text.Substring(spans.Single().Start, spans.Single().Length));
        var refusal = Assert.Throws<InputException>(() =>
            template.RenderWithAssistantSpans([new("user", "q"), new("assistant", "a"), new("user", "q"), new("assistant", "a")]));
        Assert.Contains("generation", refusal.Message, StringComparison.Ordinal);
    }

    private static string Render(JsonElement item, ChatTemplate template)
    {
        var tools = item.GetProperty("tools");
        return template.Render(
            item.GetProperty("messages").EnumerateArray().ToList(),
            item.GetProperty("add_generation_prompt").GetBoolean(),
            item.GetProperty("kwargs").EnumerateObject().ToDictionary(entry => entry.Name, entry => (object?)entry.Value),
            tools.ValueKind == JsonValueKind.Null ? null : tools.EnumerateArray().ToList());
    }

    private static IEnumerable<(JsonElement Item, ChatTemplate Template)> Cases()
    {
        var root = JsonDocument.Parse(System.IO.File.ReadAllBytes(ReferenceFiles.DataPathOf(File.Split('/')))).RootElement;
        var templates = root.GetProperty("templates").EnumerateObject().ToDictionary(
            entry => entry.Name,
            entry => ChatTemplate.Parse(entry.Value.GetProperty("template").GetString()!, entry.Value.GetProperty("bos_token").GetString(), entry.Value.GetProperty("eos_token").GetString()));
        foreach (var item in root.GetProperty("cases").EnumerateArray())
            yield return (item, templates[item.GetProperty("tokenizer").GetString()!]);
    }
}
