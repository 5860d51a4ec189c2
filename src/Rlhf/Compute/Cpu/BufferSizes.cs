using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>Refuses buffers that are smaller than an operation needs.</summary>
internal static class BufferSizes
{
    public static void Need(FloatBuffer buffer, long length)
    {
        if (buffer.Length < length)
        {
            throw new ArgumentException($"A buffer of {buffer.Length} numbers stands where {length} are needed.");
        }
    }

    public static void Need(Outputs outputs)
    {
        var end = (long)outputs.First + outputs.Count;
        if (outputs.First < 0 || outputs.Count < 0 || end > outputs.All || outputs.First % Outputs.Step != 0 || (end < outputs.All && end % Outputs.Step != 0))
        {
            throw new ArgumentException($"{outputs} is no range of whole steps of {Outputs.Step} columns.");
        }
    }

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
}
