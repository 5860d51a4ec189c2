using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>The models of a stage on a device that only counts, as <see cref="StageModels"/> opens them; earlier stages are taken to have trained adapters
/// where this one does.</summary>
internal sealed class PlannedModels(StagePlanning planning, CountingDevice device, AdapterOptions? adapter) : IDisposable
{
    private Decoder? _shared;

    /// <summary>A model that is trained.</summary>
    public Decoder Trainable(HeadKind heads) => adapter is null
        ? new Decoder(device, planning.Config, heads, trainable: true)
        : new Decoder(Shared(heads), adapter.LayoutFor(planning.Config), heads, trainable: true);

    /// <summary>A model that is not trained.</summary>
    public Decoder Frozen(HeadKind heads) => adapter is null
        ? Whole(heads, planning.Recipe.FrozenPrecision)
        : new Decoder(Shared(heads), adapter.LayoutFor(planning.Config), heads, trainable: false);

    /// <inheritdoc/>
    public void Dispose() => _shared?.Dispose();

    private Decoder Shared(HeadKind heads) => _shared ??= Whole(heads & HeadKind.Language, adapter!.BaseStorage);

    private Decoder Whole(HeadKind heads, WeightStorage storage)
    {
        var decoder = new Decoder(device, planning.Config, heads, trainable: false, storage, isFrozen: true);
        decoder.Load(static (_, _) => { });
        return decoder;
    }
}
