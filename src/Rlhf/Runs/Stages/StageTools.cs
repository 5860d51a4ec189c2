using System.Text.Json;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Generation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Quickstart;
using Rlhf.Reporting;
using Rlhf.Tokenization;
using Rlhf.Training.SupervisedFineTuning;

namespace Rlhf.Runs.Stages;

/// <summary>What several stages do in the same way.</summary>
internal static class StageTools
{
    private static readonly JsonSerializerOptions ResultJson = new() { IncludeFields = true, RespectNullableAnnotations = true };

    /// <summary>What a part of a stage came to.</summary>
    /// <param name="Result">Its result.</param>
    /// <param name="Files">SHA-256 (hex) of the files of the folder that it wrote.</param>
    private sealed record Kept<T>(T Result, IReadOnlyDictionary<string, string> Files);

    /// <summary>Limits that also keep prompt and response within the model's context.</summary>
    public static EncodingOptions Within(this EncodingOptions limits, int contextLength) =>
        limits with { MaxTokens = Math.Min(limits.MaxTokens ?? contextLength, contextLength) };

    /// <summary>Limits of prompts that leave room for an answer in the model's context.</summary>
    public static EncodingOptions ForPrompts(this EncodingOptions limits, int contextLength, int maxNewTokens)
    {
        var room = contextLength - maxNewTokens;
        return room > 0
            ? limits with { MaxPromptTokens = Math.Min(limits.MaxPromptTokens ?? room, room) }
            : throw new InputException($"max_new_tokens {maxNewTokens} leaves no room for a prompt in the model's context of {contextLength} tokens");
    }

    /// <summary>Prompts with their encoded form; those that the limits dropped are in the ledger.</summary>
    public static List<(PromptRecord Record, EncodedPrompt Encoded)> EncodePrompts(SequenceEncoder encoder, IEnumerable<PromptRecord> prompts) =>
        [.. prompts.Select(prompt => (prompt, encoder.Encode(prompt))).Where(pair => pair.Item2 is not null).Select(pair => (pair.prompt, pair.Item2!))];

    /// <summary>The judge that knows the truth, where the recipe's labeler is the gold rule.</summary>
    public static Func<int, string, double>? GoldOf(Recipe recipe, IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> prompts)
    {
        if (recipe.Collect?.Labeler != CollectOptions.GoldLabeler)
        {
            return null;
        }

        var rule = new GoldRule();
        return (prompt, answer) => rule.Scores(prompts[prompt].Record.Prompt, [answer])[0];
    }

    /// <summary>A figure of a summary.</summary>
    public static Figure ToFigure(this Estimate estimate, string? unit = null) => new(estimate.Value, estimate.Low, estimate.High, unit);

    /// <summary>A model that went into a stage, with its hash.</summary>
    public static ModelLink LinkTo(ModelPlace model, string role) => new(role, model.Source, DurableFiles.ContentHash(model.Folder));

    /// <summary>Encodes the trained turns of a demonstration.</summary>
    public static Func<Demonstration, IReadOnlyList<EncodedSequence>> Encode(this SftOptions options, SequenceEncoder encoder) =>
        row => encoder.Encode(row, options.TrainOn, options.TrainOnPrompt);

    /// <summary>The tokenizer of a model folder.</summary>
    public static Tokenizer TokenizerOf(ModelPlace model) => Tokenizer.Load(model.Folder);

    /// <summary>How answers are sampled.</summary>
    public static GenerationSettings Sampling(SamplingOptions sampling, int maxNewTokens, IReadOnlyList<int> endIds, ulong seed, int rowBudget) => new()
    {
        Sampling = sampling,
        MaxNewTokens = maxNewTokens,
        EndIds = endIds,
        Seed = seed,
        RowBudget = rowBudget,
    };

    /// <summary>
    /// Does a part of a stage once: its result is kept in the stage's folder, written after the model it belongs to, so a resumed stage does not do that part again.
    /// </summary>
    /// <param name="context">The stage.</param>
    /// <param name="name">The part's name.</param>
    /// <param name="part">Does it.</param>
    /// <param name="written">The folder of the model that it writes; null for none.</param>
    /// <exception cref="InputException">The result or the model is not what was written.</exception>
    public static T Once<T>(StageContext context, string name, Func<T> part, string? written = null)
    {
        var file = Path.Combine(context.Folder, name + ".json");
        if (File.Exists(file))
        {
            var kept = CheckedJson.Read<Kept<T>>(file, ResultJson);
            if (written is not null)
            {
                StageFiles.RequireWhole(written, kept.Files, $"Put them back as they were. Or delete {file}, and --resume does this part of {context.Step.Name} again.");
            }

            return kept.Result;
        }

        var result = part();
        CheckedJson.Write(file, new Kept<T>(result, written is null ? new Dictionary<string, string>() : StageFiles.HashesOf(written)), ResultJson);
        return result;
    }

    /// <summary>The name and row fields that every summary has.</summary>
    public static StageSummary SummaryOf(StageContext context, long steps, IReadOnlyDictionary<string, Figure> figures) => new()
    {
        Name = context.Step.Name,
        Kind = SnakeCase.From(context.Step.Kind.ToString()),
        Round = context.Step.Round,
        Steps = steps,
        Figures = figures,
        ModelHash = Directory.Exists(context.ModelFolder) ? DurableFiles.ContentHash(context.ModelFolder) : null,
    };

    /// <summary>Tells what a reader of the base model's configuration should know, in the stage that begins with it.</summary>
    public static void TellNotes(StageContext context, ModelPlace start, DecoderConfig config)
    {
        foreach (var note in start.Folder == context.Models.Base.Folder ? config.Notes : [])
        {
            context.Progress.Line($"{Path.Combine(start.Folder, "config.json")}: {note}");
        }
    }

    /// <summary>What is carried along, with the form in which the recipe writes prompts and answers, for this program and as a chat template for others.</summary>
    public static ModelSource WithFormat(this ModelSource source, FormatOptions format, Tokenizer tokenizer)
    {
        var carried = source.WithEndIds(EndOfTurn.Of(format, tokenizer));
        return carried with { Files = new Dictionary<string, byte[]>(ExportedTemplate.NameIn(carried.Files, format), StringComparer.Ordinal) { [FormatFile.Name] = FormatFile.Write(format) } };
    }

    /// <summary>Whether a folder holds a model, so that a wrong path is told before the work begins.</summary>
    public static void Check(ModelPlace model) => HuggingFaceFolder.Load(model.Folder).Dispose();
}
