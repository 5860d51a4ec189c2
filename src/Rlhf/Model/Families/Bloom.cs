using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>BLOOM (Scao 2022): no positions but ALiBi (Press 2021), a norm of the embedding, LayerNorm, GELU.</summary>
internal sealed class Bloom : ModelFamily
{
    private const string ResidualKey = "apply_residual_connection_post_layernorm";

    // The context is not in the file: positions have no end. This is what the public models were trained with.
    private const int UsualContext = 2048;

    public override string Name => "bloom";

    internal override DecoderConfig Style => new()
    {
        Family = this,
        Normalization = Normalization.LayerNorm,
        NormEpsilon = 1e-5,
        HasEmbeddingNorm = true,
        Positions = Positions.Alibi,
        FeedForward = FeedForward.Gelu,
        QkvBias = true,
        QkvByHead = true,
        OutputBias = true,
        FeedForwardBias = true,
    };

    internal override ParameterNames Tensors { get; } = new("transformer.word_embeddings.weight", null, "transformer.ln_f", layer => new LayerParameterNames(
        $"transformer.h.{layer}.input_layernorm", [$"transformer.h.{layer}.self_attention.query_key_value"], "", "",
        $"transformer.h.{layer}.self_attention.dense", $"transformer.h.{layer}.post_attention_layernorm",
        [$"transformer.h.{layer}.mlp.dense_h_to_4h"], $"transformer.h.{layer}.mlp.dense_4h_to_h"))
    {
        EmbeddingNorm = "transformer.word_embeddings_layernorm",
    };

    protected override string ClassStem => "Bloom";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        // How the public models were trained: sums in another order, masks of other programs.
        foreach (var key in (string[])["pretraining_tp", "slow_but_exact", "masked_softmax_fusion", "attention_softmax_in_fp32", "bias_dropout_fusion",
            "skip_bias_add", "skip_bias_add_qkv", "offset_alibi"])
        {
            keys.Contains(key);
        }

        keys.Allow("n_inner", [], "is not implemented: the feed-forward block is four times as wide as the model in this family");
        var width = keys.Integer(keys.Contains("n_embed") ? "n_embed" : "hidden_size");
        var headsKey = keys.Contains("num_attention_heads") ? "num_attention_heads" : "n_head";
        var heads = keys.Integer(headsKey);
        foreach (var (key, other) in ((string, string)[])[("n_embed", "hidden_size"), ("n_head", "num_attention_heads"), ("n_layer", "num_hidden_layers")])
        {
            if (keys.Contains(key) && keys.Contains(other) && keys.Integer(key) != keys.Integer(other))
            {
                keys.Refuse(key, $"contradicts \"{other}\"");
            }
        }

        return Style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer(keys.Contains("num_hidden_layers") ? "num_hidden_layers" : "n_layer"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = WidthOfHeads(keys, headsKey, width, heads),
            FeedForwardWidth = (int)Math.Clamp(4L * width, 0, int.MaxValue),
            ContextLength = keys.Integer("seq_length", UsualContext),
            NormEpsilon = keys.Number("layer_norm_epsilon", 1e-5),
            ResidualFromNorm = keys.Flag(ResidualKey, false),
            TiedEmbeddings = keys.Flag("tie_word_embeddings", true),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = keys.Id("bos_token_id"),
            EosTokenIds = keys.Ids("eos_token_id"),
            ResidualDropoutInFile = keys.Number("hidden_dropout", 0),
            Notes = keys.Notes("attention_dropout"),
        };
    }

    internal override JsonObject Write(DecoderConfig config) => new()
    {
        ["model_type"] = Name,
        ["vocab_size"] = config.VocabularySize,
        ["hidden_size"] = config.Width,
        ["n_layer"] = config.Layers,
        ["n_head"] = config.Heads,
        ["seq_length"] = config.ContextLength,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        [ResidualKey] = config.ResidualFromNorm,
        ["initializer_range"] = config.InitializerRange,
        ["hidden_dropout"] = config.ResidualDropoutInFile,
        ["attention_dropout"] = 0.0,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = DecoderConfigWriter.Ids(config.EosTokenIds),
    };

    internal override bool IsBuffer(string tensor) => false;

    internal override long UsualFeedForwardWidth(long width) => 4 * width;

    internal override IEnumerable<string> Problems(DecoderConfig config)
    {
        foreach (var problem in HeadsDivideTheWidth(config))
        {
            yield return problem;
        }

        if (config.FeedForwardWidth != 4L * config.Width)
        {
            yield return $"feed-forward width is {config.FeedForwardWidth}, in {Name} it must be four times the width: {4L * config.Width}";
        }
    }
}
