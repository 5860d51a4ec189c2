using System.Text.Json;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>What several stages do in the same way.</summary>
internal static class StageTools
{
    private static readonly JsonSerializerOptions ResultJson = new() { IncludeFields = true, RespectNullableAnnotations = true };

    /// <summary>What a part of a stage came to.</summary>
    /// <param name="Result">Its result.</param>
    /// <param name="Files">SHA-256 (hex) of the files of the folder that it wrote.</param>
    private sealed record Kept<T>(T Result, IReadOnlyDictionary<string, string> Files);

    /// <summary>A model that went into a stage, with its hash.</summary>
    public static ModelLink LinkTo(ModelPlace model, string role) => new(role, model.Source, model.Open().Hash);

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
    /// Does a part of a stage once: its result is kept in the stage's folder, written after the model it belongs to, so a resumed stage does not do that part
    /// again.
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
                StageFiles.RequireWhole(
                    written, kept.Files, $"Put them back as they were. Or delete {file}, and --resume does this part of {context.Step.Name} again.");
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
        Kind = context.Step.Stage.Name,
        Round = context.Step.Round,
        Steps = steps,
        Figures = figures,
        ModelHash = Directory.Exists(context.ModelFolder) ? Checkpoint.Open(context.ModelFolder).Hash : null,
    };

    /// <summary>Tells what a reader of the base model's configuration should know, in the stage that begins with it.</summary>
    public static void TellNotes(StageContext context, ModelPlace start, DecoderConfig config)
    {
        foreach (var note in start.Folder == context.Models.Base.Folder ? config.Notes : [])
        {
            context.Progress.Line($"{(File.Exists(start.Folder) ? start.Folder : Path.Combine(start.Folder, "config.json"))}: {note}");
        }
    }

    /// <summary>What is carried along, with the form in which the recipe writes prompts and answers, for this program and as a chat template for
    /// others.</summary>
    public static ModelSource WithFormat(this ModelSource source, FormatOptions format, Tokenizer tokenizer)
    {
        var carried = source.WithEndIds(EndOfTurn.Of(format, tokenizer));
        return carried with
        {
            Files = new Dictionary<string, byte[]>(
            ExportedTemplate.NameIn(carried.Files, format), StringComparer.Ordinal)
            { [FormatFile.Name] = FormatFile.Write(format) }
        };
    }
}
