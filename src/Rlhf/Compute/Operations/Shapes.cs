namespace Rlhf.Compute.Operations;

/// <summary>Refuses buffers that are smaller than an operation needs.</summary>
internal static class Shapes
{
    public static void Need(FloatBuffer buffer, long length) => NeedLength(buffer.Length, length);

    public static void Need(IntBuffer buffer, long length) => NeedLength(buffer.Length, length);

    public static void NeedOrEmpty(FloatBuffer buffer, long length)
    {
        if (!buffer.IsEmpty)
        {
            Need(buffer, length);
        }
    }

    public static void NeedEach(long length, params ReadOnlySpan<FloatBuffer> buffers)
    {
        foreach (var buffer in buffers)
        {
            Need(buffer, length);
        }
    }

    public static void NeedMatrix(int rows, int width, params ReadOnlySpan<FloatBuffer> buffers) => NeedEach((long)rows * width, buffers);

    public static void NeedStrided(int rows, int width, int rowStride, params ReadOnlySpan<FloatBuffer> buffers) =>
        NeedEach(rows == 0 ? 0 : ((long)(rows - 1) * rowStride) + width, buffers);

    public static void NeedPacked(IDevice device, PackedMatrix packed, int inputs, int outputs) =>
        Need(packed.Numbers, device.PackedLength(inputs, outputs, packed.Storage));

    private static void NeedLength(long actual, long length)
    {
        if (actual < length)
        {
            throw new ArgumentException($"A buffer of {actual} numbers stands where {length} are needed.");
        }
    }
}
