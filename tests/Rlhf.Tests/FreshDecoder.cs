using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Tests;

/// <summary>Decoders with fresh parameters.</summary>
internal static class FreshDecoder
{
    public static Decoder Create(IDevice device, DecoderConfig config, HeadKind heads, bool trainable)
    {
        var decoder = new Decoder(device, config, heads, trainable);
        var parameters = new float[decoder.Layout.Length];
        DecoderInitialization.Fill(decoder.Layout, parameters, seed: 4);
        device.CopyIn(parameters, decoder.Parameters.Slice(0, parameters.Length));
        decoder.Refresh();
        return decoder;
    }
}
