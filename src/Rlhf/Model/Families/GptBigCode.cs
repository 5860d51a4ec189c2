using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>GPT-BigCode (SantaCoder, Ben Allal 2023; StarCoder, Li 2023): GPT-2 with weights stored [out, in] and, as a rule, one key-value head (Shazeer
/// 2019).</summary>
internal sealed class GptBigCode : Gpt2
{
    private const string MultiQuery = "multi_query";

    public override string Name => "gpt_bigcode";

    internal override DecoderConfig Style => base.Style with { WeightsAreInputMajor = false };

    protected override string ClassStem => "GPTBigCode";

    internal override string LanguageModelClass => "GPTBigCodeForCausalLM";

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        // How sums are made and memory is kept, not what is computed.
        foreach (var key in (string[])["attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "inference_runner", "validate_runner_input",
            "pre_allocate_kv_cache", "max_batch_size", "attention_implementation"])
        {
            keys.Contains(key);
        }

        var (config, multiQuery) = (base.Read(keys), keys.Flag(MultiQuery, true));
        var keyHeads = multiQuery ? 1 : config.Heads;
        if (keys.Contains("num_key_value_heads") && keys.Integer("num_key_value_heads") != keyHeads)
        {
            keys.Refuse("num_key_value_heads", $"contradicts \"{MultiQuery}\"");
        }

        return config with { KeyValueHeads = keyHeads, QkvByHead = !multiQuery };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var json = base.Write(config);
        if (config.FeedForward == FeedForward.Gelu)
        {
            json["activation_function"] = "gelu_pytorch_tanh";
        }

        json.Insert(json.IndexOf("layer_norm_epsilon"), MultiQuery, !config.QkvByHead);
        return json;
    }

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
}
