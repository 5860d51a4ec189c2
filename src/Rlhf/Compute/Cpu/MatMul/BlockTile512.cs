using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Cpu.Blocks;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// AVX-512: up to 8 rows x 32 columns, B in blocks. Sixteen weights of 4 bits cost a permutation (a nibble chooses one of 16 levels), a multiply-add and a
/// shift, of 8 bits a widening load, a conversion and a product; then one multiply-add a row. The sums take the same chain as those of
/// <see cref="MatMulTile512"/>.
/// </summary>
internal static unsafe class BlockTile512
{
    /// <summary>Most rows of a tile.</summary>
    public const int Rows = 8;

    private const int Half = 16; // columns of a register

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
            case 5: Run<Five>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            case 6: Run<Six>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            case 7: Run<Seven>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            case 8: Run<Eight>(storage, k, a, blocks, from, fromStride, c, cStride); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows));
        }
    }

    private static void Run<TRows>(WeightStorage storage, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride)
        where TRows : struct, INumber
    {
        if (storage == WeightStorage.Q4)
        {
            Tile<TRows, Four>(k, a, blocks, blocks + BlockLayout.NibbleStart, from, fromStride, c, cStride);
        }
        else
        {
            Tile<TRows, Eight>(k, a, blocks, blocks + BlockLayout.ByteStart, from, fromStride, c, cStride);
        }
    }

    /// <summary>Scales and numbers of the first block; the others lie a block's bytes apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows, TBits>(int k, float* a, byte* scales, byte* numbers, float* from, long fromStride, float* c, long cStride)
        where TRows : struct, INumber
        where TBits : struct, INumber
    {
        var c00 = Vector512.Load(from);
        var c01 = Vector512.Load(from + Half);
        var c10 = TRows.Value > 1 ? Vector512.Load(from + fromStride) : default;
        var c11 = TRows.Value > 1 ? Vector512.Load(from + fromStride + Half) : default;
        var c20 = TRows.Value > 2 ? Vector512.Load(from + (2 * fromStride)) : default;
        var c21 = TRows.Value > 2 ? Vector512.Load(from + (2 * fromStride) + Half) : default;
        var c30 = TRows.Value > 3 ? Vector512.Load(from + (3 * fromStride)) : default;
        var c31 = TRows.Value > 3 ? Vector512.Load(from + (3 * fromStride) + Half) : default;
        var c40 = TRows.Value > 4 ? Vector512.Load(from + (4 * fromStride)) : default;
        var c41 = TRows.Value > 4 ? Vector512.Load(from + (4 * fromStride) + Half) : default;
        var c50 = TRows.Value > 5 ? Vector512.Load(from + (5 * fromStride)) : default;
        var c51 = TRows.Value > 5 ? Vector512.Load(from + (5 * fromStride) + Half) : default;
        var c60 = TRows.Value > 6 ? Vector512.Load(from + (6 * fromStride)) : default;
        var c61 = TRows.Value > 6 ? Vector512.Load(from + (6 * fromStride) + Half) : default;
        var c70 = TRows.Value > 7 ? Vector512.Load(from + (7 * fromStride)) : default;
        var c71 = TRows.Value > 7 ? Vector512.Load(from + (7 * fromStride) + Half) : default;
        var levels = BlockDecoding.Levels;
        for (; k > 0; k -= WeightBlocks.Length)
        {
            Vector512<float> d0, d1, m0, m1;
            if (TBits.Value == 4)
            {
                var (words0, words1) = (Vector512.Load((int*)scales), Vector512.Load((int*)scales + Half));
                (d0, d1) = (HalfScales.Lower(words0), HalfScales.Lower(words1));
                (m0, m1) = (HalfScales.Upper(words0), HalfScales.Upper(words1));
            }
            else
            {
                (d0, d1) = (HalfScales.Sixteen((ushort*)scales), HalfScales.Sixteen((ushort*)scales + Half));
                (m0, m1) = (default, default);
            }

            Fetch.Row((float*)(scales + BlockLayout.Ahead), (TBits.Value == 4 ? BlockLayout.Q4Bytes : BlockLayout.Int8Bytes) / sizeof(float));
            var at = numbers;
            for (var inputs = Math.Min(k, WeightBlocks.Length); inputs > 0; inputs -= BlockLayout.WordInputs)
            {
                var word0 = TBits.Value == 4 ? Vector512.Load((int*)at) : default;
                var word1 = TBits.Value == 4 ? Vector512.Load((int*)at + Half) : default;
                for (var end = a + (Math.Min(inputs, BlockLayout.WordInputs) * TRows.Value); a != end; a += TRows.Value)
                {
                    Vector512<float> b0, b1;
                    if (TBits.Value == 4)
                    {
                        b0 = Avx512F.FusedMultiplyAdd(d0, Avx512F.PermuteVar16x32(levels, word0), m0);
                        b1 = Avx512F.FusedMultiplyAdd(d1, Avx512F.PermuteVar16x32(levels, word1), m1);
                        (word0, word1) = (word0 >>> 4, word1 >>> 4);
                    }
                    else
                    {
                        b0 = d0 * Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)at)));
                        b1 = d1 * Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)at + Half)));
                        at += BlockLayout.Outputs;
                    }

                    var x = Vector512.Create(*a);
                    c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
                    c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
                    if (TRows.Value > 1)
                    {
                        x = Vector512.Create(a[1]);
                        c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
                        c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
                    }

                    if (TRows.Value > 2)
                    {
                        x = Vector512.Create(a[2]);
                        c20 = Avx512F.FusedMultiplyAdd(x, b0, c20);
                        c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
                    }

                    if (TRows.Value > 3)
                    {
                        x = Vector512.Create(a[3]);
                        c30 = Avx512F.FusedMultiplyAdd(x, b0, c30);
                        c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
                    }

                    if (TRows.Value > 4)
                    {
                        x = Vector512.Create(a[4]);
                        c40 = Avx512F.FusedMultiplyAdd(x, b0, c40);
                        c41 = Avx512F.FusedMultiplyAdd(x, b1, c41);
                    }

                    if (TRows.Value > 5)
                    {
                        x = Vector512.Create(a[5]);
                        c50 = Avx512F.FusedMultiplyAdd(x, b0, c50);
                        c51 = Avx512F.FusedMultiplyAdd(x, b1, c51);
                    }

                    if (TRows.Value > 6)
                    {
                        x = Vector512.Create(a[6]);
                        c60 = Avx512F.FusedMultiplyAdd(x, b0, c60);
                        c61 = Avx512F.FusedMultiplyAdd(x, b1, c61);
                    }

                    if (TRows.Value > 7)
                    {
                        x = Vector512.Create(a[7]);
                        c70 = Avx512F.FusedMultiplyAdd(x, b0, c70);
                        c71 = Avx512F.FusedMultiplyAdd(x, b1, c71);
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

        if (TRows.Value > 4)
        {
            c40.Store(c + (4 * cStride));
            c41.Store(c + (4 * cStride) + Half);
        }

        if (TRows.Value > 5)
        {
            c50.Store(c + (5 * cStride));
            c51.Store(c + (5 * cStride) + Half);
        }

        if (TRows.Value > 6)
        {
            c60.Store(c + (6 * cStride));
            c61.Store(c + (6 * cStride) + Half);
        }

        if (TRows.Value > 7)
        {
            c70.Store(c + (7 * cStride));
            c71.Store(c + (7 * cStride) + Half);
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

    private readonly struct Five : INumber
    {
        public static int Value => 5;
    }

    private readonly struct Six : INumber
    {
        public static int Value => 6;
    }

    private readonly struct Seven : INumber
    {
        public static int Value => 7;
    }

    private readonly struct Eight : INumber
    {
        public static int Value => 8;
    }
}
