using Rlhf.Cli.Bench;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Tests.Compute.OneDnn;
using Rlhf.World;

namespace Rlhf.Tests.Cli.Bench;

public sealed class BenchmarkCheckTests
{
    public static TheoryData<InstructionSet> Sets() => [.. CpuDevice.Available];

    [Theory]
    [MemberData(nameof(Sets))]
    public void The_program_computes_what_the_plain_path_computes(InstructionSet set)
    {
        using var device = CpuDevice.Create(2, set);

        var quantities = BenchmarkCheck.Run(device);

        Assert.Equal(15, quantities.Count);
        Assert.All(quantities, static quantity => Assert.True(quantity.Holds, $"{quantity}"));
    }

    [OneDnnFact]
    public void In_bfloat16_it_computes_what_the_plain_path_with_rounded_operands_computes()
    {
        using var device = CpuDevice.Create(2, precision: Precision.Bf16);

        var quantities = BenchmarkCheck.Run(device);

        Assert.Equal(15, quantities.Count);
        Assert.All(quantities, static quantity => Assert.True(quantity.Holds, $"{quantity}"));
    }

    [Fact]
    public void Operands_that_were_not_rounded_do_not_pass_for_bfloat16()
    {
        using var device = CpuDevice.Create(2, precision: Precision.F32);

        Assert.DoesNotContain(BenchmarkCheck.Run(device, Precision.Bf16), static quantity => quantity.Holds);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(2e-3)]
    public void A_difference_that_is_too_large_or_not_a_number_does_not_hold(double difference) =>
        Assert.False(new CheckedQuantity("loss", 1, difference, 1e-3).Holds);
}
