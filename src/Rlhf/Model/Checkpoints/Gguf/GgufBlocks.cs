using System.Runtime.InteropServices;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>
/// Numbers from blocks, type by type, as ggml's own reference decodes them: one rounding to float32 for a product, one for a sum. Scales are halves (d, and m
/// or e where there is a minimum); low nibbles come first, then the high ones.
/// </summary>
internal static class GgufBlocks
{
    private const int K = 256;

    private static ReadOnlySpan<sbyte> Levels => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    // Twice the value of each 4-bit float (1 sign, 2 exponent, 1 fraction bit).
    private static ReadOnlySpan<sbyte> HalfSteps => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    /// <summary>Decodes whole blocks.</summary>
    /// <param name="type">Their type.</param>
    /// <param name="blocks">The blocks' bytes.</param>
    /// <param name="values">As many numbers as the blocks have.</param>
    public static void Decode(GgufTensorType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        switch (type)
        {
            case GgufTensorType.F32:
                blocks.CopyTo(MemoryMarshal.AsBytes(values));
                return;
            case GgufTensorType.F16:
                Widen(MemoryMarshal.Cast<byte, Half>(blocks), values);
                return;
            case GgufTensorType.BF16:
                Widen(MemoryMarshal.Cast<byte, ushort>(blocks), values);
                return;
        }

        var (bytes, length) = (type.BlockBytes(), type.BlockLength());
        for (int at = 0, first = 0; first < values.Length; at += bytes, first += length)
        {
            DecodeBlock(type, blocks.Slice(at, bytes), values.Slice(first, length));
        }
    }

    private static void DecodeBlock(GgufTensorType type, ReadOnlySpan<byte> block, Span<float> y)
    {
        switch (type)
        {
            case GgufTensorType.Q8_0: Q8_0(block, y); break;
            case GgufTensorType.Q4_0: Q4(block[2..], HalfAt(block, 0), 0, 8, y); break;
            case GgufTensorType.Q4_1: Q4(block[4..], HalfAt(block, 0), HalfAt(block, 2), 0, y); break;
            case GgufTensorType.Q5_0: Q5(block[2..], HalfAt(block, 0), 0, 16, y); break;
            case GgufTensorType.Q5_1: Q5(block[4..], HalfAt(block, 0), HalfAt(block, 2), 0, y); break;
            case GgufTensorType.Q2_K: Q2_K(block, y); break;
            case GgufTensorType.Q3_K: Q3_K(block, y); break;
            case GgufTensorType.Q4_K: Q4_K(block, y); break;
            case GgufTensorType.Q5_K: Q5_K(block, y); break;
            case GgufTensorType.Q6_K: Q6_K(block, y); break;
            case GgufTensorType.IQ4_NL: Chosen(block[2..], HalfAt(block, 0), Levels, y); break;
            case GgufTensorType.IQ4_XS: IQ4_XS(block, y); break;
            case GgufTensorType.TQ2_0: TQ2_0(block, y); break;
            case GgufTensorType.MXFP4: Chosen(block[1..], PowerOfTwo(block[0] - 128), HalfSteps, y); break;
            default: throw new ArgumentOutOfRangeException(nameof(type));
        }
    }

    private static void Widen(ReadOnlySpan<Half> halves, Span<float> y)
    {
        for (var i = 0; i < y.Length; i++)
        {
            y[i] = (float)halves[i];
        }
    }

    private static void Widen(ReadOnlySpan<ushort> upper, Span<float> y)
    {
        for (var i = 0; i < y.Length; i++)
        {
            y[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
        }
    }

    private static float HalfAt(ReadOnlySpan<byte> block, int at) => (float)MemoryMarshal.Read<Half>(block[at..]);

    // 2^-128 is subnormal, so no exponent can be shifted into place.
    private static float PowerOfTwo(int exponent) => (float)Math.ScaleB(1, exponent);

    private static void Q8_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        var d = HalfAt(block, 0);
        var q = MemoryMarshal.Cast<byte, sbyte>(block[2..]);
        for (var i = 0; i < q.Length; i++)
        {
            y[i] = d * q[i];
        }
    }

    // The minimum is added apart from the product: fused, the last bit would be another.
    private static void Q4(ReadOnlySpan<byte> q, float d, float m, int zero, Span<float> y)
    {
        var low = y[..16];
        var high = y.Slice(16, 16);
        for (var i = 0; i < 16; i++)
        {
            var pair = q[i];
            var (first, second) = (((pair & 15) - zero) * d, ((pair >> 4) - zero) * d);
            low[i] = first + m;
            high[i] = second + m;
        }
    }

    private static void Q5(ReadOnlySpan<byte> block, float d, float m, int zero, Span<float> y)
    {
        var fifth = MemoryMarshal.Read<uint>(block);
        var q = block[4..];
        for (var i = 0; i < 16; i++)
        {
            var first = ((q[i] & 15) | (((int)(fifth >> i) & 1) << 4)) - zero;
            var second = ((q[i] >> 4) | (((int)(fifth >> (i + 16)) & 1) << 4)) - zero;
            y[i] = (first * d) + m;
            y[i + 16] = (second * d) + m;
        }
    }

    private static void Chosen(ReadOnlySpan<byte> q, float d, ReadOnlySpan<sbyte> levels, Span<float> y)
    {
        for (var i = 0; i < 16; i++)
        {
            y[i] = d * levels[q[i] & 15];
            y[i + 16] = d * levels[q[i] >> 4];
        }
    }

    // scales [16] (low nibble scale, high nibble minimum), q [64], d, e.
    private static void Q2_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        var (d, e) = (HalfAt(block, 80), HalfAt(block, 82));
        var q = block.Slice(16, 64);
        for (var i = 0; i < K; i++)
        {
            var scale = block[i / 16];
            var bits = (q[(i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2)) & 3;
            y[i] = (d * (scale & 15) * bits) - (e * (scale >> 4));
        }
    }

    // high bits [32], q [64], scales [12], d.
    private static void Q3_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        var d = HalfAt(block, 108);
        var high = block[..32];
        var q = block.Slice(32, 64);
        var packed = block.Slice(96, 12);
        for (var i = 0; i < K; i++)
        {
            var group = i / 16;
            var low = (packed[group % 8] >> (group / 8 * 4)) & 15;
            var scale = (low | (((packed[8 + (group % 4)] >> (group / 4 * 2)) & 3) << 4)) - 32;
            var bits = (q[(i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2)) & 3;
            var third = (high[i % 32] >> (i / 32)) & 1;
            y[i] = d * scale * (bits - (third == 0 ? 4 : 0));
        }
    }

    // d, e, scales and minima [12], q [128].
    private static void Q4_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        var (d, e) = (HalfAt(block, 0), HalfAt(block, 2));
        var q = block.Slice(16, 128);
        for (var group = 0; group < 8; group++)
        {
            var (scale, minimum) = ScaleAndMinimum(block.Slice(4, 12), group);
            var (step, least) = (d * scale, e * minimum);
            for (var i = 0; i < 32; i++)
            {
                y[(group * 32) + i] = (step * ((q[(group / 2 * 32) + i] >> (group % 2 * 4)) & 15)) - least;
            }
        }
    }

    // d, e, scales and minima [12], high bits [32], q [128].
    private static void Q5_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        var (d, e) = (HalfAt(block, 0), HalfAt(block, 2));
        var high = block.Slice(16, 32);
        var q = block.Slice(48, 128);
        for (var group = 0; group < 8; group++)
        {
            var (scale, minimum) = ScaleAndMinimum(block.Slice(4, 12), group);
            var (step, least) = (d * scale, e * minimum);
            for (var i = 0; i < 32; i++)
            {
                var bits = ((q[(group / 2 * 32) + i] >> (group % 2 * 4)) & 15) | (((high[i] >> group) & 1) << 4);
                y[(group * 32) + i] = (step * bits) - least;
            }
        }
    }

    // Six bits each: those of the first four groups whole, the others' upper two bits beside them.
    private static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4), (packed[group + 4] >> 4) | (packed[group] >> 6 << 4));

    // low nibbles [128], upper two bits [64], scales [16], d.
    private static void Q6_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        var d = HalfAt(block, 208);
        var low = block[..128];
        var high = block.Slice(128, 64);
        var scales = MemoryMarshal.Cast<byte, sbyte>(block.Slice(192, 16));
        for (var i = 0; i < K; i++)
        {
            var (half, within) = (i / 128, i % 128);
            var nibble = (low[(half * 64) + (within % 64)] >> (within / 64 * 4)) & 15;
            var upper = (high[(half * 32) + (within % 32)] >> (within / 32 * 2)) & 3;
            y[i] = d * scales[i / 16] * ((nibble | (upper << 4)) - 32);
        }
    }

    // d, upper bits of the scales, their low nibbles [4], q [128].
    private static void IQ4_XS(ReadOnlySpan<byte> block, Span<float> y)
    {
        var d = HalfAt(block, 0);
        int upper = MemoryMarshal.Read<ushort>(block[2..]);
        for (var group = 0; group < 8; group++)
        {
            var scale = ((block[4 + (group / 2)] >> (group % 2 * 4)) & 15) | (((upper >> (group * 2)) & 3) << 4);
            Chosen(block.Slice(8 + (group * 16), 16), d * (scale - 32), Levels, y.Slice(group * 32, 32));
        }
    }

    // q [64], d.
    private static void TQ2_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        var d = HalfAt(block, 64);
        for (var i = 0; i < K; i++)
        {
            y[i] = d * (((block[(i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2)) & 3) - 1);
        }
    }
}
