using System.CommandLine;
using System.Globalization;
using Rlhf.Labelers.Store;

namespace Rlhf.Cli;

/// <summary>Drafts of a model for tasks to write, as options of <c>rlhf label import</c>: made there, or read from a file.</summary>
internal sealed class DraftArguments
{
    private const string WithModel = "With --draft-model: ";

    private readonly Option<string?> _model = new("--draft-model")
    {
        Description = "A language model's folder: it writes a draft of each answer that people are to write.",
        HelpName = "[NAME=]DIR",
    };

    private readonly Option<string?> _file = new("--drafts")
    {
        Description = "A file of rows with prompt and response: the response is the draft of the answer to that prompt.",
        HelpName = "FILE",
    };

    private readonly Option<int> _maxTokens = ModelArguments.Number("--max-tokens", 128, 1, $"{WithModel}cuts a draft after this many tokens.");
    private readonly SamplingArguments _sampling = new();
    private readonly FormatArguments _format = new();

    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_file);
        command.Add(_maxTokens);
        _sampling.AddTo(command);
        _format.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_model) is not null && result.GetValue(_file) is not null)
            {
                result.AddError("--draft-model and --drafts both give drafts: leave one of them out.");
            }

            Option[] others = [_maxTokens, .. _sampling.All, .. _format.All];
            if (result.GetValue(_model) is null && others.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is { } idle)
            {
                result.AddError($"{idle.Name} has an effect only with --draft-model.");
            }
        });
    }

    /// <summary>The rows with their drafts; a row that has one of its own keeps it.</summary>
    /// <exception cref="InputException">There are drafts, and nothing to write.</exception>
    public IEnumerable<ImportRow> AddTo(ParseResult parsed, IEnumerable<ImportRow> rows, CancellationToken cancellation)
    {
        if (parsed.GetValue(_model) is null && parsed.GetValue(_file) is null)
        {
            return rows;
        }

        ImportRow[] all = [.. rows];
        if (!all.Any(row => row.Answers.Kind == TaskKind.Write))
        {
            throw new InputException("Drafts are for answers that people write, and no row asks for one: add --kind write, or leave the drafts out.");
        }

        return parsed.GetValue(_file) is { } file ? FromFile(parsed, all, file)
            : new ModelAnswers(_format, _sampling.Of(parsed), _sampling.SeedOf(parsed), parsed.GetValue(_maxTokens))
                .Draft(parsed, all, NamedModel.Of(parsed.GetValue(_model)!), cancellation);
    }

    private static ImportRow[] FromFile(ParseResult parsed, ImportRow[] rows, string file)
    {
        var drafts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in RankingRows.Read(file, kind: TaskKind.Review).Where(row => row.Answers.Kind == TaskKind.Review))
        {
            drafts.TryAdd(row.Answers.PromptText, row.Answers.Responses[0]);
        }

        var without = rows.Count(row => row.Answers is { Kind: TaskKind.Write, Draft: null } && !drafts.ContainsKey(row.Answers.PromptText));
        parsed.Error().WriteLine(string.Create(CultureInfo.InvariantCulture, $"rlhf: {file}: {drafts.Count} drafts; prompts without one: {without}"));
        return [.. rows.Select(row => row.Answers is { Kind: TaskKind.Write, Draft: null } && drafts.TryGetValue(row.Answers.PromptText, out var draft)
            ? row with { Answers = row.Answers with { Draft = draft } }
            : row)];
    }
}
