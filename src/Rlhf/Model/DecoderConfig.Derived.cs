namespace Rlhf.Model;

/// <summary>What follows from a configuration.</summary>
public sealed partial record DecoderConfig
{
    /// <summary>H * D, rows of the query projection.</summary>
    public int QueryWidth => Heads * HeadWidth;

    /// <summary>K * D, rows of the key projection and of the value projection.</summary>
    public int KeyValueWidth => KeyValueHeads * HeadWidth;

    /// <summary>E, components of the token embedding and of the final hidden states.</summary>
    public int EmbeddingWidth => NarrowEmbedding ?? Width;

    /// <summary>Rows of the learned position table; 0 without one.</summary>
    public int PositionRows => Positions == Positions.Learned ? ContextLength + PositionOffset : 0;

    /// <summary>The first feed-forward projection has two parts, gate and up.</summary>
    public bool IsGated => FeedForward is FeedForward.SwiGlu or FeedForward.GeGlu;

    /// <summary>Sublayers read a normalised input.</summary>
    public bool NormsBefore => NormPlacement is NormPlacement.Before or NormPlacement.BeforeAndAfter;

    /// <summary>A norm follows each sublayer, before or after its residual is added.</summary>
    public bool NormsAfter => NormPlacement != NormPlacement.Before;

    /// <summary>Width of the norm over queries, over the heads that are normalised together.</summary>
    public int QueryNormWidth => QueryKeyNorm == QueryKeyNorm.Whole ? QueryWidth : HeadWidth;

    /// <summary>Width of the norm over keys.</summary>
    public int KeyNormWidth => QueryKeyNorm == QueryKeyNorm.Whole ? KeyValueWidth : HeadWidth;

    /// <summary>r, the components of a head that are turned; 0 without rotary positions.</summary>
    public int RotaryWidth => Positions == Positions.Rotary ? TurnedWidth ?? HeadWidth : 0;

    /// <summary>Whether a block turns queries and keys.</summary>
    public bool Turns(int layer) => Positions == Positions.Rotary && (TurnedLayers is null || TurnedLayers[layer]);

    /// <summary>Positions that a row sees in a block; 0: all, also where a window is as wide as the context.</summary>
    public int WindowOf(int layer) => HasWindow(layer) && Window < ContextLength ? Window.Value : 0;

    /// <summary>Whether a block has the window, as its rotary base depends on it.</summary>
    public bool HasWindow(int layer) => Window is not null && (WindowLayers is null || WindowLayers[layer]);

    /// <summary>Rows with the same number have the same rotary angles at the same positions.</summary>
    public int RotaryRegime(int length) => Positions == Positions.Rotary && RotaryScaling is { } scaling ? scaling.Regime(length) : 0;

    /// <summary>ALiBi's slope of each head [H]: 2^(-8h/n), h = 1..n, with n the largest power of two up to H; further heads have those between.</summary>
    public float[] AlibiSlopes()
    {
        var whole = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Heads + 1) / 2;
        return [.. Enumerable.Range(0, Heads).Select(head => (float)Math.Pow(2, head < whole
            ? -8.0 * (head + 1) / whole
            : -4.0 * ((2 * (head - whole)) + 1) / whole))];
    }

    /// <summary>A model from scratch in the style of a family: what a shape leaves open is what the family's own models have.</summary>
    /// <exception cref="InputException">The shape is impossible; the message names every reason.</exception>
    public static DecoderConfig FromShape(
        ModelFamily family, int vocabularySize, int width, int layers, int heads, int contextLength,
        int? keyValueHeads = null, int? headWidth = null, int? feedForwardWidth = null, bool tiedEmbeddings = true,
        double? rotaryBase = null, int? bosTokenId = null, IReadOnlyList<int>? eosTokenIds = null)
    {
        var config = family.Style with
        {
            VocabularySize = vocabularySize,
            Width = width,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads ?? heads,
            HeadWidth = headWidth ?? (heads > 0 ? width / heads : 0),
            FeedForwardWidth = feedForwardWidth ?? (int)Math.Min(family.UsualFeedForwardWidth(width), int.MaxValue),
            ContextLength = contextLength,
            RotaryBase = rotaryBase ?? family.Style.RotaryBase,
            TiedEmbeddings = tiedEmbeddings,
            BosTokenId = bosTokenId,
            EosTokenIds = eosTokenIds ?? [],
        };
        if (headWidth is null && heads > 0 && width % heads != 0)
        {
            throw new InputException(
                $"The model's shape is impossible: width {width} cannot be divided into {heads} heads. Change one of them, or give the head width.");
        }

        return family.Fresh(config).Checked("The model's shape");
    }
}
