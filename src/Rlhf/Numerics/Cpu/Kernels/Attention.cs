using System.Runtime.CompilerServices;
using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

/// <summary>
/// Causal attention over packed sequences, tile by tile with an online softmax (Milakov and Gimelshein 2018; Dao 2022): no [T, T] matrix is stored. A query row meets
/// its sequence's keys in tiles of 32 from position 0 on, whether it is prefilled, decoded from the cache or trained on: its bits are the same in all three.
/// </summary>
/// <remarks>
/// Key-value memory of one sequence: for each key head, keys as tiles [capacity / 32][D][32] (a tile's 32 keys are the lanes), then values [capacity][Dp], Dp = D rounded up to 16 and filled
/// with zeros. One part of the work is one key head of one sequence with all its query heads. A branch meets its prompt's tiles where they stand; only the tile in which its first own
/// position lies is its own, with the prompt's last positions copied there: so its queries meet the tiles that they would meet in a sequence of their own.
/// </remarks>
internal static unsafe class Attention
{
    public const int TileKeys = AttentionShape.TilePositions;
    private const int ForwardRows = 8;
    private const int BackwardRows = 32;
    private const int RowsAhead = 8; // fetched: one head's part of the next rows is a few lines, far apart

    internal struct Arguments
    {
        public float* Qkv, KeyValues, Output, LogSumExp, DOutput, DQkv;
        public SequenceSpan* Sequences;
        public int Count, Longest; // spans; positions of the longest of them
        public bool Branches; // which of the two: branches, or the sequences that they may go on from
        public AttentionShape Shape;
        public float** Scratch;
    }

    public static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    public static long KeyValueLength(AttentionShape shape, int capacity) => shape.KeyValueHeads * HeadLength(shape, capacity);

    /// <summary>First the sequences that stand alone or have branches, then the branches, which read the former's keys.</summary>
    public static void Forward<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T>
    {
        var parts = arguments.Count * arguments.Shape.KeyValueHeads;
        pool.Run(&ForwardPart<T>, &arguments, parts);
        for (var i = 0; i < arguments.Count && !arguments.Branches; i++)
        {
            arguments.Branches = arguments.Sequences[i].Prefix >= 0;
        }

        if (arguments.Branches)
        {
            pool.Run(&ForwardPart<T>, &arguments, parts);
        }
    }

    public static void Backward<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T>
    {
        var longest = 0;
        for (var i = 0; i < arguments.Count; i++)
        {
            longest = Math.Max(longest, arguments.Sequences[i].Past + arguments.Sequences[i].Rows);
        }

        arguments.Longest = longest;
        arguments.Scratch = pool.Scratch(BackwardWork.Length(arguments.Shape, longest));
        pool.Run(&BackwardPart<T>, &arguments, arguments.Count * arguments.Shape.KeyValueHeads);
    }

    /// <summary>Copies the first positions of one sequence's memory, whole tiles of keys, to another's.</summary>
    public static void CopyKeyValues(float* source, float* destination, AttentionShape shape, int capacity, int positions)
    {
        for (var keyHead = 0; keyHead < shape.KeyValueHeads; keyHead++)
        {
            var from = HeadMemory.Of(source, shape, keyHead, capacity, 0);
            CopyTiles(from, HeadMemory.Of(destination, shape, keyHead, capacity, 0), shape.HeadWidth, 0, positions);
        }
    }

    private static long HeadLength(AttentionShape shape, int capacity) =>
        (long)RoundUp(capacity, TileKeys) * (shape.HeadWidth + RoundUp(shape.HeadWidth, 16));

    private static void ForwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var shape = a->Shape;
        var sequence = a->Sequences[part / shape.KeyValueHeads];
        if (sequence.Prefix >= 0 != a->Branches)
        {
            return;
        }

        var keyHead = part % shape.KeyValueHeads;
        var own = HeadMemory.Of(a->KeyValues + sequence.Store, shape, keyHead, sequence.Capacity, sequence.FirstStored);
        var prompt = own;
        if (a->Branches)
        {
            var prefix = a->Sequences[sequence.Prefix];
            prompt = HeadMemory.Of(a->KeyValues + prefix.Store, shape, keyHead, prefix.Capacity, 0);
            CopyTiles(prompt, own, shape.HeadWidth, sequence.FirstStored, sequence.Past);
        }

        StoreKeysAndValues(a->Qkv, sequence, shape, keyHead, own);
        var group = shape.Heads / shape.KeyValueHeads;
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            for (var row = 0; row < sequence.Rows; row += ForwardRows)
            {
                ForwardTile<T>(a, sequence, head, row, Math.Min(ForwardRows, sequence.Rows - row), prompt, own);
            }
        }
    }

    /// <summary>Positions [from, to) with the whole tiles of keys in which they lie; from is a tile's first.</summary>
    private static void CopyTiles(HeadMemory source, HeadMemory destination, int width, int from, int to)
    {
        var padded = RoundUp(width, 16);
        var keys = (long)(RoundUp(to, TileKeys) - from) * width;
        var values = (long)(to - from) * padded;
        Buffer.MemoryCopy(source.Keys + ((long)from * width), destination.Keys + ((long)from * width), keys * sizeof(float), keys * sizeof(float));
        Buffer.MemoryCopy(source.Values + ((long)from * padded), destination.Values + ((long)from * padded), values * sizeof(float), values * sizeof(float));
    }

    private static void StoreKeysAndValues(float* qkv, SequenceSpan sequence, AttentionShape shape, int keyHead, HeadMemory memory)
    {
        var (d, padded) = (shape.HeadWidth, RoundUp(shape.HeadWidth, 16));
        for (var row = 0; row < sequence.Rows; row++)
        {
            var key = qkv + ((long)(sequence.FirstRow + row) * shape.RowWidth) + ((shape.Heads + keyHead) * d);
            var value = key + (shape.KeyValueHeads * d);
            if (row + RowsAhead < sequence.Rows)
            {
                FetchAhead(key, shape.RowWidth, d);
                FetchAhead(value, shape.RowWidth, d);
            }

            var position = sequence.Past + row;
            var tile = memory.Keys + ((long)(position / TileKeys) * TileKeys * d) + (position % TileKeys);
            for (var i = 0; i < d; i++)
            {
                tile[i * TileKeys] = key[i];
            }

            CopyPadded(value, d, memory.Values + ((long)position * padded), padded);
        }
    }

    private static void FetchAhead(float* row, int rowWidth, int count) => Fetch.Row(row + ((long)RowsAhead * rowWidth), count);

    private static void CopyPadded(float* source, int width, float* destination, int padded)
    {
        new ReadOnlySpan<float>(source, width).CopyTo(new Span<float>(destination, width));
        new Span<float>(destination + width, padded - width).Clear();
    }

    /// <summary>Up to eight query rows of one head against all their keys: those before the sequence's own memory are the prompt's.</summary>
    private static void ForwardTile<T>(Arguments* a, SequenceSpan sequence, int head, int firstRow, int rows, HeadMemory prompt, HeadMemory own)
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
            var memory = tile * TileKeys < sequence.FirstStored ? prompt : own;
            TileProduct.Run<T>(rows, TileKeys / ILanes<T>.Count, d, q, shape.RowWidth, 1, memory.Keys + ((long)tile * TileKeys * d), TileKeys, scores, TileKeys, accumulate: false);
            for (var r = 0; r < rows; r++)
            {
                SoftmaxRow<T>(scores + (r * TileKeys), firstPosition + r + 1 - (tile * TileKeys), scale, sums + (r * padded), vectors, ref largest[r], ref total[r]);
            }

            var present = Math.Min(TileKeys, lastPosition + 1 - (tile * TileKeys));
            TileProduct.Run<T>(rows, vectors, present, scores, TileKeys, 1, memory.Values + ((long)tile * TileKeys * padded), padded, sums, padded, accumulate: true);
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
        var first = part / shape.KeyValueHeads;
        var sequence = a->Sequences[first];
        if (sequence.Prefix >= 0)
        {
            return; // a part of its prompt's part
        }

        var keyHead = part % shape.KeyValueHeads;
        var work = new BackwardWork(a, worker);
        BackwardQueries<T>(a, sequence, keyHead, work);
        for (var i = first + 1; i < a->Count && a->Sequences[i].Prefix == first; i++)
        {
            // The branch's keys and gradients take the places after the prompt's, where the branch before had its own.
            BackwardQueries<T>(a, a->Sequences[i], keyHead, work);
            work.StoreKeyGradients(a, a->Sequences[i], keyHead);
        }

        work.StoreKeyGradients(a, sequence, keyHead);
    }

    private static void BackwardQueries<T>(Arguments* a, SequenceSpan sequence, int keyHead, BackwardWork work)
        where T : unmanaged, ILanes<T>
    {
        work.LoadKeys(a, sequence, keyHead);
        var group = a->Shape.Heads / a->Shape.KeyValueHeads;
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            work.LoadQueries(a, sequence, head);
            for (var row = 0; row < sequence.Rows; row += BackwardRows)
            {
                BackwardTile<T>(a, sequence, head, row, Math.Min(BackwardRows, sequence.Rows - row), work);
            }
        }
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
        var firstPosition = sequence.Past + firstRow;
        for (var firstKey = 0; firstKey < firstPosition + rows; firstKey += TileKeys)
        {
            var present = Math.Min(TileKeys, firstPosition + rows - firstKey);
            TileProduct.Run<T>(rows, 2, d, q, padded, 1, w.KeyTiles + ((long)firstKey * d), TileKeys, weights, TileKeys, accumulate: false);
            TileProduct.Run<T>(rows, 2, d, dOutput, padded, 1, w.ValueTiles + ((long)firstKey * d), TileKeys, slopes, TileKeys, accumulate: false);
            for (var r = 0; r < rows; r++)
            {
                var row = firstRow + r;
                var logSumExp = a->LogSumExp[((long)(sequence.FirstRow + row) * shape.Heads) + head];
                WeightsAndSlopes<T>(weights + (r * TileKeys), slopes + (r * TileKeys), firstPosition + r + 1 - firstKey, scale, logSumExp, w.Deltas[row]);
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

    /// <summary>One key head's keys and values of one sequence, addressed by position; before the first stored position there is nothing.</summary>
    private readonly struct HeadMemory
    {
        public float* Keys { get; private init; }

        public float* Values { get; private init; }

        public static HeadMemory Of(float* store, AttentionShape shape, int keyHead, int capacity, int firstStored)
        {
            var keys = store + (keyHead * HeadLength(shape, capacity));
            var values = keys + ((long)RoundUp(capacity, TileKeys) * shape.HeadWidth);
            return new HeadMemory { Keys = keys - ((long)firstStored * shape.HeadWidth), Values = values - ((long)firstStored * RoundUp(shape.HeadWidth, 16)) };
        }
    }

    /// <summary>
    /// A worker's copies of one key head of one sequence (a prompt with one of its branches) in the forms that the backward products read, and its gradients. Keys stand by position,
    /// queries by row.
    /// </summary>
    private readonly struct BackwardWork
    {
        public readonly float* KeyTiles, ValueTiles, Keys, DKeys, DValues, Queries, DOutputs, Deltas;
        public readonly int HeadWidth, Padded;

        public static long Length(AttentionShape shape, int positions) =>
            (long)RoundUp(positions, TileKeys) * ((2 * shape.HeadWidth) + (5 * RoundUp(shape.HeadWidth, 16)) + 1);

        public BackwardWork(Arguments* a, int worker)
        {
            HeadWidth = a->Shape.HeadWidth;
            Padded = RoundUp(HeadWidth, 16);
            var positions = RoundUp(a->Longest, TileKeys);
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
        public void LoadKeys(Arguments* a, SequenceSpan sequence, int keyHead)
        {
            var shape = a->Shape;
            var end = sequence.Past + sequence.Rows;
            for (var position = sequence.Past; position < end; position++)
            {
                var key = a->Qkv + ((long)(sequence.FirstRow + position - sequence.Past) * shape.RowWidth) + ((shape.Heads + keyHead) * HeadWidth);
                var value = key + (shape.KeyValueHeads * HeadWidth);
                FetchAhead(key, shape.RowWidth, HeadWidth);
                FetchAhead(value, shape.RowWidth, HeadWidth);
                var offset = TileOffset(position);
                for (var i = 0; i < HeadWidth; i++)
                {
                    KeyTiles[offset + (i * TileKeys)] = key[i];
                    ValueTiles[offset + (i * TileKeys)] = value[i];
                }

                CopyPadded(key, HeadWidth, Keys + ((long)position * Padded), Padded);
            }

            for (var position = end; position < RoundUp(end, TileKeys); position++)
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

        public void LoadQueries(Arguments* a, SequenceSpan sequence, int head)
        {
            var shape = a->Shape;
            for (var row = 0; row < sequence.Rows; row++)
            {
                var index = (long)(sequence.FirstRow + row);
                var dOutput = a->DOutput + (index * shape.OutputWidth) + (head * HeadWidth);
                var output = a->Output + (index * shape.OutputWidth) + (head * HeadWidth);
                var query = a->Qkv + (index * shape.RowWidth) + (head * HeadWidth);
                FetchAhead(query, shape.RowWidth, HeadWidth);
                FetchAhead(dOutput, shape.OutputWidth, HeadWidth);
                FetchAhead(output, shape.OutputWidth, HeadWidth);
                CopyPadded(query, HeadWidth, Queries + ((long)row * Padded), Padded);
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
                FetchAhead(key, shape.RowWidth, HeadWidth);
                FetchAhead(value, shape.RowWidth, HeadWidth);
                var place = (long)(sequence.Past + row) * Padded;
                new ReadOnlySpan<float>(DKeys + place, HeadWidth).CopyTo(new Span<float>(key, HeadWidth));
                new ReadOnlySpan<float>(DValues + place, HeadWidth).CopyTo(new Span<float>(value, HeadWidth));
            }
        }

        private long TileOffset(int position) => ((long)(position / TileKeys) * TileKeys * HeadWidth) + (position % TileKeys);
    }
}
