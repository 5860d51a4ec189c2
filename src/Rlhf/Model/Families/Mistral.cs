using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>Mistral: Llama whose attention may be limited to a window; one narrower than the context is not implemented.</summary>
internal sealed class Mistral : Llama
{
    public override string Name => "mistral";

    protected override string ClassStem => "Mistral";

    protected override bool HasBiasSwitch => false;

    protected override int KeyValueHeadsWhenAbsent(int heads) => 8;

    // There is no switch: the window is used whatever a file says.
    protected override int? SlidingWindow(DecoderConfigKeys keys)
    {
        var window = WindowWidth(keys);
        AllowFullAttentionAlone(keys);
        return window;
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys[Window] = null; // an absent key means 4096
        return keys;
    }
}
