namespace Rlhf.Numerics;

/// <summary>
/// One block of device memory handed out from the front and given back all at once: a training step takes its activations
/// from here and allocates nothing. Grows (by a new block, when empty) to the largest step seen.
/// </summary>
public sealed class Arena : IDisposable
{
    private const int Alignment = 16; // floats: one cache line
    private readonly IDevice _device;
    private DeviceMemory _memory;
    private long _used;

    /// <summary>Creates an arena of <paramref name="capacity"/> float32 numbers.</summary>
    public Arena(IDevice device, long capacity)
    {
        _device = device;
        _memory = device.Allocate(Math.Max(capacity, Alignment));
    }

    /// <summary>Numbers that fit.</summary>
    public long Capacity => _memory.Floats.Length;

    /// <summary>Numbers handed out since the last <see cref="Reset"/>.</summary>
    public long Used => _used;

    /// <summary>What <see cref="Take"/> uses up for <paramref name="length"/> numbers.</summary>
    public static long Rounded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    /// <summary>Hands out <paramref name="length"/> numbers with undefined content.</summary>
    public FloatBuffer Take(long length)
    {
        var rounded = Rounded(length);
        if (_used + rounded > Capacity)
        {
            throw new InvalidOperationException($"The arena of {Capacity} numbers has no room for {length} more: {_used} are in use.");
        }

        var buffer = _memory.Floats.Slice(_used, length);
        _used += rounded;
        return buffer;
    }

    /// <summary>Hands out <paramref name="length"/> 32-bit integers with undefined content.</summary>
    public unsafe IntBuffer TakeInts(long length)
    {
        var buffer = Take(length);
        return new IntBuffer((int*)buffer.Pointer, length);
    }

    /// <summary>Gives back everything handed out after <paramref name="mark"/> (a value of <see cref="Used"/>).</summary>
    public void Reset(long mark = 0) => _used = mark;

    /// <summary>Makes room for <paramref name="capacity"/> numbers in all; nothing may be in use.</summary>
    public void Reserve(long capacity)
    {
        if (_used != 0)
        {
            throw new InvalidOperationException("An arena grows only while it is empty.");
        }

        if (capacity > Capacity)
        {
            _memory.Dispose();
            _memory = _device.Allocate(capacity);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
