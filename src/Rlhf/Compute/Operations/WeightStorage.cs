namespace Rlhf.Compute.Operations;

/// <summary>What the packed operand of a product stands in. Products make it float32 again as they read it, so their bits are those of a matrix that was
/// rounded before.</summary>
public enum WeightStorage
{
    /// <summary>The device's own precision: float32, or bfloat16.</summary>
    F32,

    /// <summary>bfloat16, rounded to nearest even.</summary>
    Bf16,

    /// <summary>8 bits: d q, a scale d (half) for each 32 inputs of an output, as GGUF's Q8_0; 8.5 bits a weight.</summary>
    Int8,

    /// <summary>4 bits: d q + m, a scale and a minimum (halves) for each 32 inputs of an output, as GGUF's Q4_1; 5 bits a weight.</summary>
    Q4,
}

/// <summary>Blocks of 32 numbers as GGUF files hold them, of which <see cref="PackBlocks"/> takes the numbers as they are.</summary>
public enum BlockFormat
{
    /// <summary>d (half), q [16]: d (q - 8), low nibbles first.</summary>
    Q4_0,

    /// <summary>d, m (halves), q [16]: d q + m, low nibbles first.</summary>
    Q4_1,

    /// <summary>d (half), q [32]: d q.</summary>
    Q8_0,
}

/// <summary>Sizes of blocks.</summary>
public static class WeightBlocks
{
    /// <summary>Numbers of a block: neighbouring inputs of one output.</summary>
    public const int Length = 32;

    /// <summary>Whether a storage is made of blocks.</summary>
    public static bool AreIn(WeightStorage storage) => storage is WeightStorage.Int8 or WeightStorage.Q4;

    /// <summary>Bytes of a block in a file.</summary>
    public static int Bytes(this BlockFormat format) => format switch
    {
        BlockFormat.Q4_0 => 18,
        BlockFormat.Q4_1 => 20,
        BlockFormat.Q8_0 => 34,
        _ => throw new ArgumentOutOfRangeException(nameof(format)),
    };

    /// <summary>The storage that holds a format's numbers exactly.</summary>
    public static WeightStorage Storage(this BlockFormat format) => format == BlockFormat.Q8_0 ? WeightStorage.Int8 : WeightStorage.Q4;

    /// <summary>The format in which a matrix of float32 numbers is rounded for a storage.</summary>
    public static BlockFormat Format(WeightStorage storage) => storage switch
    {
        WeightStorage.Int8 => BlockFormat.Q8_0,
        WeightStorage.Q4 => BlockFormat.Q4_1,
        _ => throw new ArgumentOutOfRangeException(nameof(storage)),
    };
}
