namespace Rlhf.Tests.Compute;

/// <summary>Comparisons and random numbers for the tests of kernels.</summary>
internal static class Check
{
    /// <summary>Equal to the last bit, except that any not-a-number equals any other.</summary>
    public static void SameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
            {
                Assert.Fail($"{what} element {i}: expected {expected[i]:R}, got {actual[i]:R}");
            }
        }
    }

    /// <summary>Each within <paramref name="tolerance"/> times (1 + |expected|).</summary>
    public static void Close(IReadOnlyList<double> expected, IReadOnlyList<float> actual, double tolerance, string what = "")
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * (1 + Math.Abs(expected[i]))))
            {
                Assert.Fail($"{what} element {i} of {expected.Count}: expected {expected[i]:R}, got {actual[i]:R}");
            }
        }
    }

    /// <summary>Numbers in [-scale, scale) that float32 holds exactly.</summary>
    public static double[] Random(int seed, int count, double scale = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (double)(float)(scale * ((2 * random.NextDouble()) - 1)))];
    }

    public static float[] Floats(int seed, int count, double scale = 1) => [.. Random(seed, count, scale).Select(v => (float)v)];

    /// <summary>Central differences of a function in float64, for the numbers at <paramref name="indices"/> (all of them if null).</summary>
    public static double[] Gradient(double[] x, Func<double[], double> function, IEnumerable<int>? indices = null)
    {
        const double step = 1e-5;
        var copy = (double[])x.Clone();
        return [.. (indices ?? Enumerable.Range(0, x.Length)).Select(i =>
        {
            copy[i] = x[i] + step;
            var up = function(copy);
            copy[i] = x[i] - step;
            var down = function(copy);
            copy[i] = x[i];
            return (up - down) / (2 * step);
        })];
    }
}
