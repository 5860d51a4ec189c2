using Rlhf.Tests.Compute;
using Rlhf.World;

namespace Rlhf.Tests.Core;

/// <summary>Known answers: the kat_vectors file of Random123 (Salmon et al. 2011).</summary>
public sealed class PhiloxTests
{
    [Theory]
    [InlineData(0UL, 0UL, 0U, 0U, 0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, uint.MaxValue, uint.MaxValue, 0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU)]
    [InlineData(0x299f31d0a4093822UL, 0x0370734413198a2eUL, 0x85a308d3U, 0x243f6a88U, 0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U)]
    public void Blocks_equal_the_known_answers(ulong key, ulong stream, uint row, uint position, uint a, uint b, uint c, uint d) =>
        Assert.Equal((a, b, c, d), Philox.Block(key, stream, row, position));

    [Fact]
    public void Uniform_numbers_fill_the_unit_interval_evenly()
    {
        var numbers = Enumerable.Range(0, 20_000).Select(i => Philox.Uniform(5, 6, 7, (uint)i)).ToArray();
        Assert.All(numbers, u => Assert.InRange(u, 0, 1));
        Assert.Equal(0.5, numbers.Average(), 0.01);
        Assert.Equal(1 / 12.0, numbers.Average(u => (u - 0.5) * (u - 0.5)), 0.003);
    }

    [Fact]
    public void Normal_numbers_have_the_moments_and_do_not_depend_on_the_length()
    {
        var numbers = new float[20_001];
        Philox.Normal(numbers, 1, 2, 0.02f);
        Assert.Equal(0, numbers.Average(), 0.001);
        Assert.Equal(0.0004, numbers.Average(v => (double)v * v), 0.00002);
        var few = new float[333];
        Philox.Normal(few, 1, 2, 0.02f);
        Check.SameBits(numbers.AsSpan(0, few.Length), few);
    }
}
