using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Blocks;

/// <summary>
/// How blocks stand in memory: 32 inputs of 32 outputs, a panel of a product, together, in the order in which a product reads them.
/// <see cref="WeightStorage.Q4"/>: for each output a word with d (low half) and m, then for each 8 inputs a word of each output with their nibbles, lowest
/// first. <see cref="WeightStorage.Int8"/>: d of each output, then for each input a byte of each output. Inputs beyond the matrix are zeros.
/// </summary>
internal static class BlockLayout
{
    /// <summary>Outputs that stand together.</summary>
    public const int Outputs = 32;

    /// <summary>Inputs whose nibbles stand in one word.</summary>
    public const int WordInputs = 8;

    /// <summary>Bytes ahead of a block that are asked for while it is read: products of few rows wait for memory.</summary>
    public const int Ahead = 4 * Q4Bytes;

    /// <summary>Bytes of the words with 8 inputs of all outputs.</summary>
    public const int WordBytes = Outputs * sizeof(uint);

    /// <summary>Where the nibbles begin.</summary>
    public const int NibbleStart = Outputs * sizeof(uint);

    /// <summary>Where the bytes begin.</summary>
    public const int ByteStart = Outputs * sizeof(ushort);

    /// <summary><see cref="Bytes"/> in 4 bits.</summary>
    public const int Q4Bytes = NibbleStart + (WeightBlocks.Length / WordInputs * WordBytes);

    /// <summary><see cref="Bytes"/> in 8 bits.</summary>
    public const int Int8Bytes = ByteStart + (WeightBlocks.Length * Outputs);

    /// <summary>Bytes of 32 inputs of 32 outputs: whole cache lines.</summary>
    public static int Bytes(WeightStorage storage) => storage == WeightStorage.Q4 ? Q4Bytes : Int8Bytes;

    /// <summary>Bytes of all inputs of 32 outputs.</summary>
    public static long PanelBytes(WeightStorage storage, long inputs) => (inputs + WeightBlocks.Length - 1) / WeightBlocks.Length * Bytes(storage);
}
