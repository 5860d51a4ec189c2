namespace Rlhf.Compute.Operations;

/// <summary>A packed operand of matrix products, as <see cref="IDevice.PackWeights"/> leaves it.</summary>
/// <param name="Numbers">Its memory: <see cref="IDevice.PackedLength"/> floats.</param>
/// <param name="Storage">
/// What it stands in, and products make float32 again as they read it. A device of <see cref="Precision.Bf16"/> stores bfloat16 for both
/// <see cref="WeightStorage.F32"/> and <see cref="WeightStorage.Bf16"/>, and rounds what blocks hold to bfloat16 as it reads them.
/// </param>
public readonly record struct PackedMatrix(FloatBuffer Numbers, WeightStorage Storage = WeightStorage.F32)
{
    /// <summary>An operand in the device's own precision.</summary>
    public static implicit operator PackedMatrix(FloatBuffer numbers) => new(numbers);
}
