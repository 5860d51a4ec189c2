using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Labelers.Store;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Text.Templates;

namespace Rlhf.Cli;

/// <summary>Samples one answer of a model to every prompt. Each model has its own tokenizer and format, so any of them may meet.</summary>
/// <param name="format">How a prompt becomes text.</param>
/// <param name="sampling">How answers are drawn.</param>
/// <param name="seed">The seed of every model.</param>
/// <param name="maxTokens">Cuts an answer after this many tokens.</param>
internal sealed class ModelAnswers(FormatArguments format, SamplingOptions sampling, ulong seed, int maxTokens)
{
    /// <summary>Tasks of an arena: of each prompt those pairs of models that <paramref name="pairing"/> names.</summary>
    public IReadOnlyList<ImportRow> Arena(
        ParseResult parsed, bool quiet, IReadOnlyList<NamedModel> models, IReadOnlyList<PromptRecord> prompts, ArenaPairs pairing,
        CancellationToken cancellation)
    {
        string[][] answers = [.. models.Select(model => Answers(parsed, quiet, model, prompts, cancellation))];
        string[] hashes = [.. models.Select(model => Checkpoint.Open(model.Folder).Hash)];
        return [.. prompts.Index().SelectMany(prompt => pairing.Of(prompt.Index).Select(pair => new ImportRow(
            new AnswerSet(
                pairing.RoundOf(models[pair.First].Name, models[pair.Second].Name), prompt.Item.Prompt.Text, prompt.Item.Prompt.AsMessages(),
                [answers[pair.First][prompt.Index], answers[pair.Second][prompt.Index]], SourceOf(prompt.Item, [hashes[pair.First], hashes[pair.Second]]),
                Models: [models[pair.First].Name, models[pair.Second].Name]),
            null, "", [], 0, 0, null, null, false)))];
    }

    /// <summary>The same tasks, each of those to write with a draft of a model.</summary>
    public IReadOnlyList<ImportRow> Draft(ParseResult parsed, IReadOnlyList<ImportRow> rows, NamedModel model, CancellationToken cancellation)
    {
        ImportRow[] bare = [.. rows.Where(row => row.Answers is { Kind: TaskKind.Write, Draft: null } && row.Judgement is null)];
        if (bare.Length == 0)
        {
            return rows;
        }

        PromptRecord[] prompts = [.. bare.Select(row => new PromptRecord(
            row.Answers.Source["id"]?.ToString() ?? "", Prompt.FromConversation(row.Answers.Messages), row.Position))];
        var drafts = bare.Zip(Answers(parsed, quiet: false, model, prompts, cancellation)).ToDictionary(pair => pair.First, pair => pair.Second);
        var hash = Checkpoint.Open(model.Folder).Hash;
        return [.. rows.Select(row => drafts.TryGetValue(row, out var draft) ? row with { Answers = Drafted(row.Answers, draft, model.Name, hash) } : row)];
    }

    private AnswerSet Drafted(AnswerSet answers, string draft, string model, string hash)
    {
        var source = (JsonObject)answers.Source.DeepClone();
        source["model"] = model;
        source["model_hash"] = hash;
        source["sampling"] = RankingFile.SettingsOf(sampling, maxTokens);
        return answers with { Draft = string.IsNullOrWhiteSpace(draft) ? null : draft.TrimStart(), Source = source };
    }

    private JsonObject SourceOf(PromptRecord prompt, string[] hashes)
    {
        var source = PromptRow.Of(prompt);
        source["model_hashes"] = JsonSerializer.SerializeToNode(hashes);
        source["sampling"] = RankingFile.SettingsOf(sampling, maxTokens);
        source["seed"] = seed;
        return source;
    }

    private string[] Answers(ParseResult parsed, bool quiet, NamedModel model, IReadOnlyList<PromptRecord> records, CancellationToken cancellation)
    {
        var opened = Checkpoint.Open(model.Folder);
        var tokenizer = opened.Tokenizer;
        using var models = new LoadedModels();
        var policy = models.Language(opened);
        var form = format.Of(parsed, opened);
        var prompts = PromptFile.Encode(records, tokenizer, form);
        PromptFile.RequireRoom(records, prompts, policy.Config.ContextLength, maxTokens, policy.Config.VocabularySize);
        var settings = new GenerationSettings { Sampling = sampling, MaxNewTokens = maxTokens, EndIds = EndOfTurn.Of(form, tokenizer), Seed = seed };
        using var generator = new Generator(policy);
        using var progress = ModelArguments.Progress(parsed, quiet).Start($"answers of {model.Name}", prompts.Count, "answers");
        var counter = new AnswerCounter(prompts.Count, settings, progress);
        var completions = generator.Generate([.. prompts.Select(prompt => prompt.Tokens)], settings, counter.Count, cancellation);
        return [.. completions.Select(completion => tokenizer.Decode(completion.ResponseWithoutEnd))];
    }
}
