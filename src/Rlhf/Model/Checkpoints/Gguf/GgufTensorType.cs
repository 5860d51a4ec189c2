using System.Collections.Frozen;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Element types of GGUF tensors that are read, with their numbers in the file. Those with a Q quantise a block of neighbours together.</summary>
public enum GgufTensorType
{
    /// <summary>IEEE single.</summary>
    F32 = 0,

    /// <summary>IEEE half.</summary>
    F16 = 1,

    /// <summary>d * (q - 8), 4 bits.</summary>
    Q4_0 = 2,

    /// <summary>d * q + m, 4 bits.</summary>
    Q4_1 = 3,

    /// <summary>d * (q - 16), 5 bits.</summary>
    Q5_0 = 6,

    /// <summary>d * q + m, 5 bits.</summary>
    Q5_1 = 7,

    /// <summary>d * q, 8 bits.</summary>
    Q8_0 = 8,

    /// <summary>d * s * q - e * m, 2 bits, scales and minima of 16 items.</summary>
    Q2_K = 10,

    /// <summary>d * s * q, 3 bits, scales of 16 items.</summary>
    Q3_K = 11,

    /// <summary>d * s * q - e * m, 4 bits, scales and minima of 32 items.</summary>
    Q4_K = 12,

    /// <summary>d * s * q - e * m, 5 bits, scales and minima of 32 items.</summary>
    Q5_K = 13,

    /// <summary>d * s * q, 6 bits, scales of 16 items.</summary>
    Q6_K = 14,

    /// <summary>d * one of 16 levels.</summary>
    IQ4_NL = 20,

    /// <summary>d * s * one of 16 levels, scales of 32 items.</summary>
    IQ4_XS = 23,

    /// <summary>The upper half of a float32.</summary>
    BF16 = 30,

    /// <summary>d * (-1, 0 or 1), two bits each.</summary>
    TQ2_0 = 35,

    /// <summary>A power of two times a 4-bit float.</summary>
    MXFP4 = 39,
}

/// <summary>Sizes and names of the element types.</summary>
public static class GgufTensorTypes
{
    // Known by name alone, so that a refusal can say what a file has.
    private static readonly FrozenDictionary<uint, string> NotRead = new Dictionary<uint, string>
    {
        [4] = "Q4_2, which was withdrawn from the format",
        [5] = "Q4_3, which was withdrawn from the format",
        [9] = "Q8_1",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
    }.ToFrozenDictionary();

    /// <summary>Numbers that stand in one block.</summary>
    public static int BlockLength(this GgufTensorType type) => type switch
    {
        GgufTensorType.F32 or GgufTensorType.F16 or GgufTensorType.BF16 => 1,
        GgufTensorType.Q4_0 or GgufTensorType.Q4_1 or GgufTensorType.Q5_0 or GgufTensorType.Q5_1 or GgufTensorType.Q8_0
            or GgufTensorType.IQ4_NL or GgufTensorType.MXFP4 => 32,
        _ => 256,
    };

    /// <summary>Bytes of one block.</summary>
    public static int BlockBytes(this GgufTensorType type) => type switch
    {
        GgufTensorType.F32 => 4,
        GgufTensorType.F16 or GgufTensorType.BF16 => 2,
        GgufTensorType.Q4_0 or GgufTensorType.IQ4_NL => 18,
        GgufTensorType.Q4_1 => 20,
        GgufTensorType.Q5_0 => 22,
        GgufTensorType.Q5_1 => 24,
        GgufTensorType.Q8_0 => 34,
        GgufTensorType.Q2_K => 84,
        GgufTensorType.Q3_K => 110,
        GgufTensorType.Q4_K => 144,
        GgufTensorType.Q5_K => 176,
        GgufTensorType.Q6_K => 210,
        GgufTensorType.IQ4_XS => 136,
        GgufTensorType.TQ2_0 => 66,
        GgufTensorType.MXFP4 => 17,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The type of a number in a file, or null with what it is.</summary>
    internal static GgufTensorType? Find(uint number, out string what)
    {
        var type = (GgufTensorType)number;
        var isKnown = number <= int.MaxValue && Enum.IsDefined(type);
        what = isKnown ? type.ToString() : NotRead.GetValueOrDefault(number, FormattableString.Invariant($"number {number}, which no version of the format has"));
        return isKnown ? type : null;
    }
}
