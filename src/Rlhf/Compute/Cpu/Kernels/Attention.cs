using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>
/// Causal attention over packed sequences, tile by tile with an online softmax (Milakov and Gimelshein 2018; Dao 2022): no [T, T] matrix is stored. A query row
/// meets
/// its sequence's keys in tiles of 32 from position 0 on, whether it is prefilled, decoded from the cache or trained on: its bits are the same in all three.
/// </summary>
/// <remarks>
/// Key-value memory of one sequence: the <see cref="HeadMemory{TNumber}"/> of each key head. One part of the work is one key head of one sequence with all its
/// query heads.
/// A branch meets its prompt's tiles where they stand; only the tile in which its first own position lies is its own, with the prompt's last positions copied
/// there: so its queries meet the tiles that they would meet in a sequence of their own.
/// </remarks>
[SkipLocalsInit]
internal static unsafe class Attention
{
    public const int TileKeys = AttentionShape.TilePositions;
    private const int ForwardRows = 8;
    public const int RowsAhead = 8; // fetched: one head's part of the next rows is a few lines, far apart

    internal struct Arguments
    {
        public float* Qkv, KeyValues, Output, LogSumExp, DOutput, DQkv;
        public SequenceSpan* Sequences;
        public int Count, Longest; // spans; positions of the longest of them
        public bool Branches; // which of the two: branches, or the sequences that they may go on from
        public AttentionShape Shape;
        public ScoreRules Rules;
        public float** Scratch;
    }

    public static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    /// <summary>Floats of one sequence's memory in which keys and values stand in <paramref name="precision"/>.</summary>
    public static long KeyValueLength(AttentionShape shape, int capacity, Precision precision) =>
        shape.KeyValueHeads * HeadMemory<float>.Length(shape, capacity) / (precision == Precision.Bf16 ? 2 : 1);

    /// <summary>First the sequences that stand alone or have branches, then the branches, which read the former's keys.</summary>
    public static void Forward<T, TNumber>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
    {
        if (arguments.Rules.IsPlain)
        {
            Forward<T, TNumber, PlainScores>(pool, arguments);
        }
        else
        {
            Forward<T, TNumber, RuledScores>(pool, arguments);
        }
    }

    private static void Forward<T, TNumber, TScores>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
        where TScores : struct, IScores
    {
        var parts = arguments.Count * arguments.Shape.KeyValueHeads;
        pool.Run(&ForwardPart<T, TNumber, TScores>, &arguments, parts);
        for (var i = 0; i < arguments.Count && !arguments.Branches; i++)
        {
            arguments.Branches = arguments.Sequences[i].Prefix >= 0;
        }

        if (arguments.Branches)
        {
            pool.Run(&ForwardPart<T, TNumber, TScores>, &arguments, parts);
        }
    }

    /// <summary>Copies whole tiles of keys.</summary>
    public static void CopyKeyValues<TNumber>(in CopyKeyValues operation)
        where TNumber : unmanaged
    {
        for (var keyHead = 0; keyHead < operation.Shape.KeyValueHeads; keyHead++)
        {
            var from = HeadMemory<TNumber>.Of(operation.Source.Pointer, operation.Shape, keyHead, operation.Capacity, 0);
            from.CopyTo(HeadMemory<TNumber>.Of(operation.Destination.Pointer, operation.Shape, keyHead, operation.Capacity, 0), 0, operation.Positions);
        }
    }

    private static void ForwardPart<T, TNumber, TScores>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
        where TScores : struct, IScores
    {
        var a = (Arguments*)arguments;
        var shape = a->Shape;
        var sequence = a->Sequences[part / shape.KeyValueHeads];
        if (sequence.Prefix >= 0 != a->Branches)
        {
            return;
        }

        var keyHead = part % shape.KeyValueHeads;
        var own = HeadMemory<TNumber>.Of(a->KeyValues + sequence.Store, shape, keyHead, sequence.Capacity, sequence.FirstStored);
        var prompt = own;
        if (a->Branches)
        {
            var prefix = a->Sequences[sequence.Prefix];
            prompt = HeadMemory<TNumber>.Of(a->KeyValues + prefix.Store, shape, keyHead, prefix.Capacity, 0);
            prompt.CopyTo(own, sequence.FirstStored, sequence.Past);
        }

        var key = a->Qkv + ((long)sequence.FirstRow * shape.RowWidth) + ((shape.Heads + keyHead) * shape.HeadWidth);
        own.Store(sequence.Past, sequence.Rows, key, key + (shape.KeyValueHeads * shape.HeadWidth), shape.RowWidth);
        var group = shape.Heads / shape.KeyValueHeads;
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            for (var row = sequence.FirstQuery; row < sequence.Rows; row += ForwardRows)
            {
                ForwardTile<T, TNumber, TScores>(a, sequence, head, row, Math.Min(ForwardRows, sequence.Rows - row), prompt, own);
            }
        }
    }

    /// <summary>Brings the part of a row near that lies <see cref="RowsAhead"/> rows after this one.</summary>
    public static void FetchAhead(float* row, int rowWidth, int count) => Fetch.Row(row + ((long)RowsAhead * rowWidth), count);

    /// <summary>A row of <paramref name="width"/> numbers, zeros behind it.</summary>
    public static void CopyPadded(float* source, int width, float* destination, int padded)
    {
        new ReadOnlySpan<float>(source, width).CopyTo(new Span<float>(destination, width));
        new Span<float>(destination + width, padded - width).Clear();
    }

    /// <summary>Up to eight query rows of one head against all their keys: those before the sequence's own memory are the prompt's.</summary>
    private static void ForwardTile<T, TNumber, TScores>(
        Arguments* a, SequenceSpan sequence, int head, int firstRow, int rows, HeadMemory<TNumber> prompt, HeadMemory<TNumber> own)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
        where TScores : struct, IScores
    {
        var shape = a->Shape;
        var (d, padded) = (shape.HeadWidth, RoundUp(shape.HeadWidth, 16));
        var vectors = padded / ILanes<T>.Count;
        var scale = a->Rules.Scale;
        var scores = stackalloc float[ForwardRows * TileKeys];
        var sums = stackalloc float[ForwardRows * padded];
        var largest = stackalloc float[ForwardRows];
        var total = stackalloc float[ForwardRows];
        new Span<float>(sums, ForwardRows * padded).Clear();
        new Span<float>(total, ForwardRows).Clear();
        new Span<float>(largest, ForwardRows).Fill(float.NegativeInfinity);
        var q = a->Qkv + ((long)(sequence.FirstRow + firstRow) * shape.RowWidth) + (head * d);
        var firstPosition = sequence.Past + firstRow;
        var lastPosition = firstPosition + rows - 1;
        for (var tile = TScores.IsPlain ? 0 : a->Rules.FirstSeen(firstPosition) / TileKeys; tile * TileKeys <= lastPosition; tile++)
        {
            var memory = tile * TileKeys < sequence.FirstStored ? prompt : own;
            TileProduct.Run<T, TNumber>(
                rows, TileKeys / ILanes<T>.Count, d, q, shape.RowWidth, 1, memory.Tile(tile * TileKeys), TileKeys, scores, TileKeys, accumulate: false);
            for (var r = 0; r < rows; r++)
            {
                var visible = firstPosition + r + 1 - (tile * TileKeys);
                if (!TScores.IsPlain)
                {
                    visible = a->Rules.Apply<T>(scores + (r * TileKeys), firstPosition + r, tile * TileKeys, head);
                }

                SoftmaxRow<T>(scores + (r * TileKeys), visible, TScores.IsPlain ? scale : 1f, sums + (r * padded), vectors, ref largest[r], ref total[r]);
            }

            var present = Math.Min(TileKeys, lastPosition + 1 - (tile * TileKeys));
            TileProduct.Run<T, TNumber>(rows, vectors, present, scores, TileKeys, 1, memory.Value(tile * TileKeys), padded, sums, padded, accumulate: true);
        }

        for (var r = 0; r < rows; r++)
        {
            var row = (long)(sequence.FirstRow + firstRow + r);
            var output = a->Output + (row * shape.OutputWidth) + (head * d);
            var reciprocal = T.Broadcast(1f / total[r]);
            for (var i = 0; i < d; i += ILanes<T>.Count)
            {
                VectorMath.StoreFirst(output + i, d - i, T.Load(sums + (r * padded) + i) * reciprocal);
            }

            if (a->LogSumExp != null)
            {
                a->LogSumExp[(row * shape.Heads) + head] = largest[r] + (float)Math.Log(total[r]);
            }
        }
    }

    /// <summary>Turns a row of a tile's scores into weights relative to the new largest score and rescales what the row has summed so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SoftmaxRow<T>(float* scores, int visible, float scale, float* sums, int vectors, ref float largest, ref float total)
        where T : unmanaged, ILanes<T>
    {
        if (visible <= 0)
        {
            new Span<float>(scores, TileKeys).Clear();
            return;
        }

        var low = VectorMath.LoadFirst<T>(scores, visible, float.NegativeInfinity) * T.Broadcast(scale);
        var high = VectorMath.LoadFirst<T>(scores + ILanes<T>.Count, Math.Max(0, visible - ILanes<T>.Count), float.NegativeInfinity) * T.Broadcast(scale);
        var tileLargest = T.Largest(T.Max(low, high));
        var newLargest = tileLargest > largest ? tileLargest : largest;
        low = VectorMath.Exp(low - T.Broadcast(newLargest));
        high = VectorMath.Exp(high - T.Broadcast(newLargest));
        T.Store(scores, low);
        T.Store(scores + ILanes<T>.Count, high);
        if (newLargest != largest)
        {
            var shrink = VectorMath.Exp(T.Broadcast(largest - newLargest));
            for (var v = 0; v < vectors; v++)
            {
                T.Store(sums + (v * ILanes<T>.Count), T.Load(sums + (v * ILanes<T>.Count)) * shrink);
            }

            total *= T.Largest(shrink);
            largest = newLargest;
        }

        total += T.Sum(low + high);
    }
}
