using Rlhf.Model.Checkpoints;
using Rlhf.World;

namespace Rlhf.Tests.Model.Checkpoints;

public sealed class FloatFormatsTests
{
    [Fact]
    public void Every_bfloat16_survives_widening_and_narrowing()
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            Assert.Equal((ushort)bits, FloatFormats.ToBFloat16(FloatFormats.FromBFloat16((ushort)bits)));
        }
    }

    [Theory]
    [InlineData(0x3F808000u, 0x3F80)] // halfway, even below
    [InlineData(0x3F818000u, 0x3F82)] // halfway, even above
    [InlineData(0x3F808001u, 0x3F81)]
    [InlineData(0xBF807FFFu, 0xBF80)]
    [InlineData(0x7F800001u, 0x7FC0)] // a NaN whose upper half alone would be infinity
    [InlineData(0x7F7FFFFFu, 0x7F80)]
    public void Numbers_are_rounded_to_the_nearest_bfloat16_ties_to_even(uint bits, int expected) =>
        Assert.Equal(expected, FloatFormats.ToBFloat16(BitConverter.UInt32BitsToSingle(bits)));

    [Fact]
    public void Every_half_that_is_a_number_survives_widening_and_narrowing()
    {
        var halves = Enumerable.Range(0, 1 << 16).Select(bits => (ushort)bits).Where(bits => !Half.IsNaN(BitConverter.UInt16BitsToHalf(bits))).ToArray();
        var bytes = halves.SelectMany(BitConverter.GetBytes).ToArray();
        var floats = new float[halves.Length];
        FloatFormats.Widen(bytes, TensorType.F16, floats);
        var back = new byte[bytes.Length];
        Assert.Null(FloatFormats.Narrow(floats, TensorType.F16, back));
        Assert.Equal(bytes, back);
    }

    [Theory]
    [InlineData(TensorType.F16, 65_520f)]
    [InlineData(TensorType.BF16, 3.4e38f)]
    public void A_number_too_large_for_the_type_is_reported_by_its_place(TensorType type, float tooLarge)
    {
        Assert.Equal(2, FloatFormats.Narrow([1, float.PositiveInfinity, tooLarge], type, new byte[6]));
        Assert.Null(FloatFormats.Narrow([1, float.NegativeInfinity, 65_504f], type, new byte[6]));
    }
}
