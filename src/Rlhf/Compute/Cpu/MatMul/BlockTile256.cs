using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Cpu.Blocks;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// AVX2 with FMA: up to 4 rows x 16 columns, twice, B in blocks. Eight weights of 4 bits cost a mask, a conversion, a multiply-add and a shift, of 8 bits a
/// widening load, a conversion and a product; then one multiply-add a row. The sums take the same chain as those of <see cref="MatMulTile256"/>.
/// </summary>
internal static unsafe class BlockTile256
{
    /// <summary>Most rows of a tile.</summary>
    public const int Rows = 4;

    private const int Half = 8; // columns of a register

    /// <summary>A number that is known when a tile is compiled: what stands behind a comparison with it falls away.</summary>
    private interface INumber
    {
        static abstract int Value { get; }
    }

    public static void Multiply(WeightStorage storage, int rows, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride)
    {
        switch (rows)
        {
            case 1: Run<One>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            case 2: Run<Two>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            case 3: Run<Three>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            case 4: Run<Four>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows));
        }
    }

    private static void Run<TRows>(WeightStorage storage, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride)
        where TRows : struct, INumber
    {
        for (var column = 0; column < MatMul.PanelWidth; column += 2 * Half)
        {
            if (storage == WeightStorage.Q4)
            {
                Tile<TRows, Four>(
                    k, a, blocks + (column * sizeof(uint)), blocks + BlockLayout.NibbleStart + (column * sizeof(uint)), from + column, fromStride, c + column,
                    cStride);
            }
            else
            {
                Tile<TRows, Eight>(
                    k, a, blocks + (column * sizeof(ushort)), blocks + BlockLayout.ByteStart + column, from + column, fromStride, c + column, cStride);
            }
        }
    }

    /// <summary>Scales and numbers of the first block; the others lie a block's bytes apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows, TBits>(int k, float* a, byte* scales, byte* numbers, float* from, long fromStride, float* c, long cStride)
        where TRows : struct, INumber
        where TBits : struct, INumber
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + Half);
        var c10 = TRows.Value > 1 ? Vector256.Load(from + fromStride) : default;
        var c11 = TRows.Value > 1 ? Vector256.Load(from + fromStride + Half) : default;
        var c20 = TRows.Value > 2 ? Vector256.Load(from + (2 * fromStride)) : default;
        var c21 = TRows.Value > 2 ? Vector256.Load(from + (2 * fromStride) + Half) : default;
        var c30 = TRows.Value > 3 ? Vector256.Load(from + (3 * fromStride)) : default;
        var c31 = TRows.Value > 3 ? Vector256.Load(from + (3 * fromStride) + Half) : default;
        var nibble = Vector256.Create(15);
        for (; k > 0; k -= WeightBlocks.Length)
        {
            Vector256<float> d0, d1, m0, m1;
            if (TBits.Value == 4)
            {
                var (words0, words1) = (Vector256.Load((int*)scales), Vector256.Load((int*)scales + Half));
                (d0, d1) = (HalfScales.Lower(words0), HalfScales.Lower(words1));
                (m0, m1) = (HalfScales.Upper(words0), HalfScales.Upper(words1));
            }
            else
            {
                (d0, d1) = (HalfScales.Eight((ushort*)scales), HalfScales.Eight((ushort*)scales + Half));
                (m0, m1) = (default, default);
            }

            Fetch.Row((float*)(scales + BlockLayout.Ahead), (TBits.Value == 4 ? BlockLayout.Q4Bytes : BlockLayout.Int8Bytes) / sizeof(float));
            var at = numbers;
            for (var inputs = Math.Min(k, WeightBlocks.Length); inputs > 0; inputs -= BlockLayout.WordInputs)
            {
                var word0 = TBits.Value == 4 ? Vector256.Load((int*)at) : default;
                var word1 = TBits.Value == 4 ? Vector256.Load((int*)at + Half) : default;
                for (var end = a + (Math.Min(inputs, BlockLayout.WordInputs) * TRows.Value); a != end; a += TRows.Value)
                {
                    Vector256<float> b0, b1;
                    if (TBits.Value == 4)
                    {
                        b0 = Fma.MultiplyAdd(d0, Vector256.ConvertToSingle(word0 & nibble), m0);
                        b1 = Fma.MultiplyAdd(d1, Vector256.ConvertToSingle(word1 & nibble), m1);
                        (word0, word1) = (word0 >>> 4, word1 >>> 4);
                    }
                    else
                    {
                        b0 = d0 * Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32((sbyte*)at));
                        b1 = d1 * Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32((sbyte*)at + Half));
                        at += BlockLayout.Outputs;
                    }

                    var x = Vector256.Create(*a);
                    c00 = Fma.MultiplyAdd(x, b0, c00);
                    c01 = Fma.MultiplyAdd(x, b1, c01);
                    if (TRows.Value > 1)
                    {
                        x = Vector256.Create(a[1]);
                        c10 = Fma.MultiplyAdd(x, b0, c10);
                        c11 = Fma.MultiplyAdd(x, b1, c11);
                    }

                    if (TRows.Value > 2)
                    {
                        x = Vector256.Create(a[2]);
                        c20 = Fma.MultiplyAdd(x, b0, c20);
                        c21 = Fma.MultiplyAdd(x, b1, c21);
                    }

                    if (TRows.Value > 3)
                    {
                        x = Vector256.Create(a[3]);
                        c30 = Fma.MultiplyAdd(x, b0, c30);
                        c31 = Fma.MultiplyAdd(x, b1, c31);
                    }
                }

                at += TBits.Value == 4 ? BlockLayout.WordBytes : 0;
            }

            scales += TBits.Value == 4 ? BlockLayout.Q4Bytes : BlockLayout.Int8Bytes;
            numbers += TBits.Value == 4 ? BlockLayout.Q4Bytes : BlockLayout.Int8Bytes;
        }

        c00.Store(c);
        c01.Store(c + Half);
        if (TRows.Value > 1)
        {
            c10.Store(c + cStride);
            c11.Store(c + cStride + Half);
        }

        if (TRows.Value > 2)
        {
            c20.Store(c + (2 * cStride));
            c21.Store(c + (2 * cStride) + Half);
        }

        if (TRows.Value > 3)
        {
            c30.Store(c + (3 * cStride));
            c31.Store(c + (3 * cStride) + Half);
        }
    }

    private readonly struct One : INumber
    {
        public static int Value => 1;
    }

    private readonly struct Two : INumber
    {
        public static int Value => 2;
    }

    private readonly struct Three : INumber
    {
        public static int Value => 3;
    }

    private readonly struct Four : INumber
    {
        public static int Value => 4;
    }

    private readonly struct Eight : INumber
    {
        public static int Value => 8;
    }
}
