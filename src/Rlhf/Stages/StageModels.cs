using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>
/// The models of a stage. Under adapters the frozen weights stand in memory once, whatever number of roles reads them: each role has only a small part of its
/// own.
/// </summary>
/// <param name="device">Where they compute.</param>
/// <param name="storage">What frozen matrices are kept in.</param>
/// <param name="tell">Tells a person what becomes of an adapter that is not trained on.</param>
internal sealed class StageModels(IDevice device, WeightStorage storage, Action<string> tell) : IDisposable
{
    private const ulong AdapterSeed = 0x61646170746572; // "adapter"
    private readonly Dictionary<string, Decoder> _shared = new(StringComparer.Ordinal);

    /// <summary>A model that is only read.</summary>
    /// <param name="model">The model.</param>
    /// <param name="kind">The heads that are needed.</param>
    /// <param name="shifted">Whether the shift of a reward model is added to its scores.</param>
    public Decoder Frozen(Checkpoint model, HeadKind kind, bool shifted = false)
    {
        if (model.StandsApart)
        {
            return model.LoadOn(Beneath(model.Beneath!, kind), kind, trainable: false, shifted);
        }

        return kind == HeadKind.Language && _shared.TryGetValue(KeyOf(model), out var weights)
            ? new Decoder(weights, adapter: null, kind, trainable: false)
            : model.Load(device, kind, trainable: false, storage, shifted);
    }

    /// <summary>A model that is trained: all of it, or an adapter on it. An adapter that has the matrices which the options ask for is trained on; another one
    /// stays beneath the new one, as it is.</summary>
    /// <param name="start">What it starts as.</param>
    /// <param name="kind">The heads that are needed.</param>
    /// <param name="adapter">The adapter that is asked for; null: all parameters are trained.</param>
    /// <param name="seed">Of a new adapter.</param>
    /// <param name="shifted">Whether the shift of a reward model is added to its scores.</param>
    public Decoder Trainable(Checkpoint start, HeadKind kind, AdapterOptions? adapter, ulong seed, bool shifted = false)
    {
        if (adapter is null)
        {
            Tell(start, start.IsAdapted, "put into the weights, all of which are trained");
            return start.Load(device, kind, trainable: true, shifted: shifted);
        }

        if (start.Apart is { } own && adapter.Describe(own, start.Config))
        {
            return start.LoadOn(Beneath(start.Beneath!, kind), kind, trainable: true, shifted);
        }

        Tell(start, start.WhyNotApart is not null, $"not trained on: with its {start.WhyNotApart} it is put into the weights, and a new adapter is trained on these");
        Tell(start, start.Apart is not null, "not trained on, as it has another rank or other layers than adapter asks for: it stays as it is, and a new one is trained on it");
        var decoder = new Decoder(Beneath(start, kind), adapter.LayoutFor(start.Config), kind, trainable: true);
        AdapterInitialization.Fill(decoder, Philox.Derive(seed, AdapterSeed));
        start.SetScore(decoder, shifted);
        return decoder;
    }

    /// <summary>Writes what a stage trained: a whole model, or the adapter.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="decoder">The model.</param>
    /// <param name="start">What it started as.</param>
    /// <param name="adapter">The adapter's options, where one was trained.</param>
    /// <param name="folder">Replaced if it exists.</param>
    /// <param name="source">What is carried along.</param>
    /// <param name="asReward">Whether the scalar head is what is saved.</param>
    /// <param name="padding">The padding token of a reward model.</param>
    public static void Save(
        StageContext context, Decoder decoder, Checkpoint start, AdapterOptions? adapter, string folder, ModelSource source, bool asReward,
        PaddingToken? padding = null)
    {
        var options = context.Recipe.Save.Options with { PaddingId = padding?.Id };
        if (adapter is null)
        {
            Checkpoint.Save(decoder, folder, source, asReward, options);
            return;
        }

        var settings = new AdapterSettings(BaseName(context, start, folder), adapter.Alpha, adapter.Dropout, adapter.NamedTargets, adapter.RankStabilised);
        Checkpoint.SaveAdapter(decoder, folder, source, asReward, settings, options);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weights in _shared.Values)
        {
            weights.Dispose();
        }

        _shared.Clear();
    }

    private void Tell(Checkpoint start, bool holds, string what)
    {
        if (holds)
        {
            tell($"the adapter {start.Name} is {what}");
        }
    }

    private static string KeyOf(Checkpoint model) => Path.GetFullPath(model.Folder);

    /// <summary>What an adapter stands on: whole weights, which are kept for others, and the adapters on them.</summary>
    private Decoder Beneath(Checkpoint model, HeadKind kind)
    {
        if (_shared.TryGetValue(KeyOf(model), out var found) && (found.Kind.HasFlag(HeadKind.Language) || !kind.HasFlag(HeadKind.Language)))
        {
            return found;
        }

        var made = model.StandsApart
            ? model.LoadOn(Beneath(model.Beneath!, kind), kind & HeadKind.Language, trainable: false)
            : model.Load(device, kind & HeadKind.Language, trainable: false, storage);
        found?.Dispose();
        _shared[KeyOf(model)] = made;
        return made;
    }

    // A model of this run by its place beside the adapter, so that the run can be moved; another one as it was named.
    private static string BaseName(StageContext context, Checkpoint start, string folder)
    {
        var root = start;
        while (root.Beneath is { } beneath && root.StandsApart)
        {
            root = beneath;
        }

        var isInRun = !Path.GetRelativePath(context.Run.FullPath, root.Folder).StartsWith("..", StringComparison.Ordinal);
        return isInRun ? Path.GetRelativePath(folder, root.Folder)
            : File.Exists(root.Name) || Directory.Exists(root.Name) ? Path.GetFullPath(root.Name)
            : root.Name;
    }
}
