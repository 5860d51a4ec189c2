using System.Runtime.CompilerServices;
using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

/// <summary>
/// Causal attention over packed sequences, tile by tile with an online softmax (Milakov and Gimelshein 2018; Dao 2022): no [T, T] matrix is stored. A query row meets
/// its sequence's keys in tiles of 32 from position 0 on, whether it is prefilled, decoded from the cache or trained on: its bits are the same in all three.
/// </summary>
/// <remarks>
/// Key-value memory of one sequence: for each key head, keys as tiles [capacity / 32][D][32] (a tile's 32 keys are the lanes), then values [capacity][Dp], Dp = D rounded up to 16 and filled
/// with zeros. One part of the work is one key head of one sequence with all its query heads.
/// </remarks>
internal static unsafe class Attention
{
    public const int TileKeys = 32;
    private const int ForwardRows = 8;
    private const int BackwardRows = 32;

    internal struct Arguments
    {
        public float* Qkv, KeyValues, Output, LogSumExp, DOutput, DQkv;
        public SequenceSpan* Sequences;
        public AttentionShape Shape;
        public float** Scratch;
    }

    public static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    public static long KeyValueLength(AttentionShape shape, int capacity) => shape.KeyValueHeads * HeadLength(shape, capacity);

    public static void Forward<T>(WorkerPool pool, Arguments arguments, int sequences)
        where T : unmanaged, ILanes<T>
    {
        pool.Run(&ForwardPart<T>, &arguments, sequences * arguments.Shape.KeyValueHeads);
    }

    public static void Backward<T>(WorkerPool pool, Arguments arguments, int sequences)
        where T : unmanaged, ILanes<T>
    {
        var longest = 0;
        for (var i = 0; i < sequences; i++)
        {
            longest = Math.Max(longest, arguments.Sequences[i].Rows);
        }

        arguments.Scratch = pool.Scratch(BackwardWork.Length(arguments.Shape, longest));
        pool.Run(&BackwardPart<T>, &arguments, sequences * arguments.Shape.KeyValueHeads);
    }

    private static long HeadLength(AttentionShape shape, int capacity) =>
        (long)RoundUp(capacity, TileKeys) * (shape.HeadWidth + RoundUp(shape.HeadWidth, 16));

    private static void ForwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var shape = a->Shape;
        var sequence = a->Sequences[part / shape.KeyValueHeads];
        var keyHead = part % shape.KeyValueHeads;
        var keys = a->KeyValues + sequence.Store + (keyHead * HeadLength(shape, sequence.Capacity));
        var values = keys + ((long)RoundUp(sequence.Capacity, TileKeys) * shape.HeadWidth);
        StoreKeysAndValues(a->Qkv, sequence, shape, keyHead, keys, values);
        var group = shape.Heads / shape.KeyValueHeads;
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            for (var row = 0; row < sequence.Rows; row += ForwardRows)
            {
                ForwardTile<T>(a, sequence, head, row, Math.Min(ForwardRows, sequence.Rows - row), keys, values);
            }
        }
    }

    private static void StoreKeysAndValues(float* qkv, SequenceSpan sequence, AttentionShape shape, int keyHead, float* keys, float* values)
    {
        var (d, padded) = (shape.HeadWidth, RoundUp(shape.HeadWidth, 16));
        for (var row = 0; row < sequence.Rows; row++)
        {
            var key = qkv + ((long)(sequence.FirstRow + row) * shape.RowWidth) + ((shape.Heads + keyHead) * d);
            var value = key + (shape.KeyValueHeads * d);
            var position = sequence.Past + row;
            var tile = keys + ((long)(position / TileKeys) * TileKeys * d) + (position % TileKeys);
            for (var i = 0; i < d; i++)
            {
                tile[i * TileKeys] = key[i];
            }

            CopyPadded(value, d, values + ((long)position * padded), padded);
        }
    }

    private static void CopyPadded(float* source, int width, float* destination, int padded)
    {
        new ReadOnlySpan<float>(source, width).CopyTo(new Span<float>(destination, width));
        new Span<float>(destination + width, padded - width).Clear();
    }

    /// <summary>Up to eight query rows of one head against all their keys.</summary>
    private static void ForwardTile<T>(Arguments* a, SequenceSpan sequence, int head, int firstRow, int rows, float* keys, float* values)
        where T : unmanaged, ILanes<T>
    {
        var shape = a->Shape;
        var (d, padded) = (shape.HeadWidth, RoundUp(shape.HeadWidth, 16));
        var vectors = padded / ILanes<T>.Count;
        var scale = 1f / MathF.Sqrt(d);
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
        for (var tile = 0; tile * TileKeys <= lastPosition; tile++)
        {
            TileProduct.Run<T>(rows, TileKeys / ILanes<T>.Count, d, q, shape.RowWidth, 1, keys + ((long)tile * TileKeys * d), TileKeys, scores, TileKeys, accumulate: false);
            for (var r = 0; r < rows; r++)
            {
                SoftmaxRow<T>(scores + (r * TileKeys), firstPosition + r + 1 - (tile * TileKeys), scale, sums + (r * padded), vectors, ref largest[r], ref total[r]);
            }

            var present = Math.Min(TileKeys, lastPosition + 1 - (tile * TileKeys));
            TileProduct.Run<T>(rows, vectors, present, scores, TileKeys, 1, values + ((long)tile * TileKeys * padded), padded, sums, padded, accumulate: true);
        }

        for (var r = 0; r < rows; r++)
        {
            var row = (long)(sequence.FirstRow + firstRow + r);
            var output = a->Output + (row * shape.OutputWidth) + (head * d);
            var reciprocal = 1f / total[r];
            for (var i = 0; i < d; i++)
            {
                output[i] = sums[(r * padded) + i] * reciprocal;
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

    private static void BackwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var shape = a->Shape;
        var sequence = a->Sequences[part / shape.KeyValueHeads];
        var keyHead = part % shape.KeyValueHeads;
        var work = new BackwardWork(a, sequence, keyHead, worker);
        var group = shape.Heads / shape.KeyValueHeads;
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            work.LoadQueries(a, sequence, head);
            for (var row = 0; row < sequence.Rows; row += BackwardRows)
            {
                BackwardTile<T>(a, sequence, head, row, Math.Min(BackwardRows, sequence.Rows - row), work);
            }
        }

        work.StoreKeyGradients(a, sequence, keyHead);
    }

    /// <summary>
    /// With P the softmax weights: dV += P^T dO, dP = dO V^T, dS = P (dP - rowsum(dO O)) scale, dQ = dS K, dK += dS^T Q; P is recomputed from log sum exp.
    /// </summary>
    private static void BackwardTile<T>(Arguments* a, SequenceSpan sequence, int head, int firstRow, int rows, BackwardWork w)
        where T : unmanaged, ILanes<T>
    {
        var (d, padded, shape) = (w.HeadWidth, w.Padded, a->Shape);
        var vectors = padded / ILanes<T>.Count;
        var scale = 1f / MathF.Sqrt(d);
        var weights = stackalloc float[BackwardRows * TileKeys];
        var slopes = stackalloc float[BackwardRows * TileKeys];
        var dq = stackalloc float[BackwardRows * padded];
        new Span<float>(dq, BackwardRows * padded).Clear();
        var q = w.Queries + ((long)firstRow * padded);
        var dOutput = w.DOutputs + ((long)firstRow * padded);
        for (var tile = 0; tile * TileKeys < firstRow + rows; tile++)
        {
            var firstKey = tile * TileKeys;
            var present = Math.Min(TileKeys, firstRow + rows - firstKey);
            TileProduct.Run<T>(rows, 2, d, q, padded, 1, w.KeyTiles + ((long)firstKey * d), TileKeys, weights, TileKeys, accumulate: false);
            TileProduct.Run<T>(rows, 2, d, dOutput, padded, 1, w.ValueTiles + ((long)firstKey * d), TileKeys, slopes, TileKeys, accumulate: false);
            for (var r = 0; r < rows; r++)
            {
                var row = firstRow + r;
                var logSumExp = a->LogSumExp[((long)(sequence.FirstRow + row) * shape.Heads) + head];
                WeightsAndSlopes<T>(weights + (r * TileKeys), slopes + (r * TileKeys), row + 1 - firstKey, scale, logSumExp, w.Deltas[row]);
            }

            TileProduct.Run<T>(rows, vectors, present, slopes, TileKeys, 1, w.Keys + ((long)firstKey * padded), padded, dq, padded, accumulate: true);
            TileProduct.Run<T>(present, vectors, rows, weights, 1, TileKeys, dOutput, padded, w.DValues + ((long)firstKey * padded), padded, accumulate: true);
            TileProduct.Run<T>(present, vectors, rows, slopes, 1, TileKeys, q, padded, w.DKeys + ((long)firstKey * padded), padded, accumulate: true);
        }

        for (var r = 0; r < rows; r++)
        {
            var destination = a->DQkv + ((long)(sequence.FirstRow + firstRow + r) * shape.RowWidth) + (head * d);
            new ReadOnlySpan<float>(dq + (r * padded), d).CopyTo(new Span<float>(destination, d));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightsAndSlopes<T>(float* scores, float* dWeights, int visible, float scale, float logSumExp, float delta)
        where T : unmanaged, ILanes<T>
    {
        for (var j = 0; j < TileKeys; j += ILanes<T>.Count)
        {
            var score = VectorMath.LoadFirst<T>(scores + j, Math.Max(0, visible - j), float.NegativeInfinity) * T.Broadcast(scale);
            var weight = VectorMath.Exp(score - T.Broadcast(logSumExp));
            var slope = weight * (T.Load(dWeights + j) - T.Broadcast(delta)) * T.Broadcast(scale);
            T.Store(scores + j, weight);
            T.Store(dWeights + j, slope);
        }
    }

    /// <summary>A worker's copies of one key head of one sequence in the forms that the backward products read, and its gradients.</summary>
    private readonly struct BackwardWork
    {
        public readonly float* KeyTiles, ValueTiles, Keys, DKeys, DValues, Queries, DOutputs, Deltas;
        public readonly int HeadWidth, Padded;

        public static long Length(AttentionShape shape, int rows) =>
            (long)RoundUp(rows, TileKeys) * ((2 * shape.HeadWidth) + (5 * RoundUp(shape.HeadWidth, 16)) + 1);

        public BackwardWork(Arguments* a, SequenceSpan sequence, int keyHead, int worker)
        {
            var shape = a->Shape;
            HeadWidth = shape.HeadWidth;
            Padded = RoundUp(HeadWidth, 16);
            var rows = RoundUp(sequence.Rows, TileKeys);
            var (tiles, padded) = ((long)rows * HeadWidth, (long)rows * Padded);
            KeyTiles = a->Scratch[worker];
            ValueTiles = KeyTiles + tiles;
            Keys = ValueTiles + tiles;
            DKeys = Keys + padded;
            DValues = DKeys + padded;
            Queries = DValues + padded;
            DOutputs = Queries + padded;
            Deltas = DOutputs + padded;
            new Span<float>(KeyTiles, checked((int)(2 * tiles))).Clear(); // keys past the end: finite, then masked
            new Span<float>(DKeys, checked((int)(2 * padded))).Clear();
            for (var row = 0; row < sequence.Rows; row++)
            {
                var key = a->Qkv + ((long)(sequence.FirstRow + row) * shape.RowWidth) + ((shape.Heads + keyHead) * HeadWidth);
                var value = key + (shape.KeyValueHeads * HeadWidth);
                var offset = ((long)(row / TileKeys) * TileKeys * HeadWidth) + (row % TileKeys);
                for (var i = 0; i < HeadWidth; i++)
                {
                    KeyTiles[offset + (i * TileKeys)] = key[i];
                    ValueTiles[offset + (i * TileKeys)] = value[i];
                }

                CopyPadded(key, HeadWidth, Keys + ((long)row * Padded), Padded);
            }
        }

        public void LoadQueries(Arguments* a, SequenceSpan sequence, int head)
        {
            var shape = a->Shape;
            for (var row = 0; row < sequence.Rows; row++)
            {
                var index = (long)(sequence.FirstRow + row);
                var dOutput = a->DOutput + (index * shape.OutputWidth) + (head * HeadWidth);
                var output = a->Output + (index * shape.OutputWidth) + (head * HeadWidth);
                CopyPadded(a->Qkv + (index * shape.RowWidth) + (head * HeadWidth), HeadWidth, Queries + ((long)row * Padded), Padded);
                CopyPadded(dOutput, HeadWidth, DOutputs + ((long)row * Padded), Padded);
                var delta = 0f;
                for (var i = 0; i < HeadWidth; i++)
                {
                    delta += dOutput[i] * output[i];
                }

                Deltas[row] = delta;
            }
        }

        public void StoreKeyGradients(Arguments* a, SequenceSpan sequence, int keyHead)
        {
            var shape = a->Shape;
            for (var row = 0; row < sequence.Rows; row++)
            {
                var key = a->DQkv + ((long)(sequence.FirstRow + row) * shape.RowWidth) + ((shape.Heads + keyHead) * HeadWidth);
                var value = key + (shape.KeyValueHeads * HeadWidth);
                new ReadOnlySpan<float>(DKeys + ((long)row * Padded), HeadWidth).CopyTo(new Span<float>(key, HeadWidth));
                new ReadOnlySpan<float>(DValues + ((long)row * Padded), HeadWidth).CopyTo(new Span<float>(value, HeadWidth));
            }
        }
    }
}
