namespace Rlhf.Compute.Operations;

/// <summary>Device memory with an owner. Zeroed when allocated, aligned to a cache line.</summary>
public sealed class DeviceMemory : IDisposable
{
    private readonly Action<FloatBuffer> _free;
    private FloatBuffer _floats;

    internal DeviceMemory(FloatBuffer floats, Action<FloatBuffer> free)
    {
        _floats = floats;
        _free = free;
    }

    /// <summary>Frees memory whose owner was lost.</summary>
    ~DeviceMemory() => Release();

    /// <summary>The memory as float32 numbers.</summary>
    public FloatBuffer Floats => _floats;

    /// <summary>A part of the memory as 32-bit integers.</summary>
    public unsafe IntBuffer Ints(long start, long length) => new((int*)Floats.Slice(start, length).Pointer, length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (!_floats.IsEmpty)
        {
            _free(_floats);
            _floats = default;
        }
    }
}
