namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Types of metadata values, with their numbers in the file.</summary>
internal enum GgufValueType
{
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Float32 = 6,
    Bool = 7,
    Text = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Float64 = 12,
}

/// <summary>A tensor as a file announces it.</summary>
/// <param name="Path">The file; a model may have several.</param>
/// <param name="Name">Its name.</param>
/// <param name="Type">Type of its numbers.</param>
/// <param name="Shape">Dimensions, the longest stride first as everywhere else: [rows, row length].</param>
/// <param name="Offset">First byte in the file.</param>
/// <param name="ByteLength">Number of bytes.</param>
internal sealed record GgufTensor(string Path, string Name, GgufTensorType Type, long[] Shape, long Offset, long ByteLength)
{
    /// <summary>Number of elements.</summary>
    public long Length => ByteLength / Type.BlockBytes() * Type.BlockLength();

    /// <summary>Numbers of a row: no block reaches over its end.</summary>
    public long RowLength => Shape[^1];
}
