using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

public sealed unsafe class VectorMathTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_exponential_is_close_over_its_whole_range(InstructionSet set)
    {
        var x = Enumerable.Range(0, 35_001).Select(i => (float)(-87 + (i * 0.005))).ToArray();
        var y = Exp(set, x);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = Math.Exp(x[i]);
            Assert.True(Math.Abs(y[i] - expected) <= 2e-7 * expected, $"e^{x[i]:R} = {y[i]:R}");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_exponential_is_exact_at_its_corners(InstructionSet set)
    {
        var corners = Exp(set, [0f, -0f, float.NegativeInfinity, -1e30f, float.BitDecrement(-87f), float.PositiveInfinity, 1e30f, 88f, float.NaN]);
        Assert.Equal([1f, 1f, 0f, 0f, 0f], corners[..5]);
        Assert.Equal([corners[7], corners[7]], corners[5..7]);
        Assert.True(float.IsFinite(corners[7]));
        Assert.True(float.IsNaN(corners[8]), "what is not a number must not vanish");
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_number_has_the_same_bits_wherever_it_stands(InstructionSet set)
    {
        var x = Check.Floats(1, 64, scale: 20);
        var whole = Exp(set, x);
        for (var length = 0; length <= x.Length; length++)
        {
            Check.SameBits(whole.AsSpan(0, length), Exp(set, x[..length]), $"the first {length}");
            Check.SameBits(whole.AsSpan(length), Exp(set, x[length..]), $"from {length}");
        }
    }

    [Fact]
    public void All_instruction_sets_that_fuse_give_the_same_bits()
    {
        var x = Check.Floats(2, 5000, scale: 90);
        var expected = Exp(InstructionSet.Scalar, x);
        Assert.All(CpuDevice.Available.Where(DeviceBench.IsFused), set => Check.SameBits(expected, Exp(set, x), set.ToString()));
    }

    [Fact]
    public void The_order_of_a_sum_is_the_same_everywhere()
    {
        var x = Check.Floats(3, 16);
        Assert.All(CpuDevice.Available, set => Check.SameBits(Sums(InstructionSet.Scalar, x), Sums(set, x), set.ToString()));
    }

    [Fact]
    public void Only_the_first_lanes_are_read_and_written()
    {
        var x = Check.Floats(5, 16);
        for (var count = 0; count <= 16; count++)
        {
            float[] read = [.. x.Take(count), .. Enumerable.Repeat(7f, 16 - count)];
            float[] written = [.. x.Take(count), .. Enumerable.Repeat(-1f, 16 - count)];
            Assert.All(CpuDevice.Available, set => Check.SameBits([.. read, .. written], First(set, x, count), $"{set}, {count}"));
        }
    }

    private static float[] First(InstructionSet set, float[] x, int count) => set switch
    {
        InstructionSet.Avx512 => First<Lanes512>(x, count),
        InstructionSet.Avx2 => First<Lanes256>(x, count),
        InstructionSet.Vector128 => First<Lanes128>(x, count),
        _ => First<LanesScalar>(x, count),
    };

    /// <summary>Sixteen lanes of which the first are read, sevens behind them; then sixteen numbers -1 after the first lanes were written there.</summary>
    private static float[] First<T>(float[] x, int count)
        where T : unmanaged, ILanes<T>
    {
        float[] y = [.. new float[16], .. Enumerable.Repeat(-1f, 16)];
        fixed (float* source = x, destination = y)
        {
            T.Store(destination, VectorMath.LoadFirst<T>(source, count, others: 7f));
            VectorMath.StoreFirst(destination + 16, count, T.Load(source));
        }

        return y;
    }

    private static float[] Exp(InstructionSet set, float[] x) => set switch
    {
        InstructionSet.Avx512 => Exp<Lanes512>(x),
        InstructionSet.Avx2 => Exp<Lanes256>(x),
        InstructionSet.Vector128 => Exp<Lanes128>(x),
        _ => Exp<LanesScalar>(x),
    };

    private static float[] Exp<T>(float[] x)
        where T : unmanaged, ILanes<T>
    {
        var y = new float[x.Length];
        fixed (float* source = x, destination = y)
        {
            for (var i = 0; i < x.Length; i += ILanes<T>.Count)
            {
                VectorMath.StoreFirst(destination + i, x.Length - i, VectorMath.Exp(VectorMath.LoadFirst<T>(source + i, x.Length - i)));
            }
        }

        return y;
    }

    private static float[] Sums(InstructionSet set, float[] x) => set switch
    {
        InstructionSet.Avx512 => Sums<Lanes512>(x),
        InstructionSet.Avx2 => Sums<Lanes256>(x),
        InstructionSet.Vector128 => Sums<Lanes128>(x),
        _ => Sums<LanesScalar>(x),
    };

    private static float[] Sums<T>(float[] x)
        where T : unmanaged, ILanes<T>
    {
        fixed (float* source = x)
        {
            return [T.Sum(T.Load(source)), T.Largest(T.Load(source))];
        }
    }
}
