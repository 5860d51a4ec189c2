namespace Rlhf.Compute.Cpu.Memory;

/// <summary>Memory of the device's own that grows to the largest call and stays.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    private float* _memory;
    private long _length;

    public long Bytes => _length * sizeof(float);

    public float* AtLeast(long floats)
    {
        if (floats > _length)
        {
            Dispose();
            _memory = CpuMemory.Allocate(checked(floats * sizeof(float)));
            _length = floats;
        }

        return _memory;
    }

    public void Dispose()
    {
        CpuMemory.Free(_memory, Bytes);
        _memory = null;
        _length = 0;
    }
}
