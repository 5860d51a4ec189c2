namespace Rlhf.Compute.Cpu.Simd;

/// <summary>
/// Sixteen float32 lanes, whatever the width of the machine's registers: one AVX-512 register, two of AVX2, four of 128 bits, or
/// an array. Kernels are written once against this interface and compiled for each implementation. Every operation rounds each lane
/// once as IEEE 754 says and <see cref="Sum"/> adds in one fixed order, so all implementations with a fused multiply-add give the same bits.
/// </summary>
/// <typeparam name="T">The implementing type.</typeparam>
internal unsafe interface ILanes<T>
    where T : unmanaged, ILanes<T>
{
    /// <summary>How many lanes there are.</summary>
    public const int Count = 16;

    /// <summary>Whether 24 accumulators fit the register file (AVX-512: 32 registers of a whole lane set).</summary>
    static abstract bool HasWideRegisterFile { get; }

    static abstract T Load(float* source);

    /// <summary>Sixteen bfloat16, exactly.</summary>
    static abstract T Widen(ushort* source);

    static abstract void Store(float* destination, T value);

    /// <summary>The first <paramref name="count"/> numbers, fewer than there are lanes, and <paramref name="others"/> in the rest; nothing behind them is
    /// read.</summary>
    static abstract T LoadFirst(float* source, long count, float others);

    /// <summary>Writes the first <paramref name="count"/> lanes, fewer than there are, and nothing behind them.</summary>
    static abstract void StoreFirst(float* destination, long count, T value);

    static abstract T Broadcast(float value);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    /// <summary>a * b + c, rounded once.</summary>
    static abstract T FusedMultiplyAdd(T a, T b, T c);

    static abstract T Max(T a, T b);

    static abstract T Min(T a, T b);

    static abstract T SquareRoot(T value);

    /// <summary>The nearest integer, ties to even.</summary>
    static abstract T Round(T value);

    /// <summary>2^n for integral lanes n in [-126, 127].</summary>
    static abstract T PowerOfTwo(T n);

    /// <summary>a &gt;= b ? yes : no, lane by lane (no where a or b is not a number).</summary>
    static abstract T SelectGreaterOrEqual(T a, T b, T yes, T no);

    /// <summary>The sum of the lanes: lane i with i + 8, then i + 4, i + 2, i + 1.</summary>
    static abstract float Sum(T value);

    /// <summary>The largest lane.</summary>
    static abstract float Largest(T value);
}
