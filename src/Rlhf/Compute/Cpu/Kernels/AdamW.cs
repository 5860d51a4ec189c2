using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>AdamW (Loshchilov and Hutter 2019) in one pass over parameters, gradients and both moments.</summary>
internal static unsafe class AdamWUpdate
{
    private struct Arguments
    {
        public float* P, G, M, V;
        public long Length;
        public float Keep, Beta1, Beta2, StepSize, RootCorrection, Epsilon, GradientScale;
    }

    public static void Run<T>(WorkerPool pool, in AdamW operation)
        where T : unmanaged, ILanes<T>
    {
        var step = operation.Step;

        // m^ = m / (1 - b1^t), v^ = v / (1 - b2^t); the corrections are scalars, found in float64.
        var arguments = new Arguments
        {
            P = operation.Parameters.Pointer,
            G = operation.Gradients.Pointer,
            M = operation.FirstMoments.Pointer,
            V = operation.SecondMoments.Pointer,
            Length = operation.Parameters.Length,
            Keep = (float)(1 - (step.LearningRate * step.WeightDecay)),
            Beta1 = (float)step.Beta1,
            Beta2 = (float)step.Beta2,
            StepSize = (float)(step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step))),
            RootCorrection = (float)(1 / Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step))),
            Epsilon = (float)step.Epsilon,
            GradientScale = (float)step.GradientScale,
        };
        pool.Run(&Part<T>, &arguments, RowParts.Count(operation.Parameters.Length));
    }

    private static void Part<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Length);
        var (beta1, beta2) = (T.Broadcast(a->Beta1), T.Broadcast(a->Beta2));
        var (rest1, rest2) = (T.Broadcast(1 - a->Beta1), T.Broadcast(1 - a->Beta2));
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var left = end - i;
            var g = VectorMath.LoadFirst<T>(a->G + i, left) * T.Broadcast(a->GradientScale);
            var m = T.FusedMultiplyAdd(beta1, VectorMath.LoadFirst<T>(a->M + i, left), rest1 * g);
            var v = T.FusedMultiplyAdd(beta2, VectorMath.LoadFirst<T>(a->V + i, left), rest2 * g * g);
            var denominator = T.FusedMultiplyAdd(T.SquareRoot(v), T.Broadcast(a->RootCorrection), T.Broadcast(a->Epsilon));
            var p = (VectorMath.LoadFirst<T>(a->P + i, left) * T.Broadcast(a->Keep)) - (T.Broadcast(a->StepSize) * m / denominator);
            VectorMath.StoreFirst(a->M + i, left, m);
            VectorMath.StoreFirst(a->V + i, left, v);
            VectorMath.StoreFirst(a->P + i, left, p);
        }
    }
}
