using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>OPT (Zhang 2022): learned positions from row 2 of their table on, LayerNorm before the sublayers or after them, ReLU, maybe narrow
/// embeddings.</summary>
internal sealed class Opt : ModelFamily
{
    private const string NormBefore = "do_layer_norm_before";
    private const string Narrow = "word_embed_proj_dim";
    private const string Prefix = "model.decoder.";

    public override string Name => "opt";

    internal override DecoderConfig Style => new()
    {
        Family = this,
        Normalization = Normalization.LayerNorm,
        NormEpsilon = 1e-5,
        Positions = Positions.Learned,
        PositionOffset = 2,
        FeedForward = FeedForward.Relu,
        QkvBias = true,
        OutputBias = true,
        FeedForwardBias = true,
    };

    internal override ParameterNames Tensors { get; } = new(
        Prefix + "embed_tokens.weight", Prefix + "embed_positions.weight", Prefix + "final_layer_norm", layer => new LayerParameterNames(
            $"{Prefix}layers.{layer}.self_attn_layer_norm",
            [$"{Prefix}layers.{layer}.self_attn.q_proj", $"{Prefix}layers.{layer}.self_attn.k_proj", $"{Prefix}layers.{layer}.self_attn.v_proj"], "", "",
            $"{Prefix}layers.{layer}.self_attn.out_proj", $"{Prefix}layers.{layer}.final_layer_norm", [$"{Prefix}layers.{layer}.fc1"],
            $"{Prefix}layers.{layer}.fc2"))
    {
        ProjectIn = Prefix + "project_in.weight",
        ProjectOut = Prefix + "project_out.weight",
    };

    protected override string ClassStem => "OPT";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("layer_norm_elementwise_affine", ["true"], "is not implemented: norms must have gains and biases");
        keys.Allow("layerdrop", ["0"], "is not implemented: every block is used in training");
        var (width, heads) = (keys.Integer("hidden_size"), keys.Integer("num_attention_heads"));
        var (bias, before) = (keys.Flag("enable_bias", true), keys.Flag(NormBefore, true));
        var narrow = keys.Integer(Narrow, width);
        return Style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = WidthOfHeads(keys, "num_attention_heads", width, heads),
            FeedForwardWidth = keys.Integer("ffn_dim"),
            ContextLength = keys.Integer("max_position_embeddings"),
            NormPlacement = before ? NormPlacement.Before : NormPlacement.AfterResidual,
            HasFinalNorm = before && !keys.Flag("_remove_final_layer_norm", false),
            FeedForward = ActivationKeys.Read(keys, "activation_function", FeedForward.Relu),
            QkvBias = bias,
            OutputBias = bias,
            FeedForwardBias = bias,
            NarrowEmbedding = narrow == width ? null : narrow,
            TiedEmbeddings = keys.Flag("tie_word_embeddings", true),
            InitializerRange = keys.Number("init_std", 0.02),
            BosTokenId = keys.Id("bos_token_id"),
            EosTokenIds = keys.Ids("eos_token_id"),
            ResidualDropoutInFile = keys.Number("dropout", 0.1),
            Notes = keys.Notes("attention_dropout", "activation_dropout"),
        };
    }

    internal override JsonObject Write(DecoderConfig config) => new()
    {
        ["model_type"] = Name,
        ["activation_function"] = ActivationKeys.Write(config.FeedForward),
        ["vocab_size"] = config.VocabularySize,
        ["hidden_size"] = config.Width,
        [Narrow] = config.EmbeddingWidth,
        ["ffn_dim"] = config.FeedForwardWidth,
        ["num_hidden_layers"] = config.Layers,
        ["num_attention_heads"] = config.Heads,
        ["max_position_embeddings"] = config.ContextLength,
        [NormBefore] = config.NormPlacement == NormPlacement.Before,
        ["_remove_final_layer_norm"] = config.NormPlacement == NormPlacement.Before && !config.HasFinalNorm,
        ["enable_bias"] = config.QkvBias,
        ["init_std"] = config.InitializerRange,
        ["dropout"] = config.ResidualDropoutInFile,
        ["attention_dropout"] = 0.0,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = DecoderConfigWriter.Ids(config.EosTokenIds),
    };

    internal override bool IsBuffer(string tensor) => false;

    internal override long UsualFeedForwardWidth(long width) => 4 * width;

    internal override IEnumerable<string> Problems(DecoderConfig config) => HeadsDivideTheWidth(config);
}
