using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Sampling;

/// <summary>Keys and values of the sequences that are being generated: a fixed number of slots, each with room for one sequence in every block. Its memory is
/// its own, or the arena's that the caller shares: there it must be returned before others use the arena.</summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly Decoder _decoder;
    private readonly DeviceMemory? _memory;
    private readonly Arena? _arena;
    private readonly long _slotLength;
    private readonly Stack<int> _free;

    /// <summary>Room for <paramref name="slots"/> sequences of at most <paramref name="capacity"/> tokens.</summary>
    public KeyValueCache(Decoder decoder, int slots, int capacity, Arena? shared)
    {
        (_decoder, _arena) = (decoder, shared);
        Slots = slots;
        Capacity = capacity;
        _slotLength = decoder.Device.KeyValueLength(decoder.Shape, capacity);
        LayerStride = _slotLength * slots;
        if (shared is null)
        {
            _memory = decoder.Device.Allocate(LayerStride * decoder.Config.Layers);
            Memory = _memory.Floats;
        }
        else
        {
            shared.Release();
            Memory = shared.TakeZeroed(LayerStride * decoder.Config.Layers);
            shared.Keep();
        }

        _free = new Stack<int>(Enumerable.Range(0, slots).Reverse());
    }

    public int Slots { get; }

    public int Capacity { get; }

    public long LayerStride { get; }

    public FloatBuffer Memory { get; }

    public bool HasFree => _free.Count > 0;

    public int TakeSlot() => _free.Pop();

    public void GiveBack(int slot) => _free.Push(slot);

    /// <summary>Where a slot's part of a block's memory starts.</summary>
    public long StoreOf(int slot) => slot * _slotLength;

    /// <summary>Copies the keys and values of the first <paramref name="positions"/> tokens of one slot to another, in every block.</summary>
    public void Copy(int from, int to, int positions)
    {
        for (var layer = 0; layer < _decoder.Config.Layers; layer++)
        {
            var block = Memory.Slice(layer * LayerStride, LayerStride);
            _decoder.Device.CopyKeyValues(
                new(block.Slice(StoreOf(from), _slotLength), block.Slice(StoreOf(to), _slotLength), _decoder.Shape, Capacity, positions));
        }
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _arena?.Release();
    }
}
