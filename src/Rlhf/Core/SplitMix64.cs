namespace Rlhf.Core;

/// <summary>A small fixed random sequence (Steele, Lea and Flood 2014): the same for the same seed on every platform and in every version.</summary>
internal struct SplitMix64(ulong seed)
{
    /// <summary>The distance between the states that follow one another: 2^64 over the golden ratio.</summary>
    public const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    public ulong Next() => Mix(_state += Golden);

    /// <summary>A whole number, 0 to bound - 1 (upper half of a 128-bit product, whose bias of bound / 2^64 nobody can see).</summary>
    public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>The sequence's output function, a hash of a number: with it any element is had without those before it.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
