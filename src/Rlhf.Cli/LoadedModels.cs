using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Numerics;
using Rlhf.Numerics.Cpu;
using Rlhf.Tokenization;

namespace Rlhf.Cli;

/// <summary>The models of one command on one device.</summary>
internal sealed class LoadedModels : IDisposable
{
    private readonly IDevice _device = CpuDevice.Create();
    private readonly List<Decoder> _decoders = [];

    /// <summary>Whether a folder is a reward model's, by its header alone.</summary>
    public static bool IsReward(string folder)
    {
        using var file = HuggingFaceFolder.Load(folder);
        return file.Score is not null;
    }

    /// <summary>The tokenizer of a folder; null where it has none.</summary>
    public static Tokenizer? FindTokenizer(string folder) =>
        File.Exists(Path.Combine(folder, "tokenizer.json")) || File.Exists(Path.Combine(folder, "vocab.json")) ? Tokenizer.Load(folder) : null;

    /// <summary>A language model.</summary>
    /// <exception cref="InputException">The folder is a reward model's, which was trained to score and not to write.</exception>
    public Decoder Language(string folder) => IsReward(folder)
        ? throw new InputException($"{folder}: this is a reward model; a language model is needed here.")
        : Load(folder, HeadKind.Language).Decoder;

    /// <summary>What PPO adds to the scores of a reward model, so that the demonstrations have 0 on average; 0 where nothing is added.</summary>
    public static float ShiftOf(string folder)
    {
        using var file = HuggingFaceFolder.Load(folder);
        return file.Score?.Shift ?? 0;
    }

    /// <summary>Refuses to add a shift that a folder does not have.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static void RequireShift(string folder)
    {
        if (ShiftOf(folder) == 0)
        {
            throw new InputException($"{folder}: --score-shift has no effect: its config.json has no score_shift. Leave the option out.");
        }
    }

    /// <summary>A reward model.</summary>
    /// <param name="folder">The reward model.</param>
    /// <param name="shifted">Whether its shift is added to the scores.</param>
    /// <exception cref="InputException">The folder has no scalar head, or no shift that could be added.</exception>
    public Decoder Reward(string folder, bool shifted = false)
    {
        if (!IsReward(folder))
        {
            throw new InputException($"{folder}: this is a language model, not a reward model: it has no score.weight. Train one with 'rlhf reward', or name its model folder.");
        }

        if (shifted)
        {
            RequireShift(folder);
        }

        return Load(folder, HeadKind.Scalar, shifted).Decoder;
    }

    /// <summary>A reward model that reads the token ids of <paramref name="tokenizer"/>.</summary>
    /// <param name="folder">The reward model.</param>
    /// <param name="tokenizer">The tokenizer of the model whose answers it judges.</param>
    /// <param name="policyFolder">Where that one stands, for messages.</param>
    /// <param name="shifted">Whether its shift is added to the scores.</param>
    public Decoder Reward(string folder, Tokenizer tokenizer, string policyFolder, bool shifted = false)
    {
        var decoder = Reward(folder, shifted);
        RequireSameTokens(folder, tokenizer, policyFolder);
        return decoder;
    }

    /// <summary>A language model that reads the token ids of <paramref name="tokenizer"/>.</summary>
    public Decoder Language(string folder, Tokenizer tokenizer, string policyFolder)
    {
        var decoder = Language(folder);
        RequireSameTokens(folder, tokenizer, policyFolder);
        return decoder;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var decoder in _decoders)
        {
            decoder.Dispose();
        }

        _device.Dispose();
    }

    private LoadedModel Load(string folder, HeadKind kind, bool shifted = false)
    {
        var loaded = ModelFolder.Load(_device, folder, kind, shifted: shifted);
        _decoders.Add(loaded.Decoder);
        return loaded;
    }

    // Models exchange token ids, so an id must mean the same token to both.
    private static void RequireSameTokens(string folder, Tokenizer tokenizer, string policyFolder)
    {
        if (FindTokenizer(folder) is { } other && !other.HasSameVocabulary(tokenizer))
        {
            throw new InputException($"{folder}: its tokenizer is another than that of {policyFolder}, so it would read other words than were written: use models that were trained from the same base.");
        }
    }
}
