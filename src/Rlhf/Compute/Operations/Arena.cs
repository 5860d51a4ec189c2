namespace Rlhf.Compute.Operations;

/// <summary>
/// Device memory handed out from the front and given back all at once: a training step takes its activations from here. A step that needs more than any before
/// it gets further blocks, which
/// are then replaced by one of the size that was needed: a steady step allocates nothing and touches the memory that the one before touched.
/// </summary>
public sealed class Arena(IDevice device) : IDisposable
{
    private const int Alignment = 16; // floats: one cache line
    private const long SmallestBlock = 1 << 20;
    private readonly List<DeviceMemory> _blocks = [];
    private int _block; // the one in use
    private long _usedInBlock;
    private long _usedBefore; // in the blocks before it
    private long _mostUsed;
    private (int Block, long UsedInBlock, long UsedBefore) _kept; // up to here nothing is given back

    /// <summary>Numbers handed out since the last <see cref="Reset"/>.</summary>
    public long Used => _usedBefore + _usedInBlock;

    /// <summary>Bytes that are held and were never handed out: such memory is not resident.</summary>
    public long UntouchedBytes => sizeof(float) * (Capacity - Math.Max(_mostUsed, Used));

    /// <summary>Numbers held, used or not.</summary>
    public long Capacity => _blocks.Sum(static block => block.Floats.Length);

    private long LargestBlock
    {
        get
        {
            var largest = 0L;
            foreach (var block in _blocks)
            {
                largest = Math.Max(largest, block.Floats.Length);
            }

            return largest;
        }
    }

    /// <summary>Hands out <paramref name="length"/> numbers with undefined content.</summary>
    public FloatBuffer Take(long length)
    {
        var rounded = (length + Alignment - 1) / Alignment * Alignment;
        if (Used == 0 && LargestBlock < rounded)
        {
            Dispose(); // nobody has a part of them, and none of them will do
        }

        while (_block < _blocks.Count && _usedInBlock + rounded > _blocks[_block].Floats.Length)
        {
            _usedBefore += _usedInBlock;
            _usedInBlock = 0;
            _block++;
        }

        if (_block == _blocks.Count)
        {
            _blocks.Add(device.Allocate(Math.Max(rounded, Math.Max(SmallestBlock, Capacity / 2))));
        }

        var buffer = _blocks[_block].Floats.Slice(_usedInBlock, length);
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

    /// <summary>Has <see cref="Reset"/> leave what was taken so far, until <see cref="Release"/>.</summary>
    public void Keep() => _kept = (_block, _usedInBlock, _usedBefore);

    /// <summary>Gives everything back, what was kept too.</summary>
    public void Release()
    {
        _kept = default;
        Reset();
    }

    /// <summary>Gives everything back that is not kept.</summary>
    public void Reset()
    {
        _mostUsed = Math.Max(_mostUsed, Used);
        (_block, _usedInBlock, _usedBefore) = _kept;
        if (_blocks.Count > 1 && _kept == default)
        {
            // Their ends, too short for what came next, would stand unused, and differ from step to step.
            Dispose();
            _blocks.Add(device.Allocate(_mostUsed));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in _blocks)
        {
            block.Dispose();
        }

        _blocks.Clear();
    }
}
