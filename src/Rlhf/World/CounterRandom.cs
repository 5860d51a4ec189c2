namespace Rlhf.World;

/// <summary>
/// The random numbers of one generated row: the n-th number is a hash of (seed, stream, row, n), so any row can be made
/// without those before it. Hash: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
/// </summary>
internal sealed class CounterRandom(ulong seed, string stream, long row)
{
    private readonly ulong _key = SplitMix64.Mix(SplitMix64.Mix(seed ^ Hash(stream)) + (ulong)row);
    private ulong _counter;

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double Uniform() => (SplitMix64.Mix(_key + (++_counter * SplitMix64.Golden)) >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => Uniform() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[(int)(Uniform() * items.Count)];

    private static ulong Hash(string text) => text.Aggregate(0xCBF29CE484222325UL, (hash, c) => SplitMix64.Mix(hash ^ c));
}
