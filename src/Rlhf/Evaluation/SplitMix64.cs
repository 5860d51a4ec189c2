namespace Rlhf.Evaluation;

/// <summary>A small fixed random sequence (Steele 2014): the same for the same seed on every platform and in every version.</summary>
internal struct SplitMix64(ulong seed)
{
    private ulong state = seed;

    public ulong Next()
    {
        state += 0x9E3779B97F4A7C15;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A whole number, 0 to bound - 1 (upper half of a 128-bit product, whose bias of bound / 2^64 nobody can see).</summary>
    public int Next(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);
}
