using System.CommandLine;
using Rlhf.Data;
using Rlhf.Tokenization;

namespace Rlhf.Cli;

/// <summary>How prompts and answers are written, as options of a command: what the training's recipe says under <c>format</c>.</summary>
internal sealed class FormatArguments
{
    private const string Custom = "custom";

    private static readonly Dictionary<string, FormatTemplate> Templates = new(StringComparer.Ordinal)
    {
        ["plain"] = FormatTemplate.Plain,
        ["chatml"] = FormatTemplate.Chatml,
        ["human-assistant"] = FormatTemplate.HumanAssistant,
        ["tokenizer"] = FormatTemplate.Tokenizer,
        [Custom] = FormatTemplate.Custom,
    };

    private readonly Option<string?> _template = new("--format")
    {
        Description = "How a prompt becomes text: plain, chatml, human-assistant, tokenizer (the folder's chat template) or custom. Default: what the model was trained with (prompt_format.json in its folder), else tokenizer where the folder has a template, else plain.",
        HelpName = "FORM",
    };

    private readonly Option<string?> _prompt = new("--prompt-format") { Description = "For custom: the prompt's text, as in 'Question: {prompt}\\nAnswer:'; \\n is a line end.", HelpName = "TEXT" };
    private readonly Option<string?> _response = new("--response-format") { Description = "For custom: the answer's text, with {response} in it.", HelpName = "TEXT" };

    public IReadOnlyList<Option> All => [_template, _prompt, _response];

    public void AddTo(Command command)
    {
        _template.AcceptOnlyFromAmong([.. Templates.Keys]);
        foreach (var option in All)
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.GetValue(_prompt) is null && (result.GetValue(_template) == Custom || result.GetValue(_response) is not null))
            {
                result.AddError("The format custom needs --prompt-format TEXT.");
            }

            if (result.GetValue(_prompt) is not null && result.GetValue(_template) is not (null or Custom))
            {
                result.AddError("--prompt-format has an effect only with --format custom.");
            }
        });
    }

    /// <summary>The format of a model, unless the command line gives another; an answer ends in the end-of-sequence token where the tokenizer has one.</summary>
    public FormatOptions Of(ParseResult parsed, Tokenizer tokenizer, string folder)
    {
        var (template, prompt) = (parsed.GetValue(_template), Unescaped(parsed.GetValue(_prompt)));
        if (template is null && prompt is null)
        {
            return FormatFile.For(folder, tokenizer);
        }

        var options = new FormatOptions { AddEos = tokenizer.EndOfSequence is not null };
        return options with
        {
            Template = prompt is null ? Templates[template!] : FormatTemplate.Custom,
            Prompt = prompt,
            Response = Unescaped(parsed.GetValue(_response)) ?? options.Response,
        };
    }

    // A shell makes line ends hard to write.
    private static string? Unescaped(string? text) => text?.Replace("\\n", "\n", StringComparison.Ordinal);
}
