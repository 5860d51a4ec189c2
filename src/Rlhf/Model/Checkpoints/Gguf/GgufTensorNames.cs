namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>How the rows of a stored matrix differ from ours.</summary>
internal enum GgufOrder
{
    /// <summary>Not at all.</summary>
    Same,

    /// <summary>Within each head the pair (j, j + D/2) stands at (2j, 2j + 1).</summary>
    Neighbours,

    /// <summary>[out, in] instead of [in, out].</summary>
    Transposed,
}

/// <summary>Where a parameter stands in a GGUF file.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Order">The order of its rows.</param>
/// <param name="Heads">Heads of a matrix with neighbours.</param>
/// <param name="HasOneMore">A gain that stands there with the 1 that ours is without.</param>
internal readonly record struct GgufPlace(string Name, GgufOrder Order = GgufOrder.Same, int Heads = 1, bool HasOneMore = false);

/// <summary>Names of a decoder's parameters in GGUF files.</summary>
internal static class GgufTensorNames
{
    /// <summary>The place of each parameter, by our name for it.</summary>
    public static Dictionary<string, GgufPlace> Of(DecoderConfig config, bool turnsNeighbours)
    {
        var names = config.Family.Tensors;
        var places = new Dictionary<string, GgufPlace>(StringComparer.Ordinal)
        {
            [names.TokenEmbedding] = new(GgufHead.Embedding),
            [names.FinalNorm + ".weight"] = new("output_norm.weight", HasOneMore: config.GainsFromOne),
            [names.FinalNorm + ".bias"] = new("output_norm.bias"),
            [names.Head] = new(GgufHead.Name),
        };
        if (names.PositionEmbedding is { } positions)
        {
            places[positions] = new("position_embd.weight");
        }

        for (var layer = 0; layer < config.Layers; layer++)
        {
            foreach (var (module, name, heads) in OfLayer(config, names.Layer(layer)))
            {
                var order = heads > 0 && turnsNeighbours ? GgufOrder.Neighbours : GgufOrder.Same;
                var isMatrix = !name.EndsWith("_norm", StringComparison.Ordinal);
                var prefix = FormattableString.Invariant($"blk.{layer}.{name}");
                places[module + ".weight"] = new(
                    prefix + ".weight", config.WeightsAreInputMajor && isMatrix ? GgufOrder.Transposed : order, heads, config.GainsFromOne && !isMatrix);
                places[module + ".bias"] = new(prefix + ".bias", order, heads);
            }
        }

        return places;
    }

    private static IEnumerable<(string Module, string Name, int RotaryHeads)> OfLayer(DecoderConfig config, LayerParameterNames names)
    {
        (string, string, int)[] attention = names.Qkv.Length == 1
            ? [(names.Qkv[0], "attn_qkv", 0)]
            : [(names.Qkv[0], "attn_q", config.Heads), (names.Qkv[1], "attn_k", config.KeyValueHeads), (names.Qkv[2], "attn_v", 0)];
        (string, string, int)[] up = names.Up.Length == 1
            ? [(names.Up[0], "ffn_up", 0)]
            : [(names.Up[0], "ffn_gate", 0), (names.Up[1], "ffn_up", 0)];
        (string, string, int)[] after = names.AttentionAfterNorm == names.AttentionNorm
            ? []
            : [(names.AttentionAfterNorm, "post_attention_norm", 0), (names.FeedForwardAfterNorm, "post_ffw_norm", 0)];
        return
        [
            .. after,
            (names.AttentionNorm, "attn_norm", 0),
            .. attention,
            (names.QueryNorm, "attn_q_norm", 0),
            (names.KeyNorm, "attn_k_norm", 0),
            (names.Output, "attn_output", 0),
            (names.FeedForwardNorm, "ffn_norm", 0),
            .. up,
            (names.Down, "ffn_down", 0),
        ];
    }
}
