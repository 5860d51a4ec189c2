using Rlhf.Data;
using Rlhf.Tests.Cli;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Text.Templates;

public sealed class FormatFileTests : IDisposable
{
    private readonly TinyModels _models = new();

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(FormatTemplate.HumanAssistant, null, "{response}")]
    [InlineData(FormatTemplate.Custom, "Q: {prompt}\n[[Note: {input}\n]]A:", " {response}")]
    public void A_format_comes_back_as_it_was_written(FormatTemplate template, string? prompt, string response)
    {
        var options = new FormatOptions { Template = template, Prompt = prompt, Response = response, AddBos = BeginningOfSequence.True, AddEos = false };
        File.WriteAllBytes(Path.Combine(_models.Path, FormatFile.Name), FormatFile.Write(options));
        Assert.Equal(options, FormatFile.Read(_models.Path));
    }

    [Theory]
    [InlineData("{\"template\": \"custom\", \"prompts\": \"x\"}")]
    [InlineData("{\"template\": 3}")]
    [InlineData("null")]
    [InlineData("{")]
    public void A_broken_file_is_named(string text)
    {
        _models.Write(FormatFile.Name, text);
        Assert.Contains(FormatFile.Name, Assert.Throws<InputException>(() => FormatFile.Read(_models.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Commands_write_prompts_as_the_model_was_trained_unless_told_otherwise()
    {
        var model = _models.Language("model");
        string[] common = ["generate", "--model", model, "--prompt", "Name a fruit.", "--max-tokens", "1", "--json"];
        string Tokens(params string[] more) => TinyModels.JsonLines([.. common, .. more])[0].GetProperty("prompt_tokens").GetRawText();
        var (plain, custom) = (Tokens(), Tokens("--prompt-format", "Q: {prompt}\\nA:"));

        File.WriteAllBytes(
            Path.Combine(model, FormatFile.Name), FormatFile.Write(new FormatOptions { Template = FormatTemplate.Custom, Prompt = "Q: {prompt}\nA:" }));
        Assert.Equal(custom, Tokens());
        Assert.Equal(plain, Tokens("--format", "plain"));
    }
}
