using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>
/// GPT-NeoX (Black 2022), Pythia (Biderman 2023): LayerNorm with biases, a part of each head turned, attention and feed-forward block side by side or one after
/// the other.
/// </summary>
internal sealed partial class GptNeoX : ModelFamily
{
    private const string Fraction = "rotary_pct";
    private const string Base = "rotary_emb_base";

    public override string Name => "gpt_neox";

    internal override DecoderConfig Style => new()
    {
        Family = this,
        Normalization = Normalization.LayerNorm,
        NormEpsilon = 1e-5,
        ParallelResidual = true,
        Positions = Positions.Rotary,
        FeedForward = FeedForward.ExactGelu,
        QkvBias = true,
        QkvByHead = true,
        OutputBias = true,
        FeedForwardBias = true,
    };

    internal override ParameterNames Tensors { get; } = new("gpt_neox.embed_in.weight", null, "gpt_neox.final_layer_norm", layer => new LayerParameterNames(
        $"gpt_neox.layers.{layer}.input_layernorm", [$"gpt_neox.layers.{layer}.attention.query_key_value"], "", "",
        $"gpt_neox.layers.{layer}.attention.dense", $"gpt_neox.layers.{layer}.post_attention_layernorm",
        [$"gpt_neox.layers.{layer}.mlp.dense_h_to_4h"], $"gpt_neox.layers.{layer}.mlp.dense_4h_to_h"))
    {
        Head = "embed_out.weight",
    };

    protected override string ClassStem => "GPTNeoX";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        var (width, heads) = (keys.Integer("hidden_size"), keys.Integer("num_attention_heads"));
        var headWidth = WidthOfHeads(keys, "num_attention_heads", width, heads);
        var rotary = Rotary(keys);
        var attentionBias = keys.Flag("attention_bias", true);
        return Style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = headWidth,
            FeedForwardWidth = keys.Integer("intermediate_size"),
            ContextLength = LongestRow(keys.Integer("max_position_embeddings"), rotary.Scaling),
            NormEpsilon = keys.Number("layer_norm_eps", 1e-5),
            ParallelResidual = keys.Flag("use_parallel_residual", true),
            RotaryBase = rotary.Base,
            RotaryScaling = rotary.Scaling,
            TurnedWidth = rotary.Turned(headWidth),
            FeedForward = ActivationKeys.Read(keys, "hidden_act", FeedForward.ExactGelu),
            QkvBias = attentionBias,
            OutputBias = attentionBias,
            TiedEmbeddings = keys.Flag("tie_word_embeddings", false),
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
        ["hidden_act"] = ActivationKeys.Write(config.FeedForward),
        ["vocab_size"] = config.VocabularySize,
        ["hidden_size"] = config.Width,
        ["intermediate_size"] = config.FeedForwardWidth,
        ["num_hidden_layers"] = config.Layers,
        ["num_attention_heads"] = config.Heads,
        ["max_position_embeddings"] = WrittenContext(config),
        ["layer_norm_eps"] = config.NormEpsilon,
        ["use_parallel_residual"] = config.ParallelResidual,
        [Fraction] = RotaryKeys.Fraction(config),
        [Base] = config.RotaryBase,
        ["rope_scaling"] = RotaryKeys.Write(config.RotaryScaling),
        ["attention_bias"] = config.QkvBias,
        ["initializer_range"] = config.InitializerRange,
        ["hidden_dropout"] = config.ResidualDropoutInFile,
        ["attention_dropout"] = 0.0,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = DecoderConfigWriter.Ids(config.EosTokenIds),
    };

    internal override bool IsBuffer(string tensor) => Buffers().IsMatch(tensor);

    internal override long UsualFeedForwardWidth(long width) => 4 * width;

    // A quarter of a head, an even number of components.
    internal override DecoderConfig Fresh(DecoderConfig config) => config with { TurnedWidth = Math.Max(2, config.HeadWidth / 8 * 2) };

    internal override IEnumerable<string> Problems(DecoderConfig config) => HeadsDivideTheWidth(config);

    private static RotarySettings Rotary(DecoderConfigKeys keys)
    {
        var settings = RotaryKeys.Read(keys, usualBase: 10_000, canBePartial: true, usualFraction: 0.25);
        return settings with
        {
            Base = Older(keys, Base, "rope_theta", settings.Base),
            Fraction = Older(keys, Fraction, RotaryKeys.Part, settings.Fraction),
        };
    }

    /// <summary>A number under its older key, which may stand beside the newer one if they agree.</summary>
    private static double Older(DecoderConfigKeys keys, string older, string newer, double read)
    {
        if (!keys.Contains(older))
        {
            return read;
        }

        var value = keys.Number(older);
        if ((keys.Contains(newer) || keys.Object("rope_parameters")?.Contains(newer) == true) && value != read)
        {
            keys.Refuse(older, $"contradicts \"{newer}\"");
        }

        return value;
    }

    [GeneratedRegex(@"\A(gpt_neox\.)?(layers\.[0-9]+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)|rotary_emb\.inv_freq)\z")]
    private static partial Regex Buffers();
}
