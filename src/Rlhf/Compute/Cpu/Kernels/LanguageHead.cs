using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>
/// The fused language head: logits of a block of rows for a chunk of the vocabulary, folded at once into log sum exp, entropy and the target's logit, so
/// [R, V] is never stored; the backward pass recomputes a chunk. Chunks start at fixed columns: a row's bits do not depend on the batch.
/// </summary>
internal static unsafe class LanguageHead
{
    public const int ChunkColumns = 1024;
    public const int BlockRows = 512;

    /// <summary>What one row has gathered from the chunks so far, relative to the largest logit.</summary>
    internal struct RowState
    {
        public float Largest, Sum, WeightedSum, TargetLogit;
    }

    internal struct Arguments
    {
        public float* Logits;
        public long LogitStride;
        public int* Targets;
        public int Rows, FirstColumn, Columns;
        public float InverseTemperature, Cap;
        public RowState* States;
        public float* LogProbabilities, Entropies, LogSumExp, DLogProbabilities, DEntropies;

        /// <summary>The block of rows from <paramref name="first"/> on for the chunk from <paramref name="column"/> on. Kept logits stand chunk by chunk, each
        /// [R, columns].</summary>
        public readonly Arguments Block(int first, int column, int vocabulary, float* keptLogits)
        {
            var block = this;
            block.Rows = Math.Min(BlockRows, Rows - first);
            block.FirstColumn = column;
            block.Columns = Math.Min(ChunkColumns, vocabulary - column);
            block.LogitStride = block.Columns;
            block.Logits = keptLogits == null ? null : keptLogits + ((long)column * Rows) + ((long)first * block.Columns);
            block.Targets += first;
            block.States = From(States, first);
            block.Entropies = From(Entropies, first);
            block.LogSumExp = From(LogSumExp, first);
            block.DLogProbabilities = From(DLogProbabilities, first);
            block.DEntropies = From(DEntropies, first);
            return block;
        }

        private static TNumber* From<TNumber>(TNumber* numbers, int first)
            where TNumber : unmanaged => numbers == null ? null : numbers + first;
    }

    /// <summary>Folds a chunk of logits into the rows' states.</summary>
    public static void Fold<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T> => pool.Run(&FoldRows<T>, &arguments, RowParts.Count(arguments.Rows, arguments.Columns));

    /// <summary>Turns a chunk of logits into their gradients.</summary>
    public static void Differentiate<T>(WorkerPool pool, Arguments arguments, float cap)
        where T : unmanaged, ILanes<T>
    {
        arguments.Cap = cap;
        pool.Run(&DifferentiateRows<T>, &arguments, RowParts.Count(arguments.Rows, arguments.Columns));
    }

    /// <summary>Before the first chunk.</summary>
    public static void Begin(RowState* states, int rows)
    {
        for (var row = 0; row < rows; row++)
        {
            states[row] = new RowState { Largest = float.NegativeInfinity, TargetLogit = float.NaN };
        }
    }

    /// <summary>After the last chunk: log p = target - lse, entropy = lse - sum(p logit).</summary>
    public static void Finish(Arguments a)
    {
        for (var row = 0; row < a.Rows; row++)
        {
            var state = a.States[row];
            var logSumExp = state.Largest + (float)Math.Log(state.Sum);
            a.LogProbabilities[row] = state.TargetLogit - logSumExp;
            if (a.Entropies != null)
            {
                a.Entropies[row] = logSumExp - (state.WeightedSum / state.Sum);
            }

            if (a.LogSumExp != null)
            {
                a.LogSumExp[row] = logSumExp;
            }
        }
    }

    private static void FoldRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Columns);
        var scale = T.Broadcast(a->InverseTemperature);
        for (var row = first; row < end; row++)
        {
            var logits = a->Logits + (row * a->LogitStride);
            var largest = T.Broadcast(float.NegativeInfinity);
            for (var c = 0; c < a->Columns; c += ILanes<T>.Count)
            {
                largest = T.Max(largest, VectorMath.LoadFirst<T>(logits + c, a->Columns - c, float.NegativeInfinity) * scale);
            }

            ref var state = ref a->States[row];
            var chunkLargest = T.Largest(largest);
            var newLargest = chunkLargest > state.Largest ? chunkLargest : state.Largest;
            var shrink = T.Largest(VectorMath.Exp(T.Broadcast(state.Largest - newLargest)));
            var (sum, weighted) = (T.Broadcast(0f), T.Broadcast(0f));
            for (var c = 0; c < a->Columns; c += ILanes<T>.Count)
            {
                // Lanes past the end get a logit whose weight is exactly zero; it must be finite, because zero times infinity is not zero.
                var logit = VectorMath.LoadFirst<T>(logits + c, a->Columns - c, -1e30f) * scale;
                var weight = VectorMath.Exp(logit - T.Broadcast(newLargest));
                sum += weight;
                weighted = T.FusedMultiplyAdd(weight, logit, weighted);
            }

            state.Sum = (state.Sum * shrink) + T.Sum(sum);
            state.WeightedSum = (state.WeightedSum * shrink) + T.Sum(weighted);
            state.Largest = newLargest;
            var target = a->Targets[row] - a->FirstColumn;
            if (target >= 0 && target < a->Columns)
            {
                state.TargetLogit = logits[target] * a->InverseTemperature;
            }
        }
    }

    /// <summary>d/d logit_j of log p(target) is [j = target] - p_j; of the entropy, -p_j (log p_j + H).</summary>
    private static void DifferentiateRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Columns);
        var scale = T.Broadcast(a->InverseTemperature);
        for (var row = first; row < end; row++)
        {
            var logits = a->Logits + (row * a->LogitStride);
            var logSumExp = T.Broadcast(a->LogSumExp[row]);
            var dLog = T.Broadcast(-a->DLogProbabilities[row] * a->InverseTemperature);
            var dEntropy = T.Broadcast(a->DEntropies == null ? 0f : -a->DEntropies[row] * a->InverseTemperature);
            var entropy = T.Broadcast(a->DEntropies == null ? 0f : a->Entropies[row]);
            var target = a->Targets[row] - a->FirstColumn;
            var hasTarget = target >= 0 && target < a->Columns;
            var targetLogit = hasTarget ? logits[target] : 0f;
            for (var c = 0; c < a->Columns; c += ILanes<T>.Count)
            {
                var logProbability = (VectorMath.LoadFirst<T>(logits + c, a->Columns - c) * scale) - logSumExp;
                var slope = T.FusedMultiplyAdd(dEntropy, logProbability + entropy, dLog);
                if (a->Cap > 0)
                {
                    slope *= CapSlope(VectorMath.LoadFirst<T>(logits + c, a->Columns - c), a->Cap);
                }

                VectorMath.StoreFirst(logits + c, a->Columns - c, VectorMath.Exp(logProbability) * slope);
            }

            if (hasTarget)
            {
                var capSlope = a->Cap > 0 ? T.Largest(CapSlope(T.Broadcast(targetLogit), a->Cap)) : 1f;
                logits[target] += a->DLogProbabilities[row] * a->InverseTemperature * capSlope;
            }
        }
    }

    /// <summary>d capped / d logit = 1 - (capped / cap)^2.</summary>
    private static T CapSlope<T>(T capped, float cap)
        where T : unmanaged, ILanes<T>
    {
        var tanh = capped * T.Broadcast(1f / cap);
        return T.Broadcast(1f) - (tanh * tanh);
    }
}
