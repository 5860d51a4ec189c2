using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>
/// A decoder: weights, the heads that it carries, and perhaps an adapter on weights that are frozen and that other decoders read, too. With a scalar head, its
/// weights [C] and bias [1] follow what is trained in the same buffer: the parameters, or the adapter's.
/// </summary>
public sealed class Decoder : IDisposable
{
    private readonly DecoderWeights _weights;
    private readonly Adapter[] _beneath = [];
    private readonly (ParameterRange Range, bool Decays)[] _optimizerRanges;

    /// <summary>Allocates a decoder with all parameters zero.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="kind">The heads it carries.</param>
    /// <param name="trainable">Whether backward passes are possible.</param>
    /// <param name="storage">What the packed copies of the matrices stand in. A model that is trained has them in float32: what is sampled must be what is
    /// trained. Null: float32, or the blocks of the file.</param>
    /// <param name="isFrozen">The matrices have no flat form, as after <see cref="Freeze"/>: they are read straight into the packed copies by
    /// <see cref="Load"/>.</param>
    /// <param name="inFile">The storage that holds the blocks in a file of a matrix as they are; null where the file has other numbers.</param>
    public Decoder(
        IDevice device, DecoderConfig config, HeadKind kind, bool trainable, WeightStorage? storage = WeightStorage.F32, bool isFrozen = false,
        Func<ParameterRange, WeightStorage?>? inFile = null)
    {
        if (isFrozen && trainable)
        {
            throw new ArgumentException("A model that is trained needs its flat parameters.", nameof(isFrozen));
        }

        if (trainable && storage != WeightStorage.F32)
        {
            throw new ArgumentException("The matrices of a model that is trained stand in float32.", nameof(storage));
        }

        (Kind, Trainable) = (kind, trainable);
        var layout = new ParameterLayout(config);
        WeightStorage StorageOf(ParameterRange matrix) =>
            FrozenStorage.Of(storage, inFile?.Invoke(matrix), matrix.Offset == layout.TokenEmbedding || matrix.Offset == layout.Head);
        _weights = new DecoderWeights(device, config, (kind & HeadKind.Language) != 0, trainable, LengthOf(layout, kind), StorageOf, isFrozen);
        ScalarWeight = layout.Length;
        _optimizerRanges = [(Layout.Decayed, true), (Layout.NotDecayed, false), .. ScalarRanges()];
    }

    /// <summary>A decoder on the frozen weights of another, which it shares, and on that one's adapters, which stay as they are. An adapter of its own changes
    /// nothing yet: it is zero.</summary>
    /// <param name="beneath">Whose weights and adapters it reads; either may be disposed of first.</param>
    /// <param name="adapter">What its own adapter changes; null for none.</param>
    /// <param name="kind">The heads it carries; a language head needs that of the weights.</param>
    /// <param name="trainable">Whether backward passes are possible: of the adapter and the scalar head alone.</param>
    public Decoder(Decoder beneath, AdapterLayout? adapter, HeadKind kind, bool trainable)
    {
        if (!beneath._weights.IsFrozen)
        {
            throw new ArgumentException("Weights under an adapter are frozen.", nameof(beneath));
        }

        if (adapter is null && (trainable || kind.HasFlag(HeadKind.Scalar)))
        {
            throw new ArgumentException("Frozen weights have nothing to train and no scalar head.", nameof(adapter));
        }

        (Kind, Trainable) = (kind, trainable);
        _weights = beneath._weights.Share();
        _beneath = [.. beneath.Adapters.Select(static other => other.Share())];
        ScalarWeight = adapter?.Length ?? 0;
        Adapter = adapter is null ? null : new Adapter(Device, adapter, adapter.Length + ScalarLength(Config, kind));
        _optimizerRanges = adapter is null ? [] : [(new ParameterRange(0, adapter.Length), true), .. ScalarRanges()];
    }

    /// <summary>Where it computes.</summary>
    public IDevice Device => _weights.Device;

    /// <summary>Its shape.</summary>
    public DecoderConfig Config => _weights.Config;

    /// <summary>The heads it carries.</summary>
    public HeadKind Kind { get; }

    /// <summary>Whether backward passes are possible.</summary>
    public bool Trainable { get; }

    /// <summary>Where the decoder's parameters lie; without an adapter, in <see cref="Parameters"/>.</summary>
    public ParameterLayout Layout => _weights.Layout;

    /// <summary>The attention's shape.</summary>
    public AttentionShape Shape => _weights.Shape;

    /// <summary>The decoder's own adapter; null without one.</summary>
    public Adapter? Adapter { get; }

    /// <summary>All adapters on the weights, the own one last.</summary>
    internal IEnumerable<Adapter> Adapters => Adapter is null ? _beneath : [.. _beneath, Adapter];

    /// <summary>What training changes: all parameters, or the adapter's; then the scalar head. After changing them call <see cref="Refresh"/>.</summary>
    /// <exception cref="InvalidOperationException">The model is frozen and has no adapter.</exception>
    public FloatBuffer Parameters => Adapter?.Numbers ?? _weights.Flat;

    /// <summary>The tensors of <see cref="Parameters"/>, without the scalar head.</summary>
    public IReadOnlyList<Parameter> Trained => Adapter?.Layout.Parameters ?? Layout.Parameters;

    /// <summary>Offset of the scalar head's weights [C] in <see cref="Parameters"/>.</summary>
    public long ScalarWeight { get; }

    /// <summary>Offset of the scalar head's bias [1] in <see cref="Parameters"/>.</summary>
    public long ScalarBias => ScalarWeight + ParameterLayout.Aligned(Config.EmbeddingWidth);

    /// <summary>The scalar head's weights [C].</summary>
    public FloatBuffer ScalarWeights => ScalarPart(ScalarWeight, Config.EmbeddingWidth);

    /// <summary>The scalar head's bias [1].</summary>
    public FloatBuffer ScalarBiases => ScalarPart(ScalarBias, 1);

    /// <summary>The tables of rotary angles, if there are any.</summary>
    internal RotaryTables? Angles => _weights.Angles;

    /// <summary>The weights, which may be those of other decoders, too.</summary>
    internal DecoderWeights Weights => _weights;

    /// <summary>Width of the first feed-forward projection: gate and up together where there is a gate.</summary>
    internal int UpWidth => _weights.UpWidth;

    /// <summary>Floats of the flat buffer of a decoder with these heads.</summary>
    public static long LengthOf(ParameterLayout layout, HeadKind kind) => layout.Length + ScalarLength(layout.Config, kind);

    /// <summary>A part of the weights; empty for null.</summary>
    public FloatBuffer Part(long? offset, long length) => _weights.Part(offset, length);

    /// <summary>Packs the parameters anew: after loading and after every optimizer step.</summary>
    public void Refresh()
    {
        if (Adapter is null)
        {
            _weights.Refresh();
        }
        else
        {
            Adapter.Refresh();
        }
    }

    /// <inheritdoc cref="DecoderWeights.Load"/>
    public void Load(Action<ParameterRange, FloatBuffer> read, Func<ParameterRange, WeightStorage, TakeBlocks, bool>? readBlocks = null) =>
        _weights.Load(read, readBlocks);

    /// <inheritdoc cref="DecoderWeights.Freeze"/>
    public void Freeze() => _weights.Freeze();

    /// <summary>Copies all parameters, and those of the scalar head if both have one, from a decoder of the same shape.</summary>
    public void CopyFrom(Decoder other)
    {
        var shared = Math.Min(Parameters.Length, other.Parameters.Length);
        Device.Copy(other.Parameters.Slice(0, shared), Parameters.Slice(0, shared));
        Refresh();
    }

    /// <summary>The runs of parameters and whether AdamW's weight decay applies to them.</summary>
    public ReadOnlySpan<(ParameterRange Range, bool Decays)> OptimizerRanges => _optimizerRanges;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var adapter in Adapters)
        {
            adapter.Dispose();
        }

        _weights.Dispose();
    }

    /// <summary>The part of gradients that belongs to a parameter of the weights; empty for null, and where the weights are frozen under an adapter.</summary>
    internal FloatBuffer GradientOf(FloatBuffer gradients, long? offset, long length) =>
        Adapter is null && offset is { } start ? gradients.Slice(start, length) : default;

    private FloatBuffer ScalarPart(long offset, long length) => Adapter?.Numbers.Slice(offset, length) ?? Part(offset, length);

    private static long ScalarLength(DecoderConfig config, HeadKind kind) =>
        (kind & HeadKind.Scalar) != 0 ? ParameterLayout.Aligned(config.EmbeddingWidth) + ParameterLayout.Aligned(1) : 0;

    private IEnumerable<(ParameterRange Range, bool Decays)> ScalarRanges() => (Kind & HeadKind.Scalar) == 0 ? [] :
    [
        (new ParameterRange(ScalarWeight, ParameterLayout.Aligned(Config.EmbeddingWidth)), true),
        (new ParameterRange(ScalarBias, ParameterLayout.Aligned(1)), false),
    ];
}
