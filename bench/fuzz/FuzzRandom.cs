using System.Text;

namespace Fuzz;

/// <summary>Random choices of one input: they depend on the seed, the target and the input's number alone (SplitMix64, Steele et al. 2014).</summary>
public sealed class FuzzRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The choices of an input.</summary>
    public static FuzzRandom Of(ulong seed, string target, long number)
    {
        var state = seed;
        foreach (var value in Encoding.UTF8.GetBytes(target))
        {
            state = (state ^ value) * 0x100000001B3;
        }

        return new FuzzRandom(state + (ulong)number * 0x9E3779B97F4A7C15);
    }

    /// <summary>From 0 to below a bound.</summary>
    public int Below(int bound) => (int)((Next() >> 33) % (ulong)Math.Max(1, bound));

    /// <summary>True once in so many times.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    /// <summary>One of several.</summary>
    public T Of<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
