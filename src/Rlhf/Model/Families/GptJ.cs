using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>GPT-J (Wang and Komatsuzaki 2021): one norm a block, attention and feed-forward block side by side, neighbouring components turned, a head with a
/// bias.</summary>
internal sealed partial class GptJ : ModelFamily
{
    private const string TurnedKey = "rotary_dim";

    public override string Name => "gptj";

    internal override DecoderConfig Style => new()
    {
        Family = this,
        Normalization = Normalization.LayerNorm,
        NormEpsilon = 1e-5,
        ParallelResidual = true,
        Positions = Positions.Rotary,
        TurnsNeighbours = true,
        FeedForward = FeedForward.Gelu,
        QkvBias = false,
        OutputBias = false,
        FeedForwardBias = true,
        HeadBias = true,
    };

    internal override ParameterNames Tensors { get; } = new("transformer.wte.weight", null, "transformer.ln_f", layer => new LayerParameterNames(
        $"transformer.h.{layer}.ln_1",
        [$"transformer.h.{layer}.attn.q_proj", $"transformer.h.{layer}.attn.k_proj", $"transformer.h.{layer}.attn.v_proj"], "", "",
        $"transformer.h.{layer}.attn.out_proj", $"transformer.h.{layer}.ln_1", [$"transformer.h.{layer}.mlp.fc_in"], $"transformer.h.{layer}.mlp.fc_out"));

    protected override string ClassStem => "GPTJ";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("rotary", ["true"], "is not implemented: queries and keys must be turned");
        keys.Allow("scale_attn_weights", ["true"], "is not implemented: scores must be divided by the root of the head width");
        var (width, heads) = (keys.Integer("n_embd"), keys.Integer("n_head"));
        var headWidth = WidthOfHeads(keys, "n_head", width, heads);
        return Style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("n_layer"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = headWidth,
            FeedForwardWidth = keys.Integer("n_inner", (int)Math.Clamp(UsualFeedForwardWidth(width), 0, int.MaxValue)),
            ContextLength = keys.Integer("n_positions"),
            TurnedWidth = keys.ContainsKeyEvenNull(TurnedKey) && !keys.Contains(TurnedKey) ? null : keys.Integer(TurnedKey, 64),
            NormEpsilon = keys.Number("layer_norm_epsilon", 1e-5),
            FeedForward = ActivationKeys.Read(keys, "activation_function", FeedForward.Gelu),
            TiedEmbeddings = keys.Flag("tie_word_embeddings", false),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = keys.Id("bos_token_id"),
            EosTokenIds = keys.Ids("eos_token_id"),
            ResidualDropoutInFile = keys.Number("resid_pdrop", 0),
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
        [TurnedKey] = config.TurnedWidth,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["resid_pdrop"] = config.ResidualDropoutInFile,
        ["embd_pdrop"] = 0.0,
        ["attn_pdrop"] = 0.0,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = DecoderConfigWriter.Ids(config.EosTokenIds),
    };

    internal override bool IsBuffer(string tensor) => Buffers().IsMatch(tensor);

    internal override long UsualFeedForwardWidth(long width) => 4 * width;

    internal override DecoderConfig Fresh(DecoderConfig config) => config.HeadWidth <= 64 ? config : config with { TurnedWidth = 64 };

    internal override IEnumerable<string> Problems(DecoderConfig config) => HeadsDivideTheWidth(config);

    [GeneratedRegex(@"\A(transformer\.)?h\.[0-9]+\.attn\.((masked_)?bias|embed_positions)\z")]
    private static partial Regex Buffers();
}
