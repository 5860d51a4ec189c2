using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class TextTemplateTests
{
    private const string Alpaca = "Instruction: {instruction}\n[[Input: {input}\n]]Answer:";

    [Theory]
    [InlineData(Alpaca, "instruction=Do;input=it", "Instruction: Do\nInput: it\nAnswer:")]
    [InlineData(Alpaca, "instruction=Do;input=", "Instruction: Do\nAnswer:")]
    [InlineData(Alpaca, "instruction=Do", "Instruction: Do\nAnswer:")]
    [InlineData("[[{a}-{b}]][[{c}]]!", "a=1;c=3", "3!")]
    [InlineData("{{{a}}} ]] [", "a={x}", "{{x}} ]] [")]
    [InlineData("", "", "")]
    public void Fields_are_put_in_and_optional_parts_without_them_vanish(string template, string fields, string text)
    {
        var values =
            fields.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(field => field.Split('=')).ToDictionary(field => field[0], field => field[1]);
        Assert.Equal(text, new TextTemplate(template, "format.prompt").Render(values.GetValueOrDefault, "f:1:1"));
    }

    [Fact]
    public void An_absent_field_outside_of_optional_parts_is_an_error() =>
        Assert.Equal(
            "f:1:1: the format's text names the field instruction, which this row lacks; put it in [[ ]] if it may be absent.",
            Assert.Throws<InputException>(() => new TextTemplate(Alpaca, "format.prompt").Render(_ => null, "f:1:1")).Message);

    [Theory]
    [InlineData("a {", "3: expected a field's name and '}' after '{'")]
    [InlineData("{}", "1: expected a field's name and '}' after '{'")]
    [InlineData("a } b", "3: found '}' without '{' before it; write }} for a brace")]
    [InlineData("a [[{b}", "8: expected ']]' for the '[[' before")]
    [InlineData("[[a]]", "4: found [[ ]] without a field in it")]
    public void A_template_that_does_not_match_up_says_where(string template, string message) =>
        Assert.Equal($"format.prompt: character {message}.", Assert.Throws<InputException>(() => new TextTemplate(template, "format.prompt")).Message);
}
