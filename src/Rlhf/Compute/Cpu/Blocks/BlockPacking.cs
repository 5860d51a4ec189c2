using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Blocks;

/// <summary>Fills panels of blocks: from rows of a file, or from float32 numbers that are rounded.</summary>
internal static unsafe class BlockPacking
{
    private const int Length = WeightBlocks.Length;
    private const int PartBlocks = 1 << 12; // blocks of a file that a part takes, about

    private struct Arguments
    {
        public byte* Rows, Packed;
        public float* Weights;
        public long RowStride, ColumnStride;
        public int Inputs, First, Count;
        public BlockFormat Format;
        public int* TooLarge;
    }

    /// <summary>Takes rows of a file as they are.</summary>
    public static void Rows(WorkerPool pool, in PackBlocks operation)
    {
        fixed (byte* rows = operation.Rows)
        {
            pool.Run(
                &RowsPart,
                new Arguments
                {
                    Rows = rows,
                    Packed = (byte*)operation.Packed.Numbers.Pointer,
                    Inputs = operation.Inputs,
                    First = operation.First,
                    Count = operation.Count,
                    Format = operation.Format,
                },
                Parts(operation.Inputs, operation.First, operation.Count));
        }
    }

    /// <summary>Rounds B [<paramref name="k"/>, <paramref name="n"/>], whose element (k, n) stands at b[k * rowStride + n * columnStride].</summary>
    /// <exception cref="InputException">A number is too large for a scale, a half.</exception>
    public static void Round(WorkerPool pool, int k, int n, float* b, long rowStride, long columnStride, byte* packed, WeightStorage storage)
    {
        var tooLarge = 0;
        pool.Run(
            &RoundPart,
            new Arguments
            {
                Weights = b,
                Packed = packed,
                RowStride = rowStride,
                ColumnStride = columnStride,
                Inputs = k,
                Count = n,
                Format = WeightBlocks.Format(storage),
                TooLarge = &tooLarge,
            },
            Parts(k, 0, n));
        if (tooLarge != 0)
        {
            throw new InputException(
                $"A matrix has numbers that are too large for blocks of {(storage == WeightStorage.Q4 ? 4 : 8)} bits, whose scales end at 65504: keep it in f32 or bf16.");
        }
    }

    // Whole panels: two threads never write to the same block.
    private static int PanelsOfPart(int inputs) => Math.Max(1, PartBlocks / BlockLayout.Outputs * Length / Math.Max(1, inputs));

    private static int Parts(int inputs, int first, int count)
    {
        var (panel, end) = (first / BlockLayout.Outputs, (first + count + BlockLayout.Outputs - 1) / BlockLayout.Outputs);
        return count == 0 ? 0 : (end - panel + PanelsOfPart(inputs) - 1) / PanelsOfPart(inputs);
    }

    /// <summary>The outputs of a part.</summary>
    private static (int First, int End) Range(Arguments* a, int part)
    {
        var size = PanelsOfPart(a->Inputs) * BlockLayout.Outputs;
        var start = (a->First / BlockLayout.Outputs * BlockLayout.Outputs) + (part * size);
        return (Math.Max(a->First, start), Math.Min(a->First + a->Count, start + size));
    }

    private static byte* PanelOf(Arguments* a, int output) =>
        a->Packed + (output / BlockLayout.Outputs * BlockLayout.PanelBytes(a->Format.Storage(), a->Inputs));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // called too seldom to be compiled anew before a model is loaded
    private static void RowsPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (first, end) = Range(a, part);
        var (bytes, blockBytes) = (a->Format.Bytes(), BlockLayout.Bytes(a->Format.Storage()));
        for (var output = first; output < end; output++)
        {
            var row = a->Rows + ((long)(output - a->First) * (a->Inputs / Length) * bytes);
            var block = PanelOf(a, output);
            for (var input = 0; input < a->Inputs; input += Length, row += bytes, block += blockBytes)
            {
                Put(a->Format, row, block, output % BlockLayout.Outputs);
            }
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RoundPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (first, end) = Range(a, part);
        var storage = a->Format.Storage();
        var values = stackalloc float[Length];
        var rounded = stackalloc byte[BlockFormat.Q8_0.Bytes()];
        for (var output = first; output < end; output++)
        {
            var block = PanelOf(a, output);
            if (output % BlockLayout.Outputs == 0)
            {
                new Span<byte>(block, (int)BlockLayout.PanelBytes(storage, a->Inputs)).Clear();
            }

            for (var input = 0; input < a->Inputs; input += Length, block += BlockLayout.Bytes(storage))
            {
                Gather(a, output, input, values);
                if (!BlockRounding.Round(a->Format, new ReadOnlySpan<float>(values, Length), new Span<byte>(rounded, a->Format.Bytes())))
                {
                    *a->TooLarge = 1;
                }

                Put(a->Format, rounded, block, output % BlockLayout.Outputs);
            }
        }
    }

    /// <summary>32 inputs of an output. A last block that is not full is filled with its first number, which changes neither scale nor minimum.</summary>
    private static void Gather(Arguments* a, int output, int input, float* values)
    {
        var source = a->Weights + (output * a->ColumnStride) + (input * a->RowStride);
        var count = Math.Min(Length, a->Inputs - input);
        for (var i = 0; i < Length; i++)
        {
            values[i] = source[i < count ? i * a->RowStride : 0];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(BlockFormat format, byte* source, byte* block, int lane)
    {
        if (format == BlockFormat.Q8_0)
        {
            ((ushort*)block)[lane] = *(ushort*)source;
            var bytes = block + BlockLayout.ByteStart + lane;
            for (var i = 0; i < Length; i++)
            {
                bytes[i * BlockLayout.Outputs] = source[2 + i];
            }

            return;
        }

        var d = *(ushort*)source;
        var m = format == BlockFormat.Q4_1 ? ((ushort*)source)[1] : Minimum(d);
        ((uint*)block)[lane] = d | ((uint)m << 16);
        var q = source + format.Bytes() - (Length / 2);
        var words = (uint*)(block + BlockLayout.NibbleStart) + lane;
        for (var half = 0; half < 2; half++)
        {
            var eight = *(ulong*)(q + (half * BlockLayout.WordInputs));
            words[half * BlockLayout.Outputs] = Nibbles(eight);
            words[(2 + half) * BlockLayout.Outputs] = Nibbles(eight >> 4);
        }
    }

    /// <summary>-8 d: exactly a half, if it is not too large.</summary>
    private static ushort Minimum(ushort d) => BitConverter.HalfToUInt16Bits((Half)(-8 * (float)BitConverter.UInt16BitsToHalf(d)));

    /// <summary>The low nibbles of eight bytes, the first lowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Nibbles(ulong eight)
    {
        eight &= 0x0F0F0F0F_0F0F0F0F;
        eight = (eight | (eight >> 4)) & 0x00FF00FF_00FF00FF;
        eight = (eight | (eight >> 8)) & 0x0000FFFF_0000FFFF;
        return (uint)(eight | (eight >> 16));
    }
}
