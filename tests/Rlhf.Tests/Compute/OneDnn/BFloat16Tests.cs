using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Model.Checkpoints;
using Rlhf.World;

namespace Rlhf.Tests.Compute.OneDnn;

public sealed unsafe class BFloat16Tests
{
    private static readonly float[] Special =
    [
        0f, -0f, 1f, -1f, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
        BitConverter.UInt32BitsToSingle(0x7F800001), BitConverter.UInt32BitsToSingle(0xFF800001), BitConverter.UInt32BitsToSingle(0x7FFFFFFF),
        // payloads that a shift would lose, or a carry spoil
        BitConverter.UInt32BitsToSingle(0x3F808000), BitConverter.UInt32BitsToSingle(0x3F818000), // halfway: to even, down and up
        BitConverter.UInt32BitsToSingle(0x3F808001), BitConverter.UInt32BitsToSingle(0x3F817FFF), BitConverter.UInt32BitsToSingle(0x3FFFFFFF),
    ];

    [Fact]
    public void A_number_goes_to_the_nearest_ties_to_even()
    {
        Assert.Equal(0x3F80, BFloat16.Round(BitConverter.UInt32BitsToSingle(0x3F808000)));
        Assert.Equal(0x3F82, BFloat16.Round(BitConverter.UInt32BitsToSingle(0x3F818000)));
        Assert.Equal(0x3F81, BFloat16.Round(BitConverter.UInt32BitsToSingle(0x3F808001)));
        Assert.Equal(float.PositiveInfinity, BFloat16.Widen(BFloat16.Round(float.MaxValue)));
        Assert.All(Special.Where(float.IsNaN), value => Assert.True(float.IsNaN(BFloat16.Widen(BFloat16.Round(value)))));
        var random = new Random(1);
        for (var i = 0; i < 100_000; i++)
        {
            var value = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            if (!float.IsNaN(value))
            {
                Assert.Equal(FloatFormats.ToBFloat16(value), BFloat16.Round(value));
            }
        }
    }

    [Fact]
    public void Vectors_round_as_single_numbers_do_at_any_length()
    {
        var random = new Random(2);
        for (var count = 0; count <= 130; count++)
        {
            var (x, y) = (Numbers(random, count), Numbers(random, count));
            var converted = new ushort[count + 1];
            var (paired, lone) = (new ushort[(2 * count) + 1], new ushort[(2 * count) + 1]);
            (converted[count], paired[2 * count], lone[2 * count]) = (0xABCD, 0xABCD, 0xABCD);
            fixed (float* px = x, py = y)
            fixed (ushort* c = converted, p = paired, l = lone)
            {
                BFloat16.Convert(px, c, count);
                BFloat16.Interleave(px, py, p, count);
                BFloat16.Interleave(px, null, l, count);
            }

            Assert.Equal([.. x.Select(BFloat16.Round), 0xABCD], converted);
            Assert.Equal([.. x.Zip(y, (a, b) => new[] { BFloat16.Round(a), BFloat16.Round(b) }).SelectMany(pair => pair), 0xABCD], paired);
            Assert.Equal([.. x.SelectMany(a => new ushort[] { BFloat16.Round(a), 0 }), 0xABCD], lone);
        }
    }

    [Fact]
    public void Vectors_widen_as_single_numbers_do_at_any_length()
    {
        for (var count = 0; count <= 70; count++)
        {
            AssertWidened([.. Enumerable.Range(0, count).Select(static i => (ushort)(i * 1009))]);
        }

        AssertWidened([.. Enumerable.Range(0, 1 << 16).Select(static i => (ushort)i)]); // all there are

        static void AssertWidened(ushort[] values)
        {
            var widened = new float[values.Length + 1];
            widened[^1] = 42;
            fixed (ushort* v = values)
            fixed (float* w = widened)
            {
                BFloat16.Widen(v, w, values.Length);
            }

            Check.SameBits([.. values.Select(BFloat16.Widen), 42], widened);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 64)]
    [InlineData(33, 65)]
    [InlineData(129, 300)]
    [InlineData(300, 63)]
    public void Panels_hold_pairs_of_rows_and_zeros_beyond_the_edges(int k, int n)
    {
        using var pool = new WorkerPool(2);
        var (b, depth, columns) = (Check.Floats(3, k * n), BFloat16Parts.Rounded(k), (n + 63) / 64 * 64);
        foreach (var transposed in new[] { false, true })
        {
            var packed = Enumerable.Repeat(float.NaN, (int)BFloat16Packing.Length(k, n)).ToArray();
            Assert.Equal(depth * columns / 2, packed.Length);
            fixed (float* pb = b, pp = packed)
            {
                BFloat16Packing.Pack(pool, k, n, pb, transposed ? 1 : n, transposed ? k : 1, pp);
                var halves = (ushort*)pp;
                for (var row = 0; row < depth; row++)
                {
                    for (var column = 0; column < columns; column++)
                    {
                        var expected = row < k && column < n ? BFloat16.Round(transposed ? b[(column * k) + row] : b[(row * n) + column]) : 0;
                        Assert.Equal(expected, halves[(column / 64 * depth * 64) + (row / 2 * 128) + (column % 64 * 2) + (row % 2)]);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 1, 32)]
    [InlineData(5, 70, 8, 96)]
    [InlineData(128, 65, 128, 96)]
    [InlineData(100, 200, 112, 224)]
    public void A_block_of_rows_is_dense_with_zeros_beyond_the_edges(int rows, int depth, int padded, int paddedDepth)
    {
        var a = Check.Floats(4, rows * depth);
        foreach (var transposed in new[] { false, true })
        {
            var block = Enumerable.Repeat((ushort)0xABCD, (padded * paddedDepth) + 1).ToArray();
            fixed (float* pa = a)
            fixed (ushort* pb = block)
            {
                BFloat16Packing.Block(pa, transposed ? 1 : depth, transposed ? rows : 1, rows, depth, padded, paddedDepth, pb);
            }

            for (var i = 0; i < padded * paddedDepth; i++)
            {
                var (row, k) = (i / paddedDepth, i % paddedDepth);
                Assert.Equal(row < rows && k < depth ? BFloat16.Round(transposed ? a[(k * rows) + row] : a[(row * depth) + k]) : 0, block[i]);
            }

            Assert.Equal(0xABCD, block[^1]);
        }
    }

    private static float[] Numbers(Random random, int count) =>
        [.. Enumerable.Range(0, count)
            .Select(_ => random.Next(3) == 0 ? Special[random.Next(Special.Length)] : BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))];
}
