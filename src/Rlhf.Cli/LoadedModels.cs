using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Cli;

/// <summary>The models of one command on one device.</summary>
/// <param name="storage">What their matrices are kept in; null: what loses nothing.</param>
/// <param name="notes">Told what was rounded twice.</param>
internal sealed class LoadedModels(WeightStorage? storage = null, TextWriter? notes = null) : IDisposable
{
    private readonly IDevice _device = Devices.Create();
    private readonly List<Decoder> _decoders = [];

    /// <summary>A language model.</summary>
    /// <exception cref="InputException">The folder is a reward model's, which was trained to score and not to write.</exception>
    public Decoder Language(Checkpoint model) => model.Score is not null
        ? throw new InputException($"{model.Folder}: this is a reward model; a language model is needed here.")
        : Keep(model, HeadKind.Language, shifted: false);

    /// <summary>A language model that reads the token ids of another.</summary>
    public Decoder Language(Checkpoint model, Checkpoint policy)
    {
        var decoder = Language(model);
        RequireSameTokens(model, policy);
        return decoder;
    }

    /// <summary>Says which blocks of a file were rounded a second time.</summary>
    public static void TellRoundedAgain(TextWriter? notes, string model, IReadOnlyCollection<string> types)
    {
        if (types.Count > 0)
        {
            notes?.WriteLine(
                $"rlhf: {model}: blocks of {string.Join(", ", types)} were made float32 and rounded again; without --storage, or with f32, they are not.");
        }
    }

    /// <summary>Refuses to add a shift that a model does not have: what PPO adds to the scores of a reward model, so that the demonstrations have 0 on
    /// average.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static void RequireShift(Checkpoint model)
    {
        if (model.Score is not { Shift: not 0 })
        {
            throw new InputException($"{model.Folder}: --score-shift has no effect: its config.json has no score_shift. Leave the option out.");
        }
    }

    /// <summary>A reward model.</summary>
    /// <param name="model">The reward model.</param>
    /// <param name="shifted">Whether its shift is added to the scores.</param>
    /// <exception cref="InputException">The folder has no scalar head, or no shift that could be added.</exception>
    public Decoder Reward(Checkpoint model, bool shifted = false)
    {
        if (model.Score is null)
        {
            throw new InputException(
                $"{model.Folder}: this is a language model, not a reward model: it has no score.weight. Train one with 'rlhf reward', or name its model folder.");
        }

        if (shifted)
        {
            RequireShift(model);
        }

        return Keep(model, HeadKind.Scalar, shifted);
    }

    /// <summary>A reward model that reads the token ids of the model whose answers it judges.</summary>
    public Decoder Reward(Checkpoint model, Checkpoint policy, bool shifted = false)
    {
        var decoder = Reward(model, shifted);
        RequireSameTokens(model, policy);
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

    private Decoder Keep(Checkpoint model, HeadKind kind, bool shifted)
    {
        var decoder = model.Load(_device, kind, trainable: false, storage, shifted);
        TellRoundedAgain(notes, model.Folder, model.RoundedAgain);
        _decoders.Add(decoder);
        return decoder;
    }

    // Models exchange token ids, so an id must mean the same token to both.
    private static void RequireSameTokens(Checkpoint model, Checkpoint policy)
    {
        if (model.HasTokenizer && !model.Tokenizer.HasSameVocabulary(policy.Tokenizer))
        {
            throw new InputException(
                $"{model.Folder}: its tokenizer is another than that of {policy.Folder}, so it would read other words than were written: use models that were trained from the same base.");
        }
    }
}
