using System.Text.Json;
using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Tests.Text;

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
        {
            Assert.Equal(RealTokenizers.Ids(item.GetProperty("ids")), RealTokenizers.Named("qwen3").Encode(Render(item, template)));
        }
    }

    [DataFact(File)]
    public void Qwen3_answers_are_found_though_it_writes_earlier_ones_otherwise()
    {
        var finder = new TurnFinder(Cases().First().Template, new Dictionary<string, object?>());
        Message user = new("user", "q"), answer = new("assistant", "a");
        Assert.Equal("<think>\n\n</think>\n\na<|im_end|>\n", finder.Find([user], answer, null)!.Answer);
        var second = finder.Find([user, answer, user], answer, null)!;
        Assert.Equal(("<think>\n\n</think>\n\na<|im_end|>\n", TurnPlace.Prompt), (second.Answer, second.Place));
        Assert.Equal(finder.PromptText([user, answer, user], null), second.Prompt);
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
            entry => ChatTemplate.Parse(entry.Value.GetProperty("template").GetString()!, entry.Value.GetProperty("bos_token").GetString(),
            entry.Value.GetProperty("eos_token").GetString()));
        foreach (var item in root.GetProperty("cases").EnumerateArray())
        {
            yield return (item, templates[item.GetProperty("tokenizer").GetString()!]);
        }
    }
}
