using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

/// <summary>Operands that are stored in bfloat16 and multiplied in float32, beside float32 ones that were rounded before.</summary>
public sealed class PackedMatrixTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_product_with_a_matrix_stored_in_bfloat16_has_the_bits_of_one_rounded_before(InstructionSet set)
    {
        foreach (var (rows, inputs, outputs, threads) in ((int, int, int, int)[])[(1, 1, 1, 1), (3, 37, 31, 1), (5, 520, 70, 2), (300, 33, 300, 7),
            (2, 1100, 600, 2)])
        {
            using var bench = new DeviceBench(set, threads);
            var (weights, x, bias) = (Check.Floats(1, inputs * outputs), bench.Put(Check.Floats(2, rows * inputs)), bench.Put(Check.Floats(3, outputs)));
            foreach (var layout in Enum.GetValues<WeightLayout>())
            {
                float[] Product(float[] matrix, WeightStorage storage)
                {
                    var y = bench.Room((long)rows * outputs);
                    bench.Device.LinearForward(new(x, Packed(bench, matrix, layout, inputs, outputs, storage), bias, rows, inputs, outputs, y));
                    return bench.Get(y);
                }

                var narrow = Product(weights, WeightStorage.Bf16);
                Check.SameBits(Product([.. weights.Select(Rounded)], WeightStorage.F32), narrow, $"{rows} rows, [{inputs}, {outputs}], {layout}:");
                Assert.NotEqual(Product(weights, WeightStorage.F32), narrow);
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void So_has_a_language_head_over_several_chunks_of_the_vocabulary(InstructionSet set)
    {
        const int rows = 5, width = 24, vocabulary = 2049;
        using var bench = new DeviceBench(set, threads: 2);
        var (head, hidden, targets) = (Check.Floats(1, vocabulary * width), bench.Put(Check.Floats(2, rows * width)), bench.Put(0, 1023, 1024, 2048, 7));
        float[] Numbers(float[] matrix, WeightStorage storage)
        {
            var (logs, entropies, logSumExp) = (bench.Room(rows), bench.Room(rows), bench.Room(rows));
            bench.Device.LanguageHeadForward(new(
                hidden, Packed(bench, matrix, WeightLayout.OutputMajor, width, vocabulary, storage), targets, rows, width, vocabulary, 1.25f, logs, entropies,
                logSumExp, default));
            return [.. bench.Get(logs), .. bench.Get(entropies), .. bench.Get(logSumExp)];
        }

        var narrow = Numbers(head, WeightStorage.Bf16);
        Check.SameBits(Numbers([.. head.Select(Rounded)], WeightStorage.F32), narrow);
        Assert.NotEqual(Numbers(head, WeightStorage.F32), narrow);
    }

    [Fact]
    public void It_takes_half_of_the_memory()
    {
        using var device = CpuDevice.Create(1);
        Assert.Equal(device.PackedLength(768, 50257), 2 * device.PackedLength(768, 50257, WeightStorage.Bf16));
    }

    private static float Rounded(float value) => BFloat16.Widen(BFloat16.Round(value));

    private static PackedMatrix Packed(DeviceBench bench, float[] matrix, WeightLayout layout, int inputs, int outputs, WeightStorage storage)
    {
        var packed = new PackedMatrix(bench.Room(bench.Device.PackedLength(inputs, outputs, storage)), storage);
        bench.Device.PackWeights(new(bench.Put(matrix), layout, inputs, outputs, packed));
        return packed;
    }
}
