using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>
/// The keys and values of one key head of one sequence, addressed by position; before the first stored position there is nothing. Keys stand as tiles [capacity
/// / 32][D][32] (a tile's 32
/// keys are the lanes), then values [capacity][Dp], Dp = D rounded up to 16 and filled with zeros.
/// </summary>
/// <typeparam name="TNumber">float, or ushort for bfloat16. Numbers of a row are rounded to what is stored where they come from, too: forward and backward
/// passes read the same.</typeparam>
[SkipLocalsInit]
internal readonly unsafe struct HeadMemory<TNumber>
    where TNumber : unmanaged
{
    private const int TileKeys = AttentionShape.TilePositions;

    private readonly TNumber* _keys;
    private readonly TNumber* _values;
    private readonly int _width;
    private readonly int _padded;

    private HeadMemory(TNumber* keys, TNumber* values, int width, int padded)
    {
        _keys = keys;
        _values = values;
        (_width, _padded) = (width, padded);
    }

    /// <summary>Numbers of one head's memory.</summary>
    public static long Length(AttentionShape shape, int capacity) =>
        (long)Attention.RoundUp(capacity, TileKeys) * (shape.HeadWidth + Attention.RoundUp(shape.HeadWidth, 16));

    /// <summary>Finds a head in its sequence's memory.</summary>
    public static HeadMemory<TNumber> Of(float* store, AttentionShape shape, int keyHead, int capacity, int firstStored)
    {
        var (d, padded) = (shape.HeadWidth, Attention.RoundUp(shape.HeadWidth, 16));
        var keys = (TNumber*)store + (keyHead * Length(shape, capacity));
        var values = keys + ((long)Attention.RoundUp(capacity, TileKeys) * d);
        return new HeadMemory<TNumber>(keys - ((long)firstStored * d), values - ((long)firstStored * padded), d, padded);
    }

    /// <summary>Where the tile of keys begins that <paramref name="position"/> lies in.</summary>
    public TNumber* Tile(int position) => _keys + ((long)(position / TileKeys) * TileKeys * _width);

    /// <summary>Where a position's value is.</summary>
    public TNumber* Value(int position) => _values + ((long)position * _padded);

    /// <summary>Copies positions [from, to) with the whole tiles of keys in which they lie; from is a tile's first.</summary>
    public void CopyTo(HeadMemory<TNumber> destination, int from, int to)
    {
        var keys = (long)(Attention.RoundUp(to, TileKeys) - from) * _width * sizeof(TNumber);
        var values = (long)(to - from) * _padded * sizeof(TNumber);
        Buffer.MemoryCopy(Tile(from), destination.Tile(from), keys, keys);
        Buffer.MemoryCopy(Value(from), destination.Value(from), values, values);
    }

    /// <summary>Stores rows of keys and values, <paramref name="rowWidth"/> numbers from one to the next, from <paramref name="position"/> on.</summary>
    public void Store(int position, int rows, float* key, float* value, int rowWidth)
    {
        for (var stored = 0; stored < rows;)
        {
            var count = Math.Min(rows - stored, TileKeys - ((position + stored) % TileKeys));
            var offset = (long)stored * rowWidth;
            StoreValues(position + stored, count, key + offset, value + offset, rowWidth, rows - stored);
            StoreKeys(position + stored, count, key + offset, rowWidth);
            stored += count;
        }
    }

    /// <summary>Values of a tile's positions. Where they are kept rounded, the rows that they come from are rounded first, keys as well.</summary>
    private void StoreValues(int position, int count, float* key, float* value, int rowWidth, int rowsLeft)
    {
        for (var row = 0; row < count; row++, key += rowWidth, value += rowWidth)
        {
            if (row + Attention.RowsAhead < rowsLeft)
            {
                Attention.FetchAhead(key, rowWidth, _width);
                Attention.FetchAhead(value, rowWidth, _width);
            }

            var destination = Value(position + row);
            if (typeof(TNumber) == typeof(ushort))
            {
                BFloat16.RoundInPlace(key, _width);
                BFloat16.RoundInPlace(value, _width);
                BFloat16.Convert(value, (ushort*)destination, _width);
            }
            else
            {
                new ReadOnlySpan<float>(value, _width).CopyTo(new Span<float>(destination, _width));
            }

            new Span<TNumber>(destination + _width, _padded - _width).Clear();
        }
    }

    /// <summary>Keys of one tile, or of a part of it.</summary>
    private void StoreKeys(int position, int count, float* key, int rowWidth)
    {
        var tile = Tile(position) + (position % TileKeys);
        if (typeof(TNumber) == typeof(float))
        {
            Transpose.Copy(count, _width, key, rowWidth, (float*)tile, TileKeys);
        }
        else if (count == TileKeys)
        {
            var transposed = stackalloc float[_width * TileKeys];
            Transpose.Copy(count, _width, key, rowWidth, transposed, TileKeys);
            BFloat16.Convert(transposed, (ushort*)tile, _width * TileKeys);
        }
        else
        {
            ScatterKeys(count, (uint*)key, rowWidth, (ushort*)tile);
        }
    }

    /// <summary>Keys that are rounded already: what a bfloat16 keeps of them is the upper half.</summary>
    private void ScatterKeys(int count, uint* key, int rowWidth, ushort* tile)
    {
        for (var row = 0; row < count; row++, key += rowWidth)
        {
            for (var i = 0; i < _width; i++)
            {
                tile[(i * TileKeys) + row] = (ushort)(key[i] >> 16);
            }
        }
    }
}
