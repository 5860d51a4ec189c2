using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>The backward pass of <see cref="Attention"/>, tile by tile as the forward pass: softmax weights are computed again from what it kept (Dao 2022).
/// One part of the work is one
/// key head of one sequence, with all branches that go on from it.</summary>
[SkipLocalsInit]
internal static unsafe class AttentionGradient
{
    private const int TileKeys = AttentionShape.TilePositions;
    private const int Rows = 32;

    public static void Run<T>(WorkerPool pool, Attention.Arguments arguments)
        where T : unmanaged, ILanes<T>
    {
        var longest = 0;
        for (var i = 0; i < arguments.Count; i++)
        {
            longest = Math.Max(longest, arguments.Sequences[i].Past + arguments.Sequences[i].Rows);
        }

        arguments.Longest = longest;
        arguments.Scratch = pool.Scratch(AttentionGradientWork.Length(arguments.Shape, longest));
        pool.Run(arguments.Rules.IsPlain ? &Part<T, PlainScores> : &Part<T, RuledScores>, &arguments, arguments.Count * arguments.Shape.KeyValueHeads);
    }

    private static void Part<T, TScores>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
        where TScores : struct, IScores
    {
        var a = (Attention.Arguments*)arguments;
        var shape = a->Shape;
        var first = part / shape.KeyValueHeads;
        var sequence = a->Sequences[first];
        if (sequence.Prefix >= 0)
        {
            return; // a part of its prompt's part
        }

        var keyHead = part % shape.KeyValueHeads;
        var work = new AttentionGradientWork(a, worker);
        Queries<T, TScores>(a, sequence, keyHead, work);
        for (var i = first + 1; i < a->Count && a->Sequences[i].Prefix == first; i++)
        {
            // The branch's keys and gradients take the places after the prompt's, where the branch before had its own.
            Queries<T, TScores>(a, a->Sequences[i], keyHead, work);
            work.StoreKeyGradients(a, a->Sequences[i], keyHead);
        }

        work.StoreKeyGradients(a, sequence, keyHead);
    }

    private static void Queries<T, TScores>(Attention.Arguments* a, SequenceSpan sequence, int keyHead, AttentionGradientWork work)
        where T : unmanaged, ILanes<T>
        where TScores : struct, IScores
    {
        work.LoadKeys(a, sequence, keyHead);
        var group = a->Shape.Heads / a->Shape.KeyValueHeads;
        for (var head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            work.LoadQueries<T>(a, sequence, head);
            for (var row = sequence.FirstQuery; row < sequence.Rows; row += Rows)
            {
                Tile<T, TScores>(a, sequence, head, row, Math.Min(Rows, sequence.Rows - row), work);
            }
        }
    }

    /// <summary>
    /// With P the softmax weights: dV += P^T dO, dP = dO V^T, dS = P (dP - rowsum(dO O)) scale, dQ = dS K, dK += dS^T Q; P is recomputed from log sum exp.
    /// </summary>
    private static void Tile<T, TScores>(Attention.Arguments* a, SequenceSpan sequence, int head, int firstRow, int rows, AttentionGradientWork w)
        where T : unmanaged, ILanes<T>
        where TScores : struct, IScores
    {
        var (d, padded, shape) = (w.HeadWidth, w.Padded, a->Shape);
        var vectors = padded / ILanes<T>.Count;
        var scale = a->Rules.Scale;
        var weights = stackalloc float[Rows * TileKeys];
        var slopes = stackalloc float[Rows * TileKeys];
        var dq = stackalloc float[Rows * padded];
        new Span<float>(dq, Rows * padded).Clear();
        var q = w.Queries + ((long)firstRow * padded);
        var dOutput = w.DOutputs + ((long)firstRow * padded);
        var firstPosition = sequence.Past + firstRow;
        var firstSeen = TScores.IsPlain ? 0 : a->Rules.FirstSeen(firstPosition) / TileKeys * TileKeys;
        for (var firstKey = firstSeen; firstKey < firstPosition + rows; firstKey += TileKeys)
        {
            var present = Math.Min(TileKeys, firstPosition + rows - firstKey);
            TileProduct.Run<T, float>(rows, 2, d, q, padded, 1, w.KeyTiles + ((long)firstKey * d), TileKeys, weights, TileKeys, accumulate: false);
            TileProduct.Run<T, float>(rows, 2, d, dOutput, padded, 1, w.ValueTiles + ((long)firstKey * d), TileKeys, slopes, TileKeys, accumulate: false);
            for (var r = 0; r < rows; r++)
            {
                var row = firstRow + r;
                var logSumExp = a->LogSumExp[((long)(sequence.FirstRow + row) * shape.Heads) + head];
                if (TScores.IsPlain)
                {
                    WeightsAndSlopes<T>(weights + (r * TileKeys), slopes + (r * TileKeys), firstPosition + r + 1 - firstKey, scale, logSumExp, w.Deltas[row]);
                }
                else
                {
                    a->Rules.WeightsAndSlopes<T>(
                        weights + (r * TileKeys), slopes + (r * TileKeys), firstPosition + r, firstKey, head, logSumExp, w.Deltas[row]);
                }
            }

            TileProduct.Run<T, float>(rows, vectors, present, slopes, TileKeys, 1, w.Keys + ((long)firstKey * padded), padded, dq, padded, accumulate: true);
            TileProduct.Run<T, float>(
                present, vectors, rows, weights, 1, TileKeys, dOutput, padded, w.DValues + ((long)firstKey * padded), padded, accumulate: true);
            TileProduct.Run<T, float>(present, vectors, rows, slopes, 1, TileKeys, q, padded, w.DKeys + ((long)firstKey * padded), padded, accumulate: true);
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
}
