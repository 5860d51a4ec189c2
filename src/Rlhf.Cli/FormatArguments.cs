using System.CommandLine;
using Rlhf.Data;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Cli;

/// <summary>How prompts and answers are written, as options of a command: what the training's recipe says under <c>format</c>.</summary>
/// <param name="prompt">How the option for the prompt's text is called.</param>
/// <param name="response">How the option for the answer's text is called.</param>
internal sealed class FormatArguments(string prompt = "--prompt-format", string response = "--response-format")
{
    private const string Custom = "custom";
    private const string Auto = "auto";

    private static readonly Dictionary<string, FormatTemplate> Templates = new(StringComparer.Ordinal)
    {
        ["plain"] = FormatTemplate.Plain,
        ["chatml"] = FormatTemplate.Chatml,
        ["human_assistant"] = FormatTemplate.HumanAssistant,
        ["tokenizer"] = FormatTemplate.Tokenizer,
        [Custom] = FormatTemplate.Custom,
        [Auto] = FormatTemplate.Auto,
    };

    private readonly Option<string?> _template = new("--format")
    {
        Description = "How a prompt becomes text: auto, plain, chatml, human_assistant, tokenizer (the folder's chat template) or custom. Default: auto, what the model was trained with (prompt_format.json in its folder), else tokenizer where the folder has a template, else plain.",
        HelpName = "FORM",
    };

    private readonly Option<string?> _prompt =
        new(prompt) { Description = "For custom: the prompt's text, as in 'Question: {prompt}\\nAnswer:'; \\n is a line end.", HelpName = "TEXT" };
    private readonly Option<string?> _response = new(response) { Description = "For custom: the answer's text, with {response} in it.", HelpName = "TEXT" };

    private readonly Option<string[]> _variables = new("--variable")
    {
        Description = "A variable of the chat template, as in enable_thinking=false; may be repeated.",
        HelpName = "NAME=VALUE",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string?> _date = new("--date")
    {
        Description = "The day that the chat template writes, as 2026-01-31. Default: what the model was trained with, else today.",
        HelpName = "DAY",
    };

    public IReadOnlyList<Option> All => [_template, _prompt, _response, _variables, _date];

    public void AddTo(Command command)
    {
        _template.Validators.Add(result =>
        {
            if (result.GetValue(_template) is { } given && !Templates.ContainsKey(NameOf(given)))
            {
                result.AddError($"--format {given}: expected one of {string.Join(", ", Templates.Keys)}.");
            }
        });
        foreach (var option in All)
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.GetValue(_prompt) is null && (result.GetValue(_template) == Custom || result.GetValue(_response) is not null))
            {
                result.AddError($"The format custom needs {prompt} TEXT.");
            }

            if (result.GetValue(_prompt) is not null && result.GetValue(_template) is not (null or Custom))
            {
                result.AddError($"{prompt} has an effect only with --format custom.");
            }
        });
    }

    /// <summary>The format of a model, unless the command line gives another; an answer ends in the end-of-sequence token where the tokenizer has
    /// one.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">The model; null without one.</param>
    public FormatOptions Of(ParseResult parsed, Checkpoint? model)
    {
        var (template, text) = (parsed.GetValue(_template), Unescaped(parsed.GetValue(_prompt)));
        var own = model?.Format ?? new FormatOptions();
        var options = template is null or Auto && text is null ? own : new FormatOptions
        {
            AddEos = model?.Tokenizer.EndOfSequence is not null,
            Template = text is null ? Templates[NameOf(template!)] : FormatTemplate.Custom,
            Prompt = text,
            Response = Unescaped(parsed.GetValue(_response)) ?? new FormatOptions().Response,
            Date = own.Date,
        };
        var variables = parsed.GetValue(_variables)!.Select(VariableOf).Concat(options.Variables.Select(pair => (pair.Key, pair.Value)));
        return options with
        {
            Variables = variables.DistinctBy(pair => pair.Item1).ToDictionary(pair => pair.Item1, pair => pair.Item2, StringComparer.Ordinal),
            Date = parsed.GetValue(_date) ?? options.Date,
        };
    }

    // Recipes write human_assistant; both spellings have been in use.
    private static string NameOf(string given) => given.Replace('-', '_');

    private static (string, string) VariableOf(string text) => text.Split('=', 2) is [{ Length: > 0 } name, var value]
        ? (name, value)
        : throw new InputException($"--variable {text}: expected a name and a value, as in enable_thinking=false.");

    // A shell makes line ends hard to write.
    private static string? Unescaped(string? text) => text?.Replace("\\n", "\n", StringComparison.Ordinal);
}
