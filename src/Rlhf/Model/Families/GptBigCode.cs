using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>GPT-BigCode (SantaCoder, Ben Allal 2023; StarCoder, Li 2023): GPT-2 with weights stored [out, in] and, as a rule, one key-value head (Shazeer
/// 2019).</summary>
internal sealed partial class GptBigCode : ModelFamily
{
    private const string MultiQuery = "multi_query";

    public override string Name => "gpt_bigcode";

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
    };

    internal override ParameterNames Tensors { get; } = new(
        "transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f", layer => new LayerParameterNames(
            $"transformer.h.{layer}.ln_1", [$"transformer.h.{layer}.attn.c_attn"], "", "", $"transformer.h.{layer}.attn.c_proj",
            $"transformer.h.{layer}.ln_2", [$"transformer.h.{layer}.mlp.c_fc"], $"transformer.h.{layer}.mlp.c_proj"));

    protected override string ClassStem => "GPTBigCode";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("scale_attn_weights", ["true"], "is not implemented: scores must be divided by the root of the head width");

        // How sums are made and memory is kept, not what is computed.
        foreach (var key in (string[])["attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "inference_runner", "validate_runner_input",
            "pre_allocate_kv_cache", "max_batch_size", "attention_implementation"])
        {
            keys.Contains(key);
        }

        var (width, heads, multiQuery) = (keys.Integer("n_embd"), keys.Integer("n_head"), keys.Flag(MultiQuery, true));
        var keyHeads = multiQuery ? 1 : heads;
        if (keys.Contains("num_key_value_heads") && keys.Integer("num_key_value_heads") != keyHeads)
        {
            keys.Refuse("num_key_value_heads", $"contradicts \"{MultiQuery}\"");
        }

        return Style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("n_layer"),
            Heads = heads,
            KeyValueHeads = keyHeads,
            QkvByHead = !multiQuery,
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
        ["activation_function"] = config.FeedForward == FeedForward.Gelu ? "gelu_pytorch_tanh" : ActivationKeys.Write(config.FeedForward),
        ["vocab_size"] = config.VocabularySize,
        ["n_embd"] = config.Width,
        ["n_layer"] = config.Layers,
        ["n_head"] = config.Heads,
        ["n_inner"] = config.FeedForwardWidth == UsualFeedForwardWidth(config.Width) ? null : config.FeedForwardWidth,
        ["n_positions"] = config.ContextLength,
        [MultiQuery] = !config.QkvByHead,
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

    // As many key-value heads as heads, if more than one, is the form without multi_query.
    internal override DecoderConfig Fresh(DecoderConfig config) => config with { QkvByHead = config.KeyValueHeads != 1 };

    internal override IEnumerable<string> Problems(DecoderConfig config)
    {
        if ((long)config.Heads * config.HeadWidth != config.Width || config.KeyValueHeads != (config.QkvByHead ? config.Heads : 1))
        {
            yield return $"{Name} needs width = heads * head width and one key-value head, or as many as heads "
                + $"(here {config.Width}, {config.Heads} * {config.HeadWidth}, {config.KeyValueHeads})";
        }
    }

    [GeneratedRegex(@"\A(transformer\.)?h\.[0-9]+\.attn\.(masked_)?bias\z")]
    private static partial Regex CausalMask();
}
