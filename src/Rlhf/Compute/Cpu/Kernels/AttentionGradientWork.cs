using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>
/// A worker's copies of one key head of one sequence (a prompt with one of its branches) in the forms that the backward products read, and its gradients. Keys
/// stand by position,
/// queries by row.
/// </summary>
internal readonly unsafe struct AttentionGradientWork
{
    private const int TileKeys = AttentionShape.TilePositions;

    public readonly float* KeyTiles, ValueTiles, Keys, DKeys, DValues, Queries, DOutputs, Deltas;
    public readonly int HeadWidth, Padded;

    public static long Length(AttentionShape shape, int positions) =>
        (long)Attention.RoundUp(positions, TileKeys) * ((2 * shape.HeadWidth) + (5 * Attention.RoundUp(shape.HeadWidth, 16)) + 1);

    public AttentionGradientWork(Attention.Arguments* a, int worker)
    {
        HeadWidth = a->Shape.HeadWidth;
        Padded = Attention.RoundUp(HeadWidth, 16);
        var positions = Attention.RoundUp(a->Longest, TileKeys);
        var (tiles, padded) = ((long)positions * HeadWidth, (long)positions * Padded);
        KeyTiles = a->Scratch[worker];
        ValueTiles = KeyTiles + tiles;
        Keys = ValueTiles + tiles;
        DKeys = Keys + padded;
        DValues = DKeys + padded;
        Queries = DValues + padded;
        DOutputs = Queries + padded;
        Deltas = DOutputs + padded;
    }

    /// <summary>Puts the sequence's keys and values where its positions are, with zeros up to the end of the last tile, and clears their gradients.</summary>
    public void LoadKeys(Attention.Arguments* a, SequenceSpan sequence, int keyHead)
    {
        var shape = a->Shape;
        var end = sequence.Past + sequence.Rows;
        for (var position = sequence.Past; position < end;)
        {
            var count = Math.Min(end - position, TileKeys - (position % TileKeys));
            var key = a->Qkv + ((long)(sequence.FirstRow + position - sequence.Past) * shape.RowWidth) + ((shape.Heads + keyHead) * HeadWidth);
            LoadTile(key, key + (shape.KeyValueHeads * HeadWidth), shape.RowWidth, position, count);
            position += count;
        }

        for (var position = end; position < Attention.RoundUp(end, TileKeys); position++)
        {
            for (var i = 0; i < HeadWidth; i++)
            {
                // Finite, then masked.
                KeyTiles[TileOffset(position) + (i * TileKeys)] = 0;
                ValueTiles[TileOffset(position) + (i * TileKeys)] = 0;
            }
        }

        new Span<float>(DKeys + ((long)sequence.Past * Padded), checked(sequence.Rows * Padded)).Clear();
        new Span<float>(DValues + ((long)sequence.Past * Padded), checked(sequence.Rows * Padded)).Clear();
    }

    /// <summary>Copies what asks, and clears the gradients of the queries of rows that do not.</summary>
    public void LoadQueries<T>(Attention.Arguments* a, SequenceSpan sequence, int head)
        where T : unmanaged, ILanes<T>
    {
        var shape = a->Shape;
        for (var row = 0; row < sequence.FirstQuery; row++)
        {
            new Span<float>(a->DQkv + ((long)(sequence.FirstRow + row) * shape.RowWidth) + (head * HeadWidth), HeadWidth).Clear();
        }

        for (var row = sequence.FirstQuery; row < sequence.Rows; row++)
        {
            var index = (long)(sequence.FirstRow + row);
            var dOutput = a->DOutput + (index * shape.OutputWidth) + (head * HeadWidth);
            var output = a->Output + (index * shape.OutputWidth) + (head * HeadWidth);
            var query = a->Qkv + (index * shape.RowWidth) + (head * HeadWidth);
            Attention.FetchAhead(query, shape.RowWidth, HeadWidth);
            Attention.FetchAhead(dOutput, shape.OutputWidth, HeadWidth);
            Attention.FetchAhead(output, shape.OutputWidth, HeadWidth);
            Attention.CopyPadded(query, HeadWidth, Queries + ((long)row * Padded), Padded);
            Attention.CopyPadded(dOutput, HeadWidth, DOutputs + ((long)row * Padded), Padded);
            var delta = T.Broadcast(0f);
            for (var i = 0; i < HeadWidth; i += ILanes<T>.Count)
            {
                delta = T.FusedMultiplyAdd(VectorMath.LoadFirst<T>(dOutput + i, HeadWidth - i), VectorMath.LoadFirst<T>(output + i, HeadWidth - i), delta);
            }

            Deltas[row] = T.Sum(delta);
        }
    }

    public void StoreKeyGradients(Attention.Arguments* a, SequenceSpan sequence, int keyHead)
    {
        var shape = a->Shape;
        for (var row = 0; row < sequence.Rows; row++)
        {
            var key = a->DQkv + ((long)(sequence.FirstRow + row) * shape.RowWidth) + ((shape.Heads + keyHead) * HeadWidth);
            var value = key + (shape.KeyValueHeads * HeadWidth);
            Attention.FetchAhead(key, shape.RowWidth, HeadWidth);
            Attention.FetchAhead(value, shape.RowWidth, HeadWidth);
            var place = (long)(sequence.Past + row) * Padded;
            new ReadOnlySpan<float>(DKeys + place, HeadWidth).CopyTo(new Span<float>(key, HeadWidth));
            new ReadOnlySpan<float>(DValues + place, HeadWidth).CopyTo(new Span<float>(value, HeadWidth));
        }
    }

    /// <summary>Rows of keys and values of one tile, or of a part of it.</summary>
    private void LoadTile(float* key, float* value, int rowWidth, int position, int count)
    {
        for (var row = 0; row < count; row++)
        {
            Attention.FetchAhead(key + ((long)row * rowWidth), rowWidth, HeadWidth);
            Attention.FetchAhead(value + ((long)row * rowWidth), rowWidth, HeadWidth);
            Attention.CopyPadded(key + ((long)row * rowWidth), HeadWidth, Keys + ((long)(position + row) * Padded), Padded);
        }

        Transpose.Copy(count, HeadWidth, key, rowWidth, KeyTiles + TileOffset(position), TileKeys);
        Transpose.Copy(count, HeadWidth, value, rowWidth, ValueTiles + TileOffset(position), TileKeys);
    }

    private long TileOffset(int position) => ((long)(position / TileKeys) * TileKeys * HeadWidth) + (position % TileKeys);
}
