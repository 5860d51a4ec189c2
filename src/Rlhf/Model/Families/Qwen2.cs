using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>Qwen2: Llama with biases on the query, key and value projections.</summary>
internal class Qwen2 : Llama
{
    public override string Name => "qwen2";

    internal override DecoderConfig Style => base.Style with { QkvBias = true };

    protected override string ClassStem => "Qwen2";

    protected override bool HasBiasSwitch => false;

    protected override int KeyValueHeadsWhenAbsent(int heads) => 32;

    // Most files name a window and switch it off. Switched on, it is used from block max_window_layers on.
    protected override int? SlidingWindow(DecoderConfigKeys keys)
    {
        var window = WindowWidth(keys);
        if (!keys.Flag(WindowSwitch, whenAbsent: false))
        {
            AllowFullAttentionAlone(keys);
            return null;
        }

        var isUnused = keys.Contains("layer_types")
            ? keys.AreAll("layer_types", FullAttention)
            : keys.Integer("max_window_layers", 28) >= keys.Integer("num_hidden_layers");
        return isUnused ? null : window;
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys[Window] = null; // an absent key means 4096
        return keys;
    }
}
