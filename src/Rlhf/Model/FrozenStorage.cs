using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>Takes some rows of blocks of a matrix, as a file holds them.</summary>
/// <param name="first">The output of the first row, in the whole (fused) matrix.</param>
/// <param name="count">Rows.</param>
/// <param name="format">Their format.</param>
/// <param name="rows">Their bytes: the inputs of an output in a row.</param>
public delegate void TakeBlocks(int first, int count, BlockFormat format, ReadOnlySpan<byte> rows);

/// <summary>Which storage the matrices of a model get that is only read.</summary>
public static class FrozenStorage
{
    /// <summary>The storage of a matrix.</summary>
    /// <param name="wanted">What was asked for; null: what loses nothing.</param>
    /// <param name="inFile">The storage that holds the blocks of the file as they are; null where the file has other numbers.</param>
    /// <param name="isTable">Whether it is the token embedding or the language head, which 4 bits would harm most: where they are rounded, they get 8.</param>
    public static WeightStorage Of(WeightStorage? wanted, WeightStorage? inFile, bool isTable) => wanted switch
    {
        null => inFile ?? WeightStorage.F32,
        WeightStorage.F32 or WeightStorage.Bf16 => wanted.Value,
        _ => inFile ?? (isTable ? WeightStorage.Int8 : wanted.Value),
    };
}
