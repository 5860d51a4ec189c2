using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>Mistral (Jiang 2023): Llama whose attention may be limited to a window, in every block.</summary>
internal sealed class Mistral : Llama
{
    public override string Name => "mistral";

    protected override string ClassStem => "Mistral";

    protected override bool HasBiasSwitch => false;

    protected override bool HasFeedForwardBiasSwitch => false;

    protected override int KeyValueHeadsWhenAbsent(int heads) => 8;

    protected override (int? Width, EqualList<bool>? Layers) Windows(DecoderConfigKeys keys, int layers, int context) =>
        (LayerKeys.OfEveryBlock(keys, layers, context, whenAbsent: 4096), null);

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys[LayerKeys.Window] = config.Window; // an absent key means 4096
        return keys;
    }
}
