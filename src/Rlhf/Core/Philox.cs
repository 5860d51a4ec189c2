using System.Runtime.CompilerServices;

namespace Rlhf.Core;

/// <summary>
/// Philox4x32-10, a counter-based random number generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
/// a number is a function of (seed, stream, row, position), so no generator state has to survive a restart and the order in which
/// numbers are asked for does not matter.
/// </summary>
public static class Philox
{
    /// <summary>Four independent 32-bit numbers for one counter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (uint A, uint B, uint C, uint D) Block(ulong seed, ulong stream, uint row, uint position)
    {
        var (key0, key1) = ((uint)seed, (uint)(seed >> 32));
        var (c0, c1, c2, c3) = (position, row, (uint)stream, (uint)(stream >> 32));
        for (var round = 0; round < 10; round++)
        {
            var product0 = (ulong)0xD2511F53 * c0;
            var product1 = (ulong)0xCD9E8D57 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ key0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ key1, (uint)product0);
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    public static double Uniform(ulong seed, ulong stream, uint row, uint position)
    {
        var (a, b, _, _) = Block(seed, stream, row, position);
        return ((((ulong)a << 32) | b) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Fills with normal(0, <paramref name="standardDeviation"/>) numbers (Box and Muller 1958); element i depends on (seed, stream, i)
    /// only.</summary>
    public static void Normal(Span<float> destination, ulong seed, ulong stream, float standardDeviation)
    {
        for (var i = 0; i < destination.Length; i += 2)
        {
            var index = (ulong)(i / 2);
            var (a, b, c, d) = Block(seed, stream, (uint)(index >> 32), (uint)index);
            var u = (((((ulong)a << 32) | b) >> 11) + 1) * (1.0 / (1UL << 53)); // (0, 1]: the logarithm is finite
            var v = ((((ulong)c << 32) | d) >> 11) * (1.0 / (1UL << 53));
            var radius = Math.Sqrt(-2 * Math.Log(u)) * standardDeviation;
            destination[i] = (float)(radius * Math.Cos(2 * Math.PI * v));
            if (i + 1 < destination.Length)
            {
                destination[i + 1] = (float)(radius * Math.Sin(2 * Math.PI * v));
            }
        }
    }

    /// <summary>A seed for one purpose, made from a run's seed and a number that names the purpose.</summary>
    public static ulong Derive(ulong seed, ulong purpose)
    {
        var (a, b, _, _) = Block(seed, purpose, 0x52_4C_48_46, 0);
        return ((ulong)a << 32) | b;
    }
}
