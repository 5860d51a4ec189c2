using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>GPT-J (Wang and Komatsuzaki 2021): one norm a block, attention and feed-forward block side by side, neighbouring components turned, a head with a
/// bias.</summary>
internal sealed partial class GptJ : Gpt2
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

    internal override string LanguageModelClass => "GPTJForCausalLM";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("rotary", ["true"], "is not implemented: queries and keys must be turned");
        return base.Read(keys) with
        {
            TurnedWidth = keys.ContainsKeyEvenNull(TurnedKey) && !keys.Contains(TurnedKey) ? null : keys.Integer(TurnedKey, 64),
            TiedEmbeddings = keys.Flag("tie_word_embeddings", false),
            ResidualDropoutInFile = keys.Number("resid_pdrop", 0),
        };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var json = base.Write(config);
        json.Insert(json.IndexOf("layer_norm_epsilon"), TurnedKey, config.TurnedWidth);
        return json;
    }

    internal override bool IsBuffer(string tensor) => Buffers().IsMatch(tensor);

    internal override DecoderConfig Fresh(DecoderConfig config) => config.HeadWidth <= 64 ? config : config with { TurnedWidth = 64 };

    [GeneratedRegex(@"\A(transformer\.)?h\.[0-9]+\.attn\.((masked_)?bias|embed_positions)\z")]
    private static partial Regex Buffers();
}
