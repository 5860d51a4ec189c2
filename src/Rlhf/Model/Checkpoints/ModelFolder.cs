using Rlhf.Compute.Operations;

namespace Rlhf.Model.Checkpoints;

/// <summary>Model folders as decoders on a device, and back.</summary>
public static class ModelFolder
{
    /// <summary>
    /// Loads a model. A scalar head that the folder does not have is left zero; a language head that it does not have is an error.
    /// </summary>
    /// <param name="device">Where the model will compute.</param>
    /// <param name="folder">A Hugging Face folder.</param>
    /// <param name="kind">The heads that are needed.</param>
    /// <param name="trainable">Whether it will be trained.</param>
    /// <param name="storage">What the matrices of a model that will not be trained are kept in.</param>
    /// <param name="shifted">Whether the shift of a reward model is added to its scores, so that the demonstrations have 0 on average.</param>
    /// <exception cref="InputException">The folder is not a sound model of these kinds.</exception>
    public static LoadedModel Load(IDevice device, string folder, HeadKind kind, bool trainable = false, Precision storage = Precision.F32, bool shifted = false)
    {
        using var file = HuggingFaceFolder.Load(folder);
        if (kind.HasFlag(HeadKind.Language) && !file.HasLanguageHead)
        {
            throw new InputException($"{folder}: this is a reward model without a language head; a language model is needed here.");
        }

        var decoder = new Decoder(device, file.Config, kind, trainable, storage);
        try
        {
            file.CopyParametersTo(device, decoder.Parameters.Slice(0, decoder.Layout.Length));
            if (kind.HasFlag(HeadKind.Scalar) && file.Score is { } score)
            {
                device.CopyIn(score.Weight, decoder.Part(decoder.ScalarWeight, score.Weight.Length));
                device.CopyIn([shifted ? score.Bias + score.Shift : score.Bias], decoder.Part(decoder.ScalarBias, 1));
            }

            if (trainable)
            {
                decoder.Refresh();
            }
            else
            {
                decoder.Freeze();
            }

            return new LoadedModel(decoder, file.Source, file.Score is not null);
        }
        catch
        {
            decoder.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes a model folder, whole or not at all: with a scalar head as a reward model, else as a language model. The head's bias becomes the shift, which is no part of the score.
    /// </summary>
    /// <param name="decoder">The model.</param>
    /// <param name="folder">Replaced if it exists.</param>
    /// <param name="source">The folder it was trained from, whose tokenizer and configuration are carried along; null for a model from scratch.</param>
    /// <param name="asReward">Whether the scalar head is what is saved.</param>
    /// <param name="options">Number type and shards; the rest is set here.</param>
    public static void Save(Decoder decoder, string folder, ModelSource? source, bool asReward, SaveOptions? options = null)
    {
        void Read(long first, Span<float> destination) => decoder.Device.CopyOut(decoder.Parameters.Slice(first, destination.Length), destination);
        var settings = (options ?? new SaveOptions()) with { Source = source, Score = asReward ? ScoreOf(decoder) : null };
        DurableFiles.ReplaceFolderAtomically(folder, partial => HuggingFaceWriter.Save(partial, decoder.Config, Read, settings));
    }

    private static ScoreHead ScoreOf(Decoder decoder)
    {
        var weight = new float[decoder.Config.Width];
        Span<float> bias = stackalloc float[1];
        decoder.Device.CopyOut(decoder.Part(decoder.ScalarWeight, weight.Length), weight);
        decoder.Device.CopyOut(decoder.Part(decoder.ScalarBias, 1), bias);
        return new ScoreHead(weight, Shift: bias[0]);
    }
}

/// <summary>A model read from a folder.</summary>
/// <param name="Decoder">The model on its device.</param>
/// <param name="Source">What is carried along when a model trained from it is saved.</param>
/// <param name="HasScore">Whether the folder is a reward model's.</param>
public sealed record LoadedModel(Decoder Decoder, ModelSource Source, bool HasScore);
