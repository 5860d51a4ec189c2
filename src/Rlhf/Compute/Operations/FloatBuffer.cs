namespace Rlhf.Compute.Operations;

/// <summary>A run of float32 numbers in a device's memory. Only the device may dereference it.</summary>
public readonly unsafe struct FloatBuffer
{
    internal FloatBuffer(float* pointer, long length)
    {
        Pointer = pointer;
        Length = length;
    }

    /// <summary>Where the numbers start, in the device's address space.</summary>
    internal float* Pointer { get; }

    /// <summary>How many numbers there are.</summary>
    public long Length { get; }

    /// <summary>True for a buffer that was never allocated: an optional operand left out.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>The part of <paramref name="length"/> numbers from <paramref name="start"/> on.</summary>
    public FloatBuffer Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"[{start}, +{length}) leaves a buffer of {Length} numbers.");
        }

        return new FloatBuffer(Pointer + start, length);
    }

    /// <summary>Everything from <paramref name="start"/> on.</summary>
    public FloatBuffer From(long start) => Slice(start, Length - start);
}

/// <summary>A run of 32-bit integers (token ids, row numbers) in a device's memory.</summary>
public readonly unsafe struct IntBuffer
{
    internal IntBuffer(int* pointer, long length)
    {
        Pointer = pointer;
        Length = length;
    }

    internal int* Pointer { get; }

    /// <summary>How many numbers there are.</summary>
    public long Length { get; }

    /// <summary>The part of <paramref name="length"/> numbers from <paramref name="start"/> on.</summary>
    public IntBuffer Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"[{start}, +{length}) leaves a buffer of {Length} numbers.");
        }

        return new IntBuffer(Pointer + start, length);
    }
}
