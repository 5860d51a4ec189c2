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

/// <summary>Samples one answer of each of two models to every prompt. Each model has its own tokenizer and format, so any two may meet.</summary>
/// <param name="format">How a prompt becomes text.</param>
/// <param name="sampling">How answers are drawn.</param>
/// <param name="seed">The seed of both models.</param>
/// <param name="maxTokens">Cuts an answer after this many tokens.</param>
internal sealed class ArenaSampler(FormatArguments format, SamplingOptions sampling, ulong seed, int maxTokens)
{
    /// <summary>A task for each prompt.</summary>
    public IReadOnlyList<ImportRow> Sample(
        ParseResult parsed, bool quiet, IReadOnlyList<NamedModel> models, IReadOnlyList<PromptRecord> prompts, string round, CancellationToken cancellation)
    {
        string[][] answers = [.. models.Select(model => Answers(parsed, quiet, model, prompts, cancellation))];
        string[] names = [.. models.Select(model => model.Name)];
        string[] hashes = [.. models.Select(model => Checkpoint.Open(model.Folder).Hash)];
        return [.. prompts.Select((prompt, i) => new ImportRow(
            new AnswerSet(round, prompt.Prompt.Text, prompt.Prompt.AsMessages(), [.. answers.Select(own => own[i])], SourceOf(prompt, hashes), Models: names),
            null, "", [], 0, 0, null, null, false))];
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
