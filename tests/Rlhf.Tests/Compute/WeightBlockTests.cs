using System.Runtime.InteropServices;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model.Checkpoints.Gguf;

namespace Rlhf.Tests.Compute;

/// <summary>Operands that are stored in blocks of 4 or 8 bits, beside float32 ones that were rounded before.</summary>
public sealed class WeightBlockTests
{
    private static readonly WeightStorage[] InBlocks = [WeightStorage.Int8, WeightStorage.Q4];

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_product_has_the_bits_of_one_with_the_same_numbers_in_float32(InstructionSet set)
    {
        (int, int, int)[] shapes = [(1, 1, 1), (31, 5, 1), (32, 32, 1), (37, 33, 1), (70, 64, 2), (1100, 150, 3), (2100, 33, 1)];
        foreach (var (inputs, outputs, threads) in shapes)
        {
            foreach (var storage in InBlocks)
            {
                foreach (var rows in (int[])[1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 300])
                {
                    using var bench = new DeviceBench(set, threads);
                    var packed = Packed(bench, Check.Floats(1, inputs * outputs), WeightLayout.OutputMajor, inputs, outputs, storage);
                    var exact = Packed(bench, Unpacked(bench, packed, inputs, outputs), WeightLayout.OutputMajor, inputs, outputs, WeightStorage.F32);
                    var (x, bias, y) = (bench.Put(Check.Floats(2, rows * inputs)), bench.Put(Check.Floats(3, outputs)), bench.Room((long)rows * outputs));
                    bench.Device.LinearForward(new(x, exact, bias, rows, inputs, outputs, y));
                    var expected = bench.Get(y);
                    bench.Device.Fill(y, float.NaN);
                    bench.Device.LinearForward(new(x, packed, bias, rows, inputs, outputs, y));
                    Check.SameBits(expected, bench.Get(y), $"{storage}, {rows} rows, [{inputs}, {outputs}]:");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Sums_have_the_same_bits_on_every_set_that_fuses(InstructionSet set)
    {
        if (!DeviceBench.IsFused(set))
        {
            return;
        }

        foreach (var storage in InBlocks)
        {
            Check.SameBits(Product(InstructionSet.Scalar, storage), Product(set, storage));
        }

        static float[] Product(InstructionSet set, WeightStorage storage)
        {
            const int rows = 3, inputs = 100, outputs = 70;
            using var bench = new DeviceBench(set);
            var packed = Packed(bench, Check.Floats(1, inputs * outputs), WeightLayout.InputMajor, inputs, outputs, storage);
            var y = bench.Room(rows * outputs);
            bench.Device.LinearForward(new(bench.Put(Check.Floats(2, rows * inputs)), packed, default, rows, inputs, outputs, y));
            return bench.Get(y);
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Blocks_of_a_file_are_taken_as_they_are(InstructionSet set, Precision precision)
    {
        foreach (var (format, type) in ((BlockFormat, GgufTensorType)[])
            [(BlockFormat.Q4_0, GgufTensorType.Q4_0), (BlockFormat.Q4_1, GgufTensorType.Q4_1), (BlockFormat.Q8_0, GgufTensorType.Q8_0)])
        {
            const int inputs = 96, outputs = 75;
            using var bench = new DeviceBench(set, threads: 2, precision);
            var bytes = RandomBlocks(format, inputs / WeightBlocks.Length * outputs);
            var packed = new PackedMatrix(bench.Room(bench.Device.PackedLength(inputs, outputs, format.Storage())), format.Storage());
            foreach (var (first, count) in ((int, int)[])[(0, 1), (1, 40), (41, 34)])
            {
                var rowBytes = inputs / WeightBlocks.Length * format.Bytes();
                bench.Device.PackBlocks(new()
                {
                    Rows = bytes.AsSpan(first * rowBytes, count * rowBytes),
                    Format = format,
                    Packed = packed,
                    Inputs = inputs,
                    Outputs = outputs,
                    First = first,
                    Count = count,
                });
            }

            var expected = new float[inputs * outputs];
            GgufBlocks.Decode(type, bytes, expected);
            Check.SameBits(expected, Unpacked(bench, packed, inputs, outputs), $"{format}");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Every_storage_gives_its_numbers_back_in_each_form(InstructionSet set, Precision precision)
    {
        foreach (var storage in Enum.GetValues<WeightStorage>())
        {
            const int inputs = 70, outputs = 131;
            using var bench = new DeviceBench(set, threads: 2, precision);
            var packed = Packed(bench, Check.Floats(1, inputs * outputs), WeightLayout.OutputMajor, inputs, outputs, storage);
            var numbers = Unpacked(bench, packed, inputs, outputs);
            var turned = bench.Room(inputs * outputs);
            bench.Device.UnpackWeights(new(packed, inputs, outputs, WeightLayout.InputMajor, turned));
            Check.SameBits([.. Enumerable.Range(0, inputs * outputs).Select(i => numbers[(i % outputs * inputs) + (i / outputs)])], bench.Get(turned));

            var (expected, transposed) = (bench.Zeros(bench.Device.PackedLength(outputs, inputs)), bench.Zeros(bench.Device.PackedLength(outputs, inputs)));
            bench.Device.PackWeightsTransposed(new(bench.Put(numbers), WeightLayout.OutputMajor, inputs, outputs, expected));
            bench.Device.RepackTransposed(new(packed, inputs, outputs, transposed));
            Check.SameBits(bench.Get(expected), bench.Get(transposed), $"{storage}");

            int[] tokens = [130, 0, 31, 64, 64];
            var y = bench.Room(tokens.Length * inputs);
            bench.Device.PackedEmbedding(new(packed, inputs, outputs, bench.Put(tokens), tokens.Length, y));
            Check.SameBits([.. tokens.SelectMany(token => numbers.Skip(token * inputs).Take(inputs))], bench.Get(y), $"{storage}");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void A_language_head_in_blocks_has_the_bits_of_one_in_float32_forward_and_backward(InstructionSet set, Precision precision)
    {
        const int rows = 5, width = 40, vocabulary = 2050;
        foreach (var storage in InBlocks)
        {
            using var bench = new DeviceBench(set, threads: 2, precision);
            var packed = Packed(bench, Check.Floats(1, vocabulary * width), WeightLayout.OutputMajor, width, vocabulary, storage);
            var numbers = Unpacked(bench, packed, width, vocabulary);
            var exact = Packed(bench, numbers, WeightLayout.OutputMajor, width, vocabulary, WeightStorage.F32);
            Check.SameBits(Pass(exact, bench.Put(numbers)), Pass(packed, default), $"{storage}");

            float[] Pass(PackedMatrix head, FloatBuffer weights)
            {
                var (hidden, targets) = (bench.Put(Check.Floats(2, rows * width)), bench.Put(0, 1023, 1024, 2049, 7));
                var (logs, entropies, sums, d) = (bench.Room(rows), bench.Room(rows), bench.Room(rows), bench.Room(rows * width));
                bench.Device.LanguageHeadForward(new(hidden, head, targets, rows, width, vocabulary, 1.25f, logs, entropies, sums, default));
                bench.Device.LanguageHeadBackward(new(
                    hidden, head, weights, targets, rows, width, vocabulary, 1.25f, entropies, sums, default, bench.Put(Check.Floats(3, rows)), default, d,
                    default));
                return [.. bench.Get(logs), .. bench.Get(entropies), .. bench.Get(d)];
            }
        }
    }

    [Fact]
    public void Numbers_are_rounded_by_the_files_formulas_and_a_short_block_by_its_own_numbers_alone()
    {
        const int inputs = 69, outputs = 33;
        using var bench = new DeviceBench(CpuDevice.Available[0]);
        var weights = Check.Floats(5, inputs * outputs);
        foreach (var storage in InBlocks)
        {
            var found = Unpacked(bench, Packed(bench, weights, WeightLayout.OutputMajor, inputs, outputs, storage), inputs, outputs);
            for (var first = 0; first < weights.Length; first += first % inputs == 64 ? 5 : 32)
            {
                var block = weights.AsSpan(first, first % inputs == 64 ? 5 : 32).ToArray();
                var step = storage == WeightStorage.Q4 ? (block.Max() - block.Min()) / 15 : block.Max(Math.Abs) / 127;
                for (var i = 0; i < block.Length; i++)
                {
                    Assert.InRange(Math.Abs(found[first + i] - block[i]), 0, (step * 0.5) + (Math.Abs(block[i]) * 2e-3) + (15 * step * 1e-3));
                }
            }

            Assert.NotEqual(weights, found);
        }
    }

    [Fact]
    public void Numbers_beyond_the_scales_are_refused()
    {
        using var bench = new DeviceBench(CpuDevice.Available[0]);
        foreach (var storage in InBlocks)
        {
            var error = Assert.Throws<InputException>(() => Packed(bench, [1, 2e7f, 3], WeightLayout.OutputMajor, 3, 1, storage));
            Assert.Contains("too large for blocks", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Rows_that_do_not_fit_are_refused()
    {
        using var bench = new DeviceBench(CpuDevice.Available[0]);
        var packed = new PackedMatrix(bench.Room(bench.Device.PackedLength(64, 2, WeightStorage.Q4)), WeightStorage.Q4);
        foreach (var (inputs, first, count, length, format) in ((int, int, int, int, BlockFormat)[])
            [(64, 0, 2, 79, BlockFormat.Q4_1), (64, 1, 2, 80, BlockFormat.Q4_1), (33, 0, 2, 80, BlockFormat.Q4_1), (64, -1, 2, 80, BlockFormat.Q4_1),
                (64, 0, 2, 136, BlockFormat.Q8_0)])
        {
            Assert.Throws<ArgumentException>(() => bench.Device.PackBlocks(new()
            {
                Rows = new byte[length],
                Format = format,
                Packed = packed,
                Inputs = inputs,
                Outputs = 2,
                First = first,
                Count = count,
            }));
        }
    }

    [Fact]
    public void Eight_and_a_half_and_five_bits_are_taken_for_a_weight()
    {
        using var device = CpuDevice.Create(1);
        Assert.Equal(768 * 3072 * 17 / 16, sizeof(float) * device.PackedLength(768, 3072, WeightStorage.Int8));
        Assert.Equal(768 * 3072 * 5 / 8, sizeof(float) * device.PackedLength(768, 3072, WeightStorage.Q4));
    }

    private static PackedMatrix Packed(DeviceBench bench, float[] matrix, WeightLayout layout, int inputs, int outputs, WeightStorage storage)
    {
        var packed = new PackedMatrix(bench.Room(bench.Device.PackedLength(inputs, outputs, storage)), storage);
        bench.Device.PackWeights(new(bench.Put(matrix), layout, inputs, outputs, packed));
        return packed;
    }

    private static float[] Unpacked(DeviceBench bench, PackedMatrix packed, int inputs, int outputs)
    {
        var weights = bench.Room((long)inputs * outputs);
        bench.Device.UnpackWeights(new(packed, inputs, outputs, WeightLayout.OutputMajor, weights));
        return bench.Get(weights);
    }

    // Scales of both signs, zeros and the smallest among them.
    private static byte[] RandomBlocks(BlockFormat format, int count)
    {
        var random = new Random(3);
        var bytes = new byte[count * format.Bytes()];
        random.NextBytes(bytes);
        Half[] scales = [(Half)0.013f, (Half)(-0.5f), Half.Zero, Half.NegativeZero, Half.Epsilon, (Half)(-8000f), (Half)3e-5f];
        for (var block = 0; block < count; block++)
        {
            var at = bytes.AsSpan(block * format.Bytes());
            MemoryMarshal.Write(at, scales[random.Next(scales.Length)]);
            if (format == BlockFormat.Q4_1)
            {
                MemoryMarshal.Write(at[2..], scales[random.Next(scales.Length)]);
            }
        }

        return bytes;
    }
}
