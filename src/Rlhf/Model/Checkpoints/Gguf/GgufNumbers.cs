using System.Numerics;
using System.Runtime.InteropServices;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Reads the numbers of tensors, a part at a time.</summary>
internal static class GgufNumbers
{
    /// <summary>Numbers that are read at once; a multiple of every block's length.</summary>
    public const int Chunk = 1 << 18;

    /// <summary>Reads a whole tensor.</summary>
    /// <exception cref="InputException">The file cannot be read, or has a number that is not finite.</exception>
    public static void Read(GgufFile file, GgufTensor tensor, Span<float> destination)
    {
        using var reader = new GgufTensorReader(file);
        reader.Read(tensor, 0, destination);
    }

    /// <summary>The first number that is not finite, or null.</summary>
    public static int? FirstNotFinite(ReadOnlySpan<float> values)
    {
        const uint Exponent = 0x7F80_0000;
        var bits = MemoryMarshal.Cast<float, uint>(values);
        var mask = new Vector<uint>(Exponent);
        var i = 0;
        for (; i <= bits.Length - Vector<uint>.Count; i += Vector<uint>.Count)
        {
            if (Vector.EqualsAny(new Vector<uint>(bits[i..]) & mask, mask))
            {
                break;
            }
        }

        for (; i < bits.Length; i++)
        {
            if ((bits[i] & Exponent) == Exponent)
            {
                return i;
            }
        }

        return null;
    }
}
