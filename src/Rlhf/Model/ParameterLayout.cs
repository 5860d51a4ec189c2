namespace Rlhf.Model;

/// <summary>A run of floats in the flat buffer.</summary>
/// <param name="Offset">First element.</param>
/// <param name="Length">Number of elements.</param>
public readonly record struct ParameterRange(long Offset, long Length);

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
        FinalNormGain = Find(names.FinalNormGain);
        FinalNormBias = Find(names.FinalNormBias);
        Head = Find(names.Head) ?? TokenEmbedding;
        HeadBias = config.HeadBias ? Find(names.HeadBias) : null;
        EmbeddingNormGain = Find(names.EmbeddingNorm + ".weight");
        EmbeddingNormBias = Find(names.EmbeddingNorm + ".bias");
        ProjectIn = Find(names.ProjectIn);
        ProjectOut = Find(names.ProjectOut);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(layer => OffsetsOf(config, names.Layer(layer)))];
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

    /// <summary>Offset of the token embedding, [V, E].</summary>
    public long TokenEmbedding { get; }

    /// <summary>Offset of the learned position embedding, [T, C].</summary>
    public long? PositionEmbedding { get; }

    /// <summary>Offset of the gain of the embedding's norm, [C].</summary>
    public long? EmbeddingNormGain { get; }

    /// <summary>Offset of the bias of the embedding's norm, [C].</summary>
    public long? EmbeddingNormBias { get; }

    /// <summary>Offset of the projection of a narrow embedding to the width, [C, E].</summary>
    public long? ProjectIn { get; }

    /// <summary>Offset of the projection of the width to a narrow embedding, [E, C].</summary>
    public long? ProjectOut { get; }

    /// <summary>Offset of the last norm's gain, [C].</summary>
    public long? FinalNormGain { get; }

    /// <summary>Offset of the last norm's bias, [C].</summary>
    public long? FinalNormBias { get; }

    /// <summary>Offset of the language head, [V, E]: that of the token embedding when tied.</summary>
    public long Head { get; }

    /// <summary>Offset of the language head's bias, [V].</summary>
    public long? HeadBias { get; }

    /// <summary>The parameter of a name.</summary>
    /// <exception cref="KeyNotFoundException">The model has no such parameter.</exception>
    public Parameter this[string name] => _byName[name];

    /// <summary>The parameter of a name, if the model has one.</summary>
    public bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Parameter? parameter) =>
        _byName.TryGetValue(name, out parameter);

    /// <summary>Offsets of a block's parameters.</summary>
    public LayerParameters LayerParameters(int layer) => _layers[layer];

    /// <summary>The next multiple of <see cref="Alignment"/>.</summary>
    internal static long Aligned(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private void Place(ParameterGroup group)
    {
        foreach (var (name, shape) in group.Members)
        {
            var parameter = new Parameter(name, shape, _end, group.Decays) { HeadsTogether = group.HeadsTogether };
            _parameters.Add(parameter);
            _byName.Add(name, parameter);
            _end += parameter.Length;
        }

        _end = Aligned(_end);
    }

    private long? Find(string? name) => name is not null && _byName.TryGetValue(name, out var parameter) ? parameter.Offset : null;

    private LayerParameters OffsetsOf(DecoderConfig config, LayerParameterNames names)
    {
        // A file's name may stand for the norm before or after: the placement says which.
        long? Norm(bool isThere, string name, string part) => isThere ? Find(name + part) : null;
        return new()
        {
            AttentionNormGain = Norm(config.NormsBefore, names.AttentionNorm, ".weight"),
            AttentionNormBias = Norm(config.NormsBefore, names.AttentionNorm, ".bias"),
            QkvWeight = this[names.Qkv[0] + ".weight"].Offset,
            QkvBias = Find(names.Qkv[0] + ".bias"),
            QueryNorm = Find(names.QueryNorm + ".weight"),
            KeyNorm = Find(names.KeyNorm + ".weight"),
            OutputWeight = this[names.Output + ".weight"].Offset,
            OutputBias = Find(names.Output + ".bias"),
            AttentionAfterGain = Norm(config.NormsAfter, names.AttentionAfterNorm, ".weight"),
            AttentionAfterBias = Norm(config.NormsAfter, names.AttentionAfterNorm, ".bias"),
            FeedForwardNormGain = Norm(config.NormsBefore, names.FeedForwardNorm, ".weight"),
            FeedForwardNormBias = Norm(config.NormsBefore, names.FeedForwardNorm, ".bias"),
            UpWeight = this[names.Up[0] + ".weight"].Offset,
            UpBias = Find(names.Up[0] + ".bias"),
            DownWeight = this[names.Down + ".weight"].Offset,
            DownBias = Find(names.Down + ".bias"),
            FeedForwardAfterGain = Norm(config.NormsAfter, names.FeedForwardAfterNorm, ".weight"),
            FeedForwardAfterBias = Norm(config.NormsAfter, names.FeedForwardAfterNorm, ".bias"),
        };
    }
}
