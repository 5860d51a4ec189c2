using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>How a base model came to be: <c>base.json</c> of a run folder.</summary>
/// <param name="Made">What was read to make it.</param>
/// <param name="Files">SHA-256 (hex) of its files.</param>
internal sealed record BaseRecord(StageInputs Made, IReadOnlyDictionary<string, string> Files);

/// <summary>The model that the first stage starts from: the recipe's folder, or <c>base/</c> in the run folder, made from scratch.</summary>
internal static class BaseModel
{
    /// <summary>The recipe's key of its folder.</summary>
    public const string Key = "base.model";

    private const string EndOfText = "<|endoftext|>";
    private const ulong SeedPurpose = 0x62617365; // "base"

    /// <summary>Where it is.</summary>
    public static string FolderOf(Recipe recipe, RunFolder run) => recipe.Base.Model ?? Path.Combine(run.FullPath, "base");

    /// <summary>Makes it, unless it is there already.</summary>
    /// <exception cref="InputException">Its files are not those that were written.</exception>
    public static void Prepare(Recipe recipe, RunFolder run)
    {
        if (recipe.Base.Shape is not { } shape)
        {
            return;
        }

        var folder = FolderOf(recipe, run);
        DurableFiles.RecoverFolder(folder);
        if (run.ReadBase() is { } made)
        {
            StageFiles.RequireWhole(folder, made.Files, $"Put them back as they were, or begin a new run with another --out.");
            return;
        }

        var inputs = StageInputs.OfBase(recipe, run);
        var tokenizer = CreateTokenizer(recipe, Path.Combine(run.FullPath, "data"));
        var config = shape.ToConfig(tokenizer.VocabularySize, tokenizer.BeginningOfSequence, tokenizer.EndOfSequenceIds);
        var layout = new ParameterLayout(config);
        var parameters = new float[layout.Length];
        DecoderInitialization.Fill(layout, parameters, Philox.Derive(recipe.Seed, SeedPurpose));
        DurableFiles.ReplaceFolderAtomically(folder, path =>
        {
            HuggingFaceWriter.Save(path, config, parameters, new SaveOptions());
            tokenizer.Save(path);
        });
        run.WriteBase(new BaseRecord(inputs, StageFiles.HashesOf(folder)));
    }

    /// <summary>The tokenizer for a model from scratch: read, or trained on all training texts of the recipe as the model will see them.</summary>
    public static Tokenizer CreateTokenizer(Recipe recipe, string dataFolder)
    {
        if (recipe.Base.Tokenizer is { } folder)
        {
            return Checkpoint.Open(folder).Tokenizer;
        }

        var train = recipe.Base.TrainTokenizer!;
        return BytePairTrainer.Train(TrainingTexts(recipe, dataFolder), new BytePairTrainerOptions
        {
            VocabularySize = train.VocabularySize,
            MinimumFrequency = train.MinimumFrequency,
            SpecialTokens = [EndOfText],
            EndOfSequence = EndOfText,
        });
    }

    private static IEnumerable<string> TrainingTexts(Recipe recipe, string dataFolder)
    {
        var data = new StageData(recipe, dataFolder, new Ledger("base"));
        if (recipe.Data.Demonstrations is { } source)
        {
            var format = new Format(data.FormatOf(source), chatTemplate: null);
            foreach (var (row, _) in data.Demonstrations().Where(row => !row.IsHeldOut))
            {
                yield return format.Text(row);
            }
        }

        if (recipe.Data.Text is not null)
        {
            foreach (var (row, _) in data.Texts().Where(row => !row.IsHeldOut))
            {
                yield return row.Text;
            }
        }
    }
}
