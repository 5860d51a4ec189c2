namespace Rlhf.Compute.Operations;

/// <summary>A packed operand of matrix products, as <see cref="IDevice.PackWeights"/> leaves it.</summary>
/// <param name="Numbers">Its memory: <see cref="IDevice.PackedLength"/> floats.</param>
/// <param name="Storage">
/// <see cref="Precision.Bf16"/>: each number stands rounded to bfloat16, two in the place of one float32, and products make it float32 again as they read it. A
/// device of that precision
/// stores bfloat16 in either case.
/// </param>
public readonly record struct PackedMatrix(FloatBuffer Numbers, Precision Storage = Precision.F32)
{
    /// <summary>An operand in the device's own precision.</summary>
    public static implicit operator PackedMatrix(FloatBuffer numbers) => new(numbers);
}
