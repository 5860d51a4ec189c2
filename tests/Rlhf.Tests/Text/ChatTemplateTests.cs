using System.Diagnostics;
using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Text;

public class ChatTemplateTests
{
    private static readonly Message[] Conversation =
        [new("system", "Be brief."), new("user", "Hi"), new("assistant", "Hello."), new("user", "Bye"), new("assistant", "See you.")];

    // Written for this test in the manner of Llama 3's: header tokens, trimmed contents, BOS in front of the first message.
    private const string HeaderStyle = """
        {%- if not date_string is defined %}
            {%- set date_string = strftime_now("%d %b %Y") %}
        {%- endif %}
        {%- if messages[0]['role'] == 'system' %}
            {%- set opening = messages[0]['content'] | trim %}
            {%- set messages = messages[1:] %}
        {%- else %}
            {%- set opening = "" %}
        {%- endif %}
        {{- bos_token + "<|start_header_id|>system<|end_header_id|>\n\nToday: " + date_string + "\n\n" + opening + "<|eot_id|>" }}
        {%- for message in messages %}
            {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}
                {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
        {%- endif %}
        """;

    [Fact]
    public void A_template_with_headers_renders_and_its_answers_are_found_behind_them()
    {
        var template = ChatTemplate.Parse(HeaderStyle, "<|begin_of_text|>", "<|eot_id|>");
        var variables = new Dictionary<string, object?> { ["date_string"] = "26 Jul 2024" };
        var rendered = template.Render(Conversation[..2], addGenerationPrompt: true, variables);
        Assert.Equal(
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday: 26 Jul 2024\n\nBe brief.<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            rendered);
        var finder = new TurnFinder(template, variables);
        Assert.Equal("Hello.<|eot_id|>", finder.Find(Conversation[..2], Conversation[2], null)!.Answer);
        Assert.Equal("See you.<|eot_id|>", finder.Find(Conversation[..4], Conversation[4], null)!.Answer);
    }

    [Fact]
    public void Chatml_marks_answers_with_their_end()
    {
        var (text, spans) = ChatTemplate.BuiltIn("chatml").RenderWithGeneration(Conversation[..3]);
        Assert.Equal("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n", text);
        Assert.Equal("Hello.<|im_end|>", text.Substring(spans.Single().Start, spans.Single().Length));
        Assert.EndsWith("<|im_start|>assistant\n", ChatTemplate.BuiltIn("chatml").Render(Conversation[..2], addGenerationPrompt: true));
    }

    [Fact]
    public void Human_assistant_is_the_form_of_hh_transcripts()
    {
        var template = ChatTemplate.BuiltIn("human-assistant");
        Assert.Equal("\n\nHuman: Hi\n\nAssistant:", template.Render(Conversation[1..2], addGenerationPrompt: true));
        var (text, spans) = template.RenderWithGeneration(Conversation[1..]);
        Assert.Equal("\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Bye\n\nAssistant: See you.", text);
        Assert.Equal([" Hello.", " See you."], spans.Select(span => text.Substring(span.Start, span.Length)));
    }

    [Theory]
    [InlineData("a\n  {% while x %}", "t:2:6")]
    [InlineData("{{ x | shout }}", "t:1:8")]
    [InlineData("{{ x is odder }}", "t:1:9")]
    [InlineData("{{ 'open }}", "t:1:4")]
    [InlineData("ab {{ x ", "t:1:4")]
    [InlineData("{% if true %}\nno end", "t:2:7")]
    [InlineData("{{ (1 }}", "t:1:7")]
    [InlineData("{# never closed", "t:1:1")]
    [InlineData("{% break %}", "t:1:4")]
    public void What_is_not_supported_is_refused_with_line_and_column(string template, string where) =>
        Assert.StartsWith(where, Assert.Throws<InputException>(() => ChatTemplate.Parse(template, name: "t")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("x\n{{ raise_exception('no tools') }}", "t:2:19", "no tools")]
    [InlineData("{{ missing.part }}", "t:1:11", "missing")]
    [InlineData("{{ 1 + 'a' }}", "t:1:6", "number")]
    [InlineData("{{ messages.append(1) }}", "t:1:19", "change")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "t:1:24", "large")]
    [InlineData("{{ 1 // 0 }}", "t:1:6", "zero")]
    public void What_fails_in_rendering_is_reported_with_line_and_column(string template, string where, string what)
    {
        var message = Assert.Throws<InputException>(() => ChatTemplate.Parse(template, name: "t").Render(Conversation, false)).Message;
        Assert.Contains(what, message, StringComparison.Ordinal);
        Assert.StartsWith(where[..4], message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [InlineData("{{ 'x' * 9999999999 }}")]
    [InlineData("{% set ns = namespace(v=[]) %}{% for i in range(90000) %}{% set ns.v = [ns.v] %}{% endfor %}{{ ns.v }}")]
    [InlineData("{{ 2 ** 999999999999 }}")]
    public void A_hostile_template_ends_with_an_error(string template)
    {
        var clock = Stopwatch.StartNew();
        Assert.Throws<InputException>(() => ChatTemplate.Parse(template).Render(Conversation, false));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void Deeply_nested_sources_are_refused()
    {
        foreach (var template in new[]
        {
            "{{ " + new string('(', 200_000) + "1" + new string(')', 200_000) + " }}",
            "{{ " + string.Concat(Enumerable.Repeat("not ", 200_000)) + "1 }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" ~ 1", 200_000)) + " }}",
            string.Concat(Enumerable.Repeat("{% if 1 %}", 100_000)),
        })
        {
            Assert.Throws<InputException>(() => ChatTemplate.Parse(template).Render(Conversation, false));
        }
    }

    [Fact]
    public void A_folder_without_a_usable_template_still_has_its_tokenizer()
    {
        var options = new BytePairTrainerOptions { VocabularySize = 256, ChatTemplate = "{% unknown %}" };
        var tokenizer = BytePairTrainer.Train([], options);
        Assert.Equal([64], tokenizer.Encode("a"));
        Assert.Contains("unknown", Assert.Throws<InputException>(() => tokenizer.ChatTemplate).Message, StringComparison.Ordinal);
    }
}
