namespace Rlhf.Core;

/// <summary>
/// A seeded stream of random numbers (Steele, Lea and Flood 2014): the same for the same seed on every platform and in every version. It stands beside
/// <see cref="Philox"/>, from which new
/// code draws, since the order of rows, the quickstart's world and the resampled intervals of reports are made of its numbers: with others, no run of earlier
/// versions could be repeated.
/// </summary>
internal sealed class SplitMix64(ulong seed)
{
    // The distance between the states that follow one another: 2^64 over the golden ratio.
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private readonly ulong _seed = seed;
    private ulong _state = seed;

    /// <summary>The stream of one row of generated data, which is had without the rows before it.</summary>
    public static SplitMix64 OfRow(ulong seed, string stream, long row) => new(Mix(Mix(seed ^ Hash(stream)) + (ulong)row));

    /// <summary>The stream of one epoch.</summary>
    public static SplitMix64 OfEpoch(ulong seed, int epoch) => new(Mix(Mix(seed + Golden) + (ulong)epoch + 1));

    /// <summary>64 random bits.</summary>
    public ulong Next() => Mix(_state += Golden);

    /// <summary>A whole number, 0 to bound - 1 (upper half of a 128-bit product, whose bias of bound / 2^64 nobody can see).</summary>
    public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>The same from the stream's number <paramref name="index"/>, counted from 0 at the seed itself, without those before it.</summary>
    public int At(long index, int bound) => (int)Math.BigMul(Mix(_seed + ((ulong)index * Golden)), (ulong)bound, out _);

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with this probability.</summary>
    public bool Chance(double probability) => Uniform() < probability;

    /// <summary>One of the items.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[(int)(Uniform() * items.Count)];

    // The sequence's output function.
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private static ulong Hash(string text) => text.Aggregate(0xCBF29CE484222325UL, (hash, c) => Mix(hash ^ c));
}
