namespace Rlhf.Model;

/// <summary>A new adapter's numbers: A uniform in +-1 / sqrt(inputs), B zero, as PEFT has them (Kaiming 2015 with a = sqrt(5)), so that nothing changes at
/// first (Hu 2021, section 4.1).</summary>
public static class AdapterInitialization
{
    /// <summary>Fills a decoder's own adapter.</summary>
    /// <param name="decoder">A decoder with an adapter.</param>
    /// <param name="seed">Each tensor has a stream of its own.</param>
    public static void Fill(Decoder decoder, ulong seed)
    {
        var layout = decoder.Adapter!.Layout;
        var numbers = new float[layout.Length];
        for (var i = 0; i < layout.Modules.Count; i++)
        {
            var a = layout.Parameters[2 * i];
            var values = numbers.AsSpan((int)a.Offset, (int)a.Length);
            var bound = 1 / Math.Sqrt(a.Shape[1]);
            for (var k = 0; k < values.Length; k++)
            {
                values[k] = (float)(bound * ((2 * Philox.Uniform(seed, (ulong)i, 0, (uint)k)) - 1));
            }
        }

        decoder.Device.CopyIn(numbers, decoder.Parameters.Slice(0, numbers.Length));
        decoder.Refresh();
    }
}
