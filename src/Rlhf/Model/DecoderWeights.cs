using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>
/// The weights of a decoder: its parameters in one flat device buffer, packed copies of its matrices that the products read, the tables of rotary angles.
/// Frozen weights may be shared by several decoders, each with an adapter of its own.
/// </summary>
/// <remarks>
/// Copies are kept where they are read often: for decoding (a language head) and in frozen weights, which after <see cref="Freeze"/> have nothing else of their
/// matrices. In bfloat16, at half the size, a model in training keeps those of its backward passes, too. In float32 a reward model or value network in
/// training, and every backward pass, packs a matrix when its turn comes: once per micro-batch.
/// </remarks>
internal sealed partial class DecoderWeights : IDisposable
{
    private const int LinearRoles = 4;
    private readonly Func<ParameterRange, WeightStorage> _storageOf;
    private readonly DeviceMemory? _packed;
    private readonly DeviceMemory? _transposed; // for backward passes
    private readonly DeviceMemory? _gains; // 1 + w of the norms, where w is stored
    private readonly DeviceMemory? _slopes; // ALiBi's [H]
    private readonly AttentionRules[] _rules;
    private readonly PackedWeights[] _matrices; // four of each block, projections of a narrow embedding, perhaps a token table, perhaps the language head
    private readonly PackedWeights? _tokens; // the token table of frozen weights, if it has no flat form
    private DeviceMemory _flat;
    private int _users = 1;

    /// <summary>Allocates weights that are all zero.</summary>
    /// <param name="device">Where they are.</param>
    /// <param name="config">Their shape.</param>
    /// <param name="hasHead">Whether the language head is among them.</param>
    /// <param name="trainable">Whether they are trained.</param>
    /// <param name="length">Floats of the flat buffer: those of the layout, and what follows them.</param>
    /// <param name="storageOf">What the packed copy of a matrix stands in.</param>
    /// <param name="isFrozen">The matrices have no flat form.</param>
    public DecoderWeights(
        IDevice device, DecoderConfig config, bool hasHead, bool trainable, long length, Func<ParameterRange, WeightStorage> storageOf, bool isFrozen)
    {
        (_storageOf, Device, Config, HasHead) = (storageOf, device, config, hasHead);
        Layout = new ParameterLayout(config);
        Shape = new AttentionShape(config.Heads, config.KeyValueHeads, config.HeadWidth);
        _matrices = [.. LinearLayers()];
        _tokens = FindTokens();
        _dropped = isFrozen ? Dropped() : [];
        _flat = device.Allocate(Kept(length).Sum(static range => range.Length));
        var (packed, transposed) = (0L, 0L);
        foreach (var weights in _matrices)
        {
            weights.Place(device, ref packed, ref transposed);
        }

        LargestPacked = PackedMatrices.Max(weights => Math.Max(device.PackedLength(weights.Inputs, weights.Outputs), TransposedLength(weights)));

        var halves = device.Precision == Precision.Bf16;
        _packed = trainable && !hasHead && !halves ? null : device.Allocate(packed);
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

    public IDevice Device { get; }

    public DecoderConfig Config { get; }

    /// <summary>Whether the language head is among them.</summary>
    public bool HasHead { get; }

    public ParameterLayout Layout { get; }

    public AttentionShape Shape { get; }

    /// <summary>The tables of rotary angles, if there are any.</summary>
    public RotaryTables? Angles { get; }

    /// <summary>All parameters and what follows them.</summary>
    /// <exception cref="InvalidOperationException">They are frozen.</exception>
    public FloatBuffer Flat => !IsFrozen ? _flat.Floats : throw new InvalidOperationException("Frozen weights have no flat form.");

    /// <summary>Floats of the largest packed matrix of blocks and projections, either way round.</summary>
    public long LargestPacked { get; }

    /// <summary>Floats of the scratch that <see cref="Packed"/> and <see cref="PackedTransposed"/> want in a pass; 0 where all copies are kept.</summary>
    public long ScratchLength(bool backward) => PacksInPass(backward) ? LargestPacked : 0;

    /// <summary>How the linear layers' weights stand.</summary>
    public WeightLayout WeightLayout => Config.WeightsAreInputMajor ? WeightLayout.InputMajor : WeightLayout.OutputMajor;

    /// <summary>Width of the first feed-forward projection: gate and up together where there is a gate.</summary>
    public int UpWidth => Config.IsGated ? 2 * Config.FeedForwardWidth : Config.FeedForwardWidth;

    /// <summary>The same weights for one more decoder, which disposes of them, too.</summary>
    public DecoderWeights Share()
    {
        _users++;
        return this;
    }

    /// <summary>Packs the parameters anew: after loading and after every optimizer step.</summary>
    public void Refresh()
    {
        AddOneToGains();
        foreach (var weights in _packed is null ? [] : _matrices)
        {
            Pack(weights, PackedPart(weights));
        }

        foreach (var weights in _transposed is null ? [] : PackedMatrices)
        {
            PackTransposed(weights, TransposedPart(weights));
        }
    }

    /// <summary>A norm's gain as it multiplies; empty for null.</summary>
    public FloatBuffer Gain(long? offset, long length) =>
        _gains is null || offset is not { } start ? Part(offset, length) : _gains.Floats.Slice(start - Layout.NotDecayed.Offset, length);

    /// <summary>What a block's attention does to its scores.</summary>
    public AttentionRules Rules(int layer) => _rules[layer];

    /// <summary>The projection of a narrow embedding to the width.</summary>
    public PackedWeights ProjectIn => _matrices[LinearRoles * Config.Layers];

    /// <summary>The projection of the width to a narrow embedding.</summary>
    public PackedWeights ProjectOut => _matrices[(LinearRoles * Config.Layers) + 1];

    public PackedWeights Linear(int layer, LinearRole role) => _matrices[(layer * LinearRoles) + (int)role];

    public PackedWeights Head => HasHead ? _matrices[^1] : throw new InvalidOperationException("These weights have no language head.");

    /// <summary>Whether passes make packed copies of their own, for which they want scratch.</summary>
    public bool PacksInPass(bool backward) => _packed is null || (backward && _transposed is null);

    /// <summary>The operand of a forward product: the kept copy, or one made in <paramref name="scratch"/>.</summary>
    public PackedMatrix Packed(PackedWeights weights, FloatBuffer scratch)
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
    public FloatBuffer PackedTransposed(PackedWeights weights, FloatBuffer scratch)
    {
        if (_transposed is not null)
        {
            return TransposedPart(weights);
        }

        var packed = scratch.Slice(0, TransposedLength(weights));
        if (IsFrozen)
        {
            Device.RepackTransposed(new(PackedPart(weights), weights.Inputs, weights.Outputs, packed));
        }
        else
        {
            PackTransposed(weights, packed);
        }

        return packed;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (--_users > 0)
        {
            return;
        }

        _flat.Dispose();
        _packed?.Dispose();
        _transposed?.Dispose();
        _gains?.Dispose();
        _slopes?.Dispose();
        Angles?.Dispose();
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
        new(_packed!.Floats.Slice(weights.PackedOffset, Device.PackedLength(weights.Inputs, weights.Outputs, weights.Storage)), weights.Storage);

    /// <summary>All matrices that have a packed copy.</summary>
    public IReadOnlyList<PackedWeights> All => _matrices;

    private IEnumerable<PackedWeights> PackedMatrices => _matrices.Take((LinearRoles * Config.Layers) + (Config.NarrowEmbedding is null ? 0 : 2));

    private IEnumerable<PackedWeights> LinearLayers()
    {
        for (var layer = 0; layer < Config.Layers; layer++)
        {
            var offsets = Layout.LayerParameters(layer);
            yield return Matrix(offsets.QkvWeight, WeightLayout, Config.Width, Shape.RowWidth);
            yield return Matrix(offsets.OutputWeight, WeightLayout, Shape.OutputWidth, Config.Width);
            yield return Matrix(offsets.UpWeight, WeightLayout, Config.Width, UpWidth);
            yield return Matrix(offsets.DownWeight, WeightLayout, Config.FeedForwardWidth, Config.Width);
        }

        if (Config.NarrowEmbedding is { } narrow)
        {
            yield return Matrix(Layout.ProjectIn!.Value, WeightLayout.OutputMajor, narrow, Config.Width);
            yield return Matrix(Layout.ProjectOut!.Value, WeightLayout.OutputMajor, Config.Width, narrow);
        }

        var tokens = Matrix(Layout.TokenEmbedding, WeightLayout.OutputMajor, Config.EmbeddingWidth, Config.VocabularySize);
        if (IsLookedUpPacked(tokens.Storage) && !(HasHead && Config.TiedEmbeddings))
        {
            yield return tokens;
        }

        if (HasHead)
        {
            yield return Matrix(Layout.Head, WeightLayout.OutputMajor, Config.EmbeddingWidth, Config.VocabularySize);
        }
    }

    private PackedWeights Matrix(long offset, WeightLayout layout, int inputs, int outputs) =>
        new(offset, layout, inputs, outputs, _storageOf(new ParameterRange(offset, (long)inputs * outputs)));

    private AttentionRules RulesOf(int layer) => new()
    {
        Scale = Config.QueryScaleWidth is { } width ? (float)(1 / Math.Sqrt(width)) : 0,
        Window = Config.WindowOf(layer),
        Cap = (float)(Config.ScoreCap ?? 0),
        Slopes = _slopes is null ? default : _slopes.Floats,
    };
}
