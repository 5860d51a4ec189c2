using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>GPT-2 (Radford 2019): learned positions, LayerNorm, biases everywhere, weights stored [in, out].</summary>
internal partial class Gpt2 : ModelFamily
{
    public override string Name => "gpt2";

    internal override DecoderConfig Style => new()
    {
        Family = this,
        Normalization = Normalization.LayerNorm,
        NormEpsilon = 1e-5,
        Positions = Positions.Learned,
        FeedForward = FeedForward.Gelu,
        QkvBias = true,
        OutputBias = true,
        FeedForwardBias = true,
        WeightsAreInputMajor = true,
    };

    internal override ParameterNames Tensors { get; } = new(
        "transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f", layer => new LayerParameterNames(
            $"transformer.h.{layer}.ln_1", [$"transformer.h.{layer}.attn.c_attn"],
            $"transformer.h.{layer}.attn.q_norm", $"transformer.h.{layer}.attn.k_norm", $"transformer.h.{layer}.attn.c_proj",
            $"transformer.h.{layer}.ln_2", [$"transformer.h.{layer}.mlp.c_fc"], $"transformer.h.{layer}.mlp.c_proj"));

    protected override string ClassStem => "GPT2";

    internal override string LanguageModelClass => "GPT2LMHeadModel";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("scale_attn_weights", ["true"], "is not implemented: scores must be divided by the root of the head width");
        keys.Allow("scale_attn_by_inverse_layer_idx", ["false"], "is not implemented");
        var width = keys.Integer("n_embd");
        var heads = keys.Integer("n_head");
        return Style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("n_layer"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = WidthOfHeads(keys, "n_head", width, heads),
            FeedForwardWidth = keys.Integer("n_inner", (int)Math.Clamp(UsualFeedForwardWidth(width), 0, int.MaxValue)),
            ContextLength = keys.Integer("n_positions"),
            NormEpsilon = keys.Number("layer_norm_epsilon", 1e-5),
            FeedForward = ActivationKeys.Read(keys, "activation_function", FeedForward.Gelu),
            TiedEmbeddings = keys.Flag("tie_word_embeddings", true),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = keys.Id("bos_token_id"),
            EosTokenIds = keys.Ids("eos_token_id"),
            ResidualDropoutInFile = keys.Number("resid_pdrop", 0.1),
            Notes = keys.Notes("attn_pdrop", "embd_pdrop"),
        };
    }

    internal override JsonObject Write(DecoderConfig config) => new()
    {
        ["model_type"] = Name,
        ["activation_function"] = ActivationKeys.Write(config.FeedForward),
        ["vocab_size"] = config.VocabularySize,
        ["n_embd"] = config.Width,
        ["n_layer"] = config.Layers,
        ["n_head"] = config.Heads,
        ["n_inner"] = config.FeedForwardWidth == UsualFeedForwardWidth(config.Width) ? null : config.FeedForwardWidth,
        ["n_positions"] = config.ContextLength,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["resid_pdrop"] = config.ResidualDropoutInFile,
        ["embd_pdrop"] = 0.0,
        ["attn_pdrop"] = 0.0,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = DecoderConfigWriter.Ids(config.EosTokenIds),
    };

    internal override bool IsBuffer(string tensor) => CausalMask().IsMatch(tensor);

    internal override long UsualFeedForwardWidth(long width) => 4 * width;

    internal override IEnumerable<string> Problems(DecoderConfig config) => HeadsDivideTheWidth(config);

    [GeneratedRegex(@"\A(transformer\.)?h\.[0-9]+\.attn\.(masked_)?bias\z")]
    private static partial Regex CausalMask();
}
