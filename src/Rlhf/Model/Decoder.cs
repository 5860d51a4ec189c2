using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>
/// A decoder's parameters in one flat device buffer, packed copies of its matrices that the products read, and the tables of rotary angles. With a scalar head,
/// its
/// weights [C] and bias [1] follow the decoder's parameters in the same buffer.
/// </summary>
/// <remarks>
/// Copies are kept where they are read often: for decoding (a language head) and in frozen models, which after <see cref="Freeze"/> have nothing else of their
/// matrices. In bfloat16,
/// at half the size, a model in training keeps those of its backward passes, too. In float32 a reward model or value network in training, and every backward
/// pass, packs a matrix when its
/// turn comes: once per micro-batch.
/// </remarks>
public sealed class Decoder : IDisposable
{
    private const int LinearRoles = 4;
    private readonly Precision _storage;
    private readonly DeviceMemory? _packed;
    private readonly DeviceMemory? _transposed; // for backward passes
    private readonly DeviceMemory? _gains; // 1 + w of the norms, where w is stored
    private readonly DeviceMemory? _slopes; // ALiBi's [H]
    private readonly AttentionRules[] _rules;
    private readonly PackedWeights[] _weights; // four of each block, the projections of a narrow embedding, then the language head where there is one
    private readonly (ParameterRange Range, bool Decays)[] _optimizerRanges;
    private DeviceMemory _parameters;
    private ParameterRange _dropped; // by Freeze: parameters that stand in the packed copies alone

    /// <summary>Allocates a decoder with all parameters zero.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="kind">The heads it carries.</param>
    /// <param name="trainable">Whether backward passes are possible.</param>
    /// <param name="storage">What the packed copies of the matrices stand in. A model that is trained has them in float32: what is sampled must be what is
    /// trained.</param>
    /// <param name="isFrozen">The matrices have no flat form, as after <see cref="Freeze"/>: they are read straight into the packed copies by
    /// <see cref="Load"/>.</param>
    public Decoder(IDevice device, DecoderConfig config, HeadKind kind, bool trainable, Precision storage = Precision.F32, bool isFrozen = false)
    {
        if (isFrozen && trainable)
        {
            throw new ArgumentException("A model that is trained needs its flat parameters.", nameof(isFrozen));
        }

        if (trainable && storage != Precision.F32)
        {
            throw new ArgumentException("The matrices of a model that is trained stand in float32.", nameof(storage));
        }

        _storage = storage;
        Device = device;
        Config = config;
        Kind = kind;
        Trainable = trainable;
        Layout = new ParameterLayout(config);
        Shape = new AttentionShape(config.Heads, config.KeyValueHeads, config.HeadWidth);
        _weights = [.. LinearLayers()];
        _dropped = isFrozen ? Matrices : default;
        _parameters = device.Allocate(LengthOf(Layout, kind) - _dropped.Length);
        _optimizerRanges = [.. RangesOf(this)];
        var (packed, transposed) = (0L, 0L);
        foreach (var weights in _weights)
        {
            weights.Place(device, storage, ref packed, ref transposed);
        }

        LargestPacked = PackedMatrices.Max(weights => Math.Max(device.PackedLength(weights.Inputs, weights.Outputs), TransposedLength(weights)));

        var halves = device.Precision == Precision.Bf16;
        _packed = trainable && (kind & HeadKind.Language) == 0 && !halves ? null : device.Allocate(packed);
        _transposed = trainable && halves ? device.Allocate(PackedMatrices.Sum(TransposedLength)) : null;
        Angles = config.Positions == Positions.Rotary ? new RotaryTables(config, device) : null;
        _gains = config.GainsFromOne ? device.Allocate(Layout.NotDecayed.Length) : null;
        if (config.Positions == Positions.Alibi)
        {
            _slopes = device.Allocate(config.Heads);
            device.CopyIn(config.AlibiSlopes(), _slopes.Floats);
        }

        _rules = [.. Enumerable.Range(0, config.Layers).Select(RulesOf)];
    }

    /// <summary>Where it computes.</summary>
    public IDevice Device { get; }

    /// <summary>Its shape.</summary>
    public DecoderConfig Config { get; }

    /// <summary>The heads it carries.</summary>
    public HeadKind Kind { get; }

    /// <summary>Whether backward passes are possible.</summary>
    public bool Trainable { get; }

    /// <summary>Where the decoder's parameters lie in <see cref="Parameters"/>.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The attention's shape.</summary>
    public AttentionShape Shape { get; }

    /// <summary>All parameters. After changing them call <see cref="Refresh"/>.</summary>
    /// <exception cref="InvalidOperationException">The model is frozen.</exception>
    public FloatBuffer Parameters =>
        _dropped.Length == 0 ? _parameters.Floats : throw new InvalidOperationException("A frozen decoder has no flat parameters.");

    /// <summary>Offset of the scalar head's weights [C].</summary>
    public long ScalarWeight => Layout.Length;

    /// <summary>Offset of the scalar head's bias [1].</summary>
    public long ScalarBias => Layout.Length + Rounded(Config.EmbeddingWidth);

    /// <summary>The tables of rotary angles, if there are any.</summary>
    internal RotaryTables? Angles { get; }

    /// <summary>How the linear layers' weights stand.</summary>
    internal WeightLayout WeightLayout => Config.WeightsAreInputMajor ? WeightLayout.InputMajor : WeightLayout.OutputMajor;

    /// <summary>Width of the first feed-forward projection: gate and up together where there is a gate.</summary>
    internal int UpWidth => Config.IsGated ? 2 * Config.FeedForwardWidth : Config.FeedForwardWidth;

    /// <summary>Floats of the flat buffer of a decoder with these heads.</summary>
    public static long LengthOf(ParameterLayout layout, HeadKind kind) =>
        layout.Length + ((kind & HeadKind.Scalar) != 0 ? Rounded(layout.Config.EmbeddingWidth) + Rounded(1) : 0);

    /// <summary>A part of the parameters; empty for null.</summary>
    public FloatBuffer Part(long? offset, long length)
    {
        if (offset is not { } start)
        {
            return default;
        }

        if (start < _dropped.Offset + _dropped.Length && start + length > _dropped.Offset)
        {
            throw new InvalidOperationException("A frozen decoder has its matrices in packed form alone.");
        }

        return _parameters.Floats.Slice(start < _dropped.Offset ? start : start - _dropped.Length, length);
    }

    /// <summary>Packs the parameters anew: after loading and after every optimizer step.</summary>
    public void Refresh()
    {
        AddOneToGains();
        foreach (var weights in _packed is null ? [] : _weights)
        {
            Pack(weights, PackedPart(weights));
        }

        foreach (var weights in _transposed is null ? [] : PackedMatrices)
        {
            PackTransposed(weights, TransposedPart(weights));
        }
    }

    /// <summary>Fills the parameters. In a frozen model a matrix goes through memory of its own into its packed copy, so that no second copy of the model
    /// ever stands.</summary>
    /// <param name="read">Fills a buffer of zeros with a part of the flat buffer; the part holds whole parameters.</param>
    public void Load(Action<ParameterRange, FloatBuffer> read)
    {
        if (_dropped.Length == 0)
        {
            read(new ParameterRange(0, Layout.Length), _parameters.Floats.Slice(0, Layout.Length));
            Refresh();
            return;
        }

        var end = _dropped.Offset + _dropped.Length;
        read(new ParameterRange(0, _dropped.Offset), _parameters.Floats.Slice(0, _dropped.Offset));
        read(new ParameterRange(end, Layout.Length - end), _parameters.Floats.Slice(_dropped.Offset, Layout.Length - end));
        var dropped = _weights.Where(weights => weights.Offset >= _dropped.Offset && weights.Offset < end).ToList();
        AddOneToGains();
        using var scratch = Device.Allocate(dropped.Max(weights => weights.Length));
        foreach (var weights in _weights)
        {
            if (!dropped.Contains(weights))
            {
                Pack(weights, PackedPart(weights));
                continue;
            }

            var matrix = scratch.Floats.Slice(0, weights.Length);
            Device.Fill(matrix, 0f);
            read(new ParameterRange(weights.Offset, weights.Length), matrix);
            Device.PackWeights(new(matrix, weights.Layout, weights.Inputs, weights.Outputs, PackedPart(weights)));
        }
    }

    /// <summary>Packs the parameters and frees the flat form of the blocks' matrices and of an untied head: half of the memory of a model that is only
    /// read.</summary>
    public void Freeze()
    {
        Refresh();
        var (start, length) = Matrices;
        var whole = _parameters;
        _parameters = Device.Allocate(whole.Floats.Length - length);
        Device.Copy(whole.Floats.Slice(0, start), _parameters.Floats.Slice(0, start));
        Device.Copy(whole.Floats.From(start + length), _parameters.Floats.From(start));
        _dropped = new ParameterRange(start, length);
        whole.Dispose();
    }

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
        _parameters.Dispose();
        _packed?.Dispose();
        _transposed?.Dispose();
        _gains?.Dispose();
        _slopes?.Dispose();
        Angles?.Dispose();
    }

    internal static FloatBuffer PartOf(FloatBuffer buffer, long? offset, long length) => offset is { } start ? buffer.Slice(start, length) : default;

    /// <summary>A norm's gain as it multiplies; empty for null.</summary>
    internal FloatBuffer Gain(long? offset, long length) =>
        _gains is null || offset is not { } start ? Part(offset, length) : _gains.Floats.Slice(start - Layout.NotDecayed.Offset, length);

    /// <summary>What a block's attention does to its scores.</summary>
    internal AttentionRules Rules(int layer) => _rules[layer];

    /// <summary>The projection of a narrow embedding to the width.</summary>
    internal PackedWeights ProjectIn => _weights[LinearRoles * Config.Layers];

    /// <summary>The projection of the width to a narrow embedding.</summary>
    internal PackedWeights ProjectOut => _weights[(LinearRoles * Config.Layers) + 1];

    internal PackedWeights Linear(int layer, LinearRole role) => _weights[(layer * LinearRoles) + (int)role];

    internal PackedWeights Head => (Kind & HeadKind.Language) != 0 ? _weights[^1] : throw new InvalidOperationException("This decoder has no language head.");

    /// <summary>Floats of the largest packed matrix of blocks and projections, either way round: the scratch that <see cref="Packed"/> and
    /// <see cref="PackedTransposed"/> want.</summary>
    internal long LargestPacked { get; }

    /// <summary>Whether passes make packed copies of their own, for which they want scratch.</summary>
    internal bool PacksInPass(bool backward) => _packed is null || (backward && _transposed is null);

    /// <summary>The operand of a forward product: the kept copy, or one made in <paramref name="scratch"/>.</summary>
    internal PackedMatrix Packed(PackedWeights weights, FloatBuffer scratch)
    {
        if (_packed is not null)
        {
            return PackedPart(weights);
        }

        var packed = scratch.Slice(0, Device.PackedLength(weights.Inputs, weights.Outputs));
        Pack(weights, packed);
        return packed;
    }

    /// <summary>The operand of a backward product: the kept copy, or one made in <paramref name="scratch"/>.</summary>
    internal FloatBuffer PackedTransposed(PackedWeights weights, FloatBuffer scratch)
    {
        if (_transposed is not null)
        {
            return TransposedPart(weights);
        }

        var packed = scratch.Slice(0, TransposedLength(weights));
        PackTransposed(weights, packed);
        return packed;
    }

    private void AddOneToGains()
    {
        if (_gains is not null)
        {
            var gains = _gains.Floats;
            Device.Fill(gains, 1f);
            Device.AddDropped(new(gains, Part(Layout.NotDecayed.Offset, gains.Length), 1, (int)gains.Length, default, default, gains));
        }
    }

    private void PackTransposed(PackedWeights weights, FloatBuffer packed) =>
        Device.PackWeightsTransposed(
            new(Part(weights.Offset, (long)weights.Inputs * weights.Outputs), weights.Layout, weights.Inputs, weights.Outputs, packed));

    private long TransposedLength(PackedWeights weights) => Device.PackedLength(weights.Outputs, weights.Inputs);

    private FloatBuffer TransposedPart(PackedWeights weights) => _transposed!.Floats.Slice(weights.TransposedOffset, TransposedLength(weights));

    private void Pack(PackedWeights weights, PackedMatrix packed) =>
        Device.PackWeights(new(Part(weights.Offset, (long)weights.Inputs * weights.Outputs), weights.Layout, weights.Inputs, weights.Outputs, packed));

    private PackedMatrix PackedPart(PackedWeights weights) =>
        new(_packed!.Floats.Slice(weights.PackedOffset, Device.PackedLength(weights.Inputs, weights.Outputs, _storage)), _storage);

    private IEnumerable<PackedWeights> PackedMatrices => _weights.Take((LinearRoles * Config.Layers) + (Config.NarrowEmbedding is null ? 0 : 2));

    /// <summary>What a frozen model has no flat form of: the matrices of blocks and projections, and an untied head behind them.</summary>
    private ParameterRange Matrices
    {
        get
        {
            var start = PackedMatrices.Min(static weights => weights.Offset);
            var end = Config.TiedEmbeddings
                ? PackedMatrices.Max(static weights => weights.Offset + weights.Length)
                : Layout.Head + ((long)Config.VocabularySize * Config.EmbeddingWidth);
            return new ParameterRange(start, end - start);
        }
    }

    private static long Rounded(long length) => (length + ParameterLayout.Alignment - 1) / ParameterLayout.Alignment * ParameterLayout.Alignment;

    private static IEnumerable<(ParameterRange Range, bool Decays)> RangesOf(Decoder decoder)
    {
        yield return (decoder.Layout.Decayed, true);
        yield return (decoder.Layout.NotDecayed, false);
        if ((decoder.Kind & HeadKind.Scalar) != 0)
        {
            yield return (new ParameterRange(decoder.ScalarWeight, Rounded(decoder.Config.EmbeddingWidth)), true);
            yield return (new ParameterRange(decoder.ScalarBias, Rounded(1)), false);
        }
    }

    private IEnumerable<PackedWeights> LinearLayers()
    {
        for (var layer = 0; layer < Config.Layers; layer++)
        {
            var offsets = Layout.LayerParameters(layer);
            yield return new PackedWeights(offsets.QkvWeight, WeightLayout, Config.Width, Shape.RowWidth);
            yield return new PackedWeights(offsets.OutputWeight, WeightLayout, Shape.OutputWidth, Config.Width);
            yield return new PackedWeights(offsets.UpWeight, WeightLayout, Config.Width, UpWidth);
            yield return new PackedWeights(offsets.DownWeight, WeightLayout, Config.FeedForwardWidth, Config.Width);
        }

        if (Config.NarrowEmbedding is { } narrow)
        {
            yield return new PackedWeights(Layout.ProjectIn!.Value, WeightLayout.OutputMajor, narrow, Config.Width);
            yield return new PackedWeights(Layout.ProjectOut!.Value, WeightLayout.OutputMajor, Config.Width, narrow);
        }

        if ((Kind & HeadKind.Language) != 0)
        {
            yield return new PackedWeights(Layout.Head, WeightLayout.OutputMajor, Config.EmbeddingWidth, Config.VocabularySize);
        }
    }

    private AttentionRules RulesOf(int layer) => new()
    {
        Scale = Config.QueryScaleWidth is { } width ? (float)(1 / Math.Sqrt(width)) : 0,
        Window = Config.WindowOf(layer),
        Cap = (float)(Config.ScoreCap ?? 0),
        Slopes = _slopes is null ? default : _slopes.Floats,
    };
}
