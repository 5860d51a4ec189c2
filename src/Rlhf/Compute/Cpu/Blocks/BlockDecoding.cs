using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Blocks;

/// <summary>
/// Blocks to float32. d q is exact (11 bits times 4 or 8), so d q + m is rounded once whether it is fused or not: every way gives the bits of ggml's own
/// reference.
/// </summary>
internal static unsafe class BlockDecoding
{
    private const int Outputs = BlockLayout.Outputs;
    private const int WordInputs = BlockLayout.WordInputs;

    /// <summary>0 to 15: what a nibble is as float32.</summary>
    public static Vector512<float> Levels => Vector512.ConvertToSingle(Vector512<int>.Indices);

    /// <summary>The first <paramref name="inputs"/> inputs of a panel from a block on: values [inputs, 32].</summary>
    public static void Panel(WeightStorage storage, byte* blocks, int inputs, float* values)
    {
        var bytes = BlockLayout.Bytes(storage);
        for (var input = 0; input < inputs; input += WeightBlocks.Length, blocks += bytes, values += WeightBlocks.Length * Outputs)
        {
            var count = Math.Min(WeightBlocks.Length, inputs - input);
            Fetch.Row((float*)(blocks + BlockLayout.Ahead), bytes / sizeof(float));
            if (storage == WeightStorage.Q4)
            {
                Q4(blocks, count, values);
            }
            else
            {
                Int8(blocks, count, values);
            }
        }
    }

    /// <summary>All inputs of one output: <paramref name="panel"/> is that of its panel.</summary>
    public static void Row(WeightStorage storage, byte* panel, int lane, int inputs, float* values)
    {
        var bytes = BlockLayout.Bytes(storage);
        for (var input = 0; input < inputs; input++)
        {
            var block = panel + ((long)(input / WeightBlocks.Length) * bytes);
            var within = input % WeightBlocks.Length;
            values[input] = storage == WeightStorage.Q4
                ? (Half(block, 2 * lane) * Nibble(block, within, lane)) + Half(block, (2 * lane) + 1)
                : Half(block, lane) * ((sbyte*)block)[BlockLayout.ByteStart + (within * Outputs) + lane];
        }
    }

    private static float Half(byte* block, int index) => (float)BitConverter.UInt16BitsToHalf(((ushort*)block)[index]);

    private static int Nibble(byte* block, int input, int lane) =>
        (int)((((uint*)(block + BlockLayout.NibbleStart))[(input / WordInputs * Outputs) + lane] >> (input % WordInputs * 4)) & 15);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4(byte* block, int inputs, float* values)
    {
        if (Avx512F.IsSupported)
        {
            Q4Half(block, inputs, values);
            Q4Half(block + Vector512<byte>.Count, inputs, values + Vector512<float>.Count);
            return;
        }

        for (var column = 0; column < Outputs; column += Vector256<float>.Count)
        {
            Q4Quarter(block + (column * sizeof(uint)), inputs, values + column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Q4Half(byte* block, int inputs, float* values)
    {
        var levels = Levels;
        var scales = Vector512.Load((int*)block);
        var (d, m) = (HalfScales.Lower(scales), HalfScales.Upper(scales));
        var words = block + BlockLayout.NibbleStart;
        for (var first = 0; first < inputs; first += WordInputs, words += BlockLayout.WordBytes)
        {
            var word = Vector512.Load((int*)words);
            for (var end = values + (Math.Min(WordInputs, inputs - first) * Outputs); values != end; values += Outputs)
            {
                Avx512F.FusedMultiplyAdd(d, Avx512F.PermuteVar16x32(levels, word), m).Store(values);
                word >>>= 4;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Q4Quarter(byte* block, int inputs, float* values)
    {
        var scales = Vector256.Load((int*)block);
        var (d, m) = (HalfScales.Lower(scales), HalfScales.Upper(scales));
        var words = block + BlockLayout.NibbleStart;
        for (var first = 0; first < inputs; first += WordInputs, words += BlockLayout.WordBytes)
        {
            var word = Vector256.Load((int*)words);
            for (var end = values + (Math.Min(WordInputs, inputs - first) * Outputs); values != end; values += Outputs)
            {
                ((d * Vector256.ConvertToSingle(word & Vector256.Create(15))) + m).Store(values);
                word >>>= 4;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8(byte* block, int inputs, float* values)
    {
        for (var column = 0; column < Outputs; column += Vector256<float>.Count)
        {
            var d = HalfScales.Eight((ushort*)block + column);
            var bytes = (sbyte*)block + BlockLayout.ByteStart + column;
            for (var input = 0; input < inputs; input++, bytes += Outputs)
            {
                (d * Vector256.ConvertToSingle(Widened(bytes))).Store(values + (input * Outputs) + column);
            }
        }
    }

    /// <summary>Eight bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Widened(sbyte* bytes)
    {
        if (Avx2.IsSupported)
        {
            return Avx2.ConvertToVector256Int32(bytes);
        }

        var shorts = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(long*)bytes).AsSByte());
        return Vector256.Create(Vector128.WidenLower(shorts), Vector128.WidenUpper(shorts));
    }
}
