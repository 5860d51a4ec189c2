namespace Rlhf.Numerics;

/// <summary>
/// Device memory handed out from the front and given back all at once: a training step takes its activations from here. The first steps may
/// need further blocks; when the arena is emptied these become one block of the size seen, so a steady step allocates nothing.
/// </summary>
public sealed class Arena(IDevice device) : IDisposable
{
    private const int Alignment = 16; // floats: one cache line
    private const long SmallestBlock = 1 << 16;
    private readonly List<DeviceMemory> _blocks = [];
    private long _usedInBlock;
    private long _usedBefore; // in the blocks before the last one

    /// <summary>Numbers handed out since the last <see cref="Reset"/>.</summary>
    public long Used => _usedBefore + _usedInBlock;

    /// <summary>Numbers held, used or not.</summary>
    public long Capacity => _blocks.Sum(static block => block.Floats.Length);

    /// <summary>Hands out <paramref name="length"/> numbers with undefined content.</summary>
    public FloatBuffer Take(long length)
    {
        var rounded = (length + Alignment - 1) / Alignment * Alignment;
        if (_blocks.Count == 0 || _usedInBlock + rounded > _blocks[^1].Floats.Length)
        {
            _usedBefore += _usedInBlock;
            _usedInBlock = 0;
            _blocks.Add(device.Allocate(Math.Max(rounded, Math.Max(SmallestBlock, _usedBefore / 2))));
        }

        var buffer = _blocks[^1].Floats.Slice(_usedInBlock, length);
        _usedInBlock += rounded;
        return buffer;
    }

    /// <summary>Hands out <paramref name="length"/> numbers set to zero.</summary>
    public FloatBuffer TakeZeroed(long length)
    {
        var buffer = Take(length);
        device.Fill(buffer, 0f);
        return buffer;
    }

    /// <summary>Hands out 32-bit integers and copies <paramref name="values"/> there.</summary>
    public unsafe IntBuffer Take(ReadOnlySpan<int> values)
    {
        var memory = Take(values.Length);
        var buffer = new IntBuffer((int*)memory.Pointer, values.Length);
        device.CopyIn(values, buffer);
        return buffer;
    }

    /// <summary>Gives everything back.</summary>
    public void Reset()
    {
        if (_blocks.Count > 1)
        {
            var used = Used;
            FreeBlocks();
            _blocks.Add(device.Allocate(used));
        }

        _usedInBlock = 0;
        _usedBefore = 0;
    }

    /// <inheritdoc/>
    public void Dispose() => FreeBlocks();

    private void FreeBlocks()
    {
        foreach (var block in _blocks)
        {
            block.Dispose();
        }

        _blocks.Clear();
    }
}
