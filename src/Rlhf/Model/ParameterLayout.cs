namespace Rlhf.Model;

/// <summary>One tensor of a model inside the flat parameter buffer.</summary>
/// <param name="Name">Hugging Face name, for example <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="Shape">Dimensions as in the file.</param>
/// <param name="Offset">First element, in floats from the start of the buffer.</param>
/// <param name="Decays">AdamW's weight decay applies: the tensor has two or more dimensions.</param>
public sealed record Parameter(string Name, int[] Shape, long Offset, bool Decays)
{
    /// <summary>Number of elements.</summary>
    public long Length { get; } = Shape.Aggregate(1L, (product, dimension) => product * dimension);
}

/// <summary>A run of floats in the flat buffer.</summary>
/// <param name="Offset">First element.</param>
/// <param name="Length">Number of elements.</param>
public readonly record struct ParameterRange(long Offset, long Length);

/// <summary>Offsets (floats) of one block's parameters in the flat buffer; null where the model has none.</summary>
public sealed record LayerParameters
{
    /// <summary>[C], gain of the norm before attention.</summary>
    public required long AttentionNormGain { get; init; }

    /// <summary>[C], bias of the norm before attention.</summary>
    public long? AttentionNormBias { get; init; }

    /// <summary>[(H + 2K) D, C], queries, keys, values in this order; [C, 3C] where weights are input-major.</summary>
    public required long QkvWeight { get; init; }

    /// <summary>[(H + 2K) D].</summary>
    public long? QkvBias { get; init; }

    /// <summary>[D], gain of the norm over each query head.</summary>
    public long? QueryNorm { get; init; }

    /// <summary>[D], gain of the norm over each key head.</summary>
    public long? KeyNorm { get; init; }

    /// <summary>[C, H D]; [H D, C] where weights are input-major.</summary>
    public required long OutputWeight { get; init; }

    /// <summary>[C].</summary>
    public long? OutputBias { get; init; }

    /// <summary>[C], gain of the norm before the feed-forward block.</summary>
    public required long FeedForwardNormGain { get; init; }

    /// <summary>[C], bias of the norm before the feed-forward block.</summary>
    public long? FeedForwardNormBias { get; init; }

    /// <summary>SwiGLU: [2F, C], gate then up. GELU: [F, C], or [C, F] where weights are input-major.</summary>
    public required long UpWeight { get; init; }

    /// <summary>[F], GELU only.</summary>
    public long? UpBias { get; init; }

    /// <summary>[C, F]; [F, C] where weights are input-major.</summary>
    public required long DownWeight { get; init; }

    /// <summary>[C].</summary>
    public long? DownBias { get; init; }
}

/// <summary>
/// Where each parameter of a decoder lies in the one flat float32 buffer. Matrices come first, vectors after them, so that
/// weight decay is one range. Every parameter starts at a multiple of 16 floats (a cache line), except that query, key
/// and value projections of a block follow each other without gaps (one fused matrix), likewise their biases, likewise
/// gate and up. The floats between parameters are 0 and stay 0.
/// </summary>
public sealed class ParameterLayout
{
    /// <summary>Floats that every (fused) parameter's offset is a multiple of.</summary>
    public const int Alignment = 16;

    private readonly List<Parameter> _parameters = [];
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);
    private readonly LayerParameters[] _layers;
    private long _end;

    /// <summary>Lays out the parameters of a decoder.</summary>
    public ParameterLayout(DecoderConfig config)
    {
        Config = config;
        var groups = DecoderParameters.Of(config).ToList();
        foreach (var group in groups.Where(group => group.Decays))
        {
            Place(group);
        }

        Decayed = new ParameterRange(0, _end);
        foreach (var group in groups.Where(group => !group.Decays))
        {
            Place(group);
        }

        Length = _end;
        NotDecayed = new ParameterRange(Decayed.Length, Length - Decayed.Length);

        var names = config.Family.Tensors;
        TokenEmbedding = this[names.TokenEmbedding].Offset;
        PositionEmbedding = Find(names.PositionEmbedding);
        FinalNormGain = this[names.FinalNormGain].Offset;
        FinalNormBias = Find(names.FinalNormBias);
        Head = Find(names.Head) ?? TokenEmbedding;
        _layers = [.. Enumerable.Range(0, config.Layers).Select(layer => OffsetsOf(names.Layer(layer)))];
    }

    /// <summary>The decoder that this is the layout of.</summary>
    public DecoderConfig Config { get; }

    /// <summary>Every parameter, by ascending offset.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>Floats of the whole buffer, gaps included; a multiple of <see cref="Alignment"/>.</summary>
    public long Length { get; }

    /// <summary>Number of trained numbers, gaps excluded.</summary>
    public long ParameterCount => _parameters.Sum(parameter => parameter.Length);

    /// <summary>The matrices (and the gaps between them): AdamW decays these.</summary>
    public ParameterRange Decayed { get; }

    /// <summary>The biases and norm gains (and the gaps between them): AdamW does not decay these.</summary>
    public ParameterRange NotDecayed { get; }

    /// <summary>Offset of the token embedding, [V, C].</summary>
    public long TokenEmbedding { get; }

    /// <summary>Offset of the learned position embedding, [T, C].</summary>
    public long? PositionEmbedding { get; }

    /// <summary>Offset of the last norm's gain, [C].</summary>
    public long FinalNormGain { get; }

    /// <summary>Offset of the last norm's bias, [C].</summary>
    public long? FinalNormBias { get; }

    /// <summary>Offset of the language head, [V, C]: that of the token embedding when tied.</summary>
    public long Head { get; }

    /// <summary>The parameter of a name.</summary>
    /// <exception cref="KeyNotFoundException">The model has no such parameter.</exception>
    public Parameter this[string name] => _byName[name];

    /// <summary>The parameter of a name, if the model has one.</summary>
    public bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Parameter? parameter) =>
        _byName.TryGetValue(name, out parameter);

    /// <summary>Offsets of a block's parameters.</summary>
    public LayerParameters LayerParameters(int layer) => _layers[layer];

    private void Place(ParameterGroup group)
    {
        foreach (var (name, shape) in group.Members)
        {
            var parameter = new Parameter(name, shape, _end, group.Decays);
            _parameters.Add(parameter);
            _byName.Add(name, parameter);
            _end += parameter.Length;
        }

        _end = (_end + Alignment - 1) / Alignment * Alignment;
    }

    private long? Find(string? name) => name is not null && _byName.TryGetValue(name, out var parameter) ? parameter.Offset : null;

    private LayerParameters OffsetsOf(LayerParameterNames names) => new()
    {
        AttentionNormGain = this[names.AttentionNorm + ".weight"].Offset,
        AttentionNormBias = Find(names.AttentionNorm + ".bias"),
        QkvWeight = this[names.Qkv[0] + ".weight"].Offset,
        QkvBias = Find(names.Qkv[0] + ".bias"),
        QueryNorm = Find(names.QueryNorm + ".weight"),
        KeyNorm = Find(names.KeyNorm + ".weight"),
        OutputWeight = this[names.Output + ".weight"].Offset,
        OutputBias = Find(names.Output + ".bias"),
        FeedForwardNormGain = this[names.FeedForwardNorm + ".weight"].Offset,
        FeedForwardNormBias = Find(names.FeedForwardNorm + ".bias"),
        UpWeight = this[names.Up[0] + ".weight"].Offset,
        UpBias = Find(names.Up[0] + ".bias"),
        DownWeight = this[names.Down + ".weight"].Offset,
        DownBias = Find(names.Down + ".bias"),
    };
}
