using System.Runtime.Intrinsics;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Passes over flat runs of numbers.</summary>
internal static unsafe class Flat
{
    private struct Arguments
    {
        public float* X, Y, Output;
        public double* Partial;
        public long Length;
        public float Factor;
    }

    public static void MoveTowards<T>(WorkerPool pool, FloatBuffer x, FloatBuffer target, float fraction)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { X = x.Pointer, Y = target.Pointer, Length = x.Length, Factor = fraction };
        pool.Run(&MovePart<T>, &arguments, RowParts.Count(x.Length));
    }

    /// <summary>x = factor x.</summary>
    public static void Scale<T>(WorkerPool pool, FloatBuffer x, float factor)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { X = x.Pointer, Length = x.Length, Factor = factor };
        pool.Run(&ScalePart<T>, &arguments, RowParts.Count(x.Length));
    }

    /// <summary>x = cap tanh(x / cap).</summary>
    public static void SoftCap<T>(WorkerPool pool, FloatBuffer x, float cap)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { X = x.Pointer, Length = x.Length, Factor = cap };
        pool.Run(&CapPart<T>, &arguments, RowParts.Count(x.Length));
    }

    /// <summary>output = x + y, or y alone where x is null.</summary>
    public static void Add<T>(WorkerPool pool, float* x, float* y, long length, float* output)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { X = x, Y = y, Output = output, Length = length };
        pool.Run(&SumPart<T>, &arguments, RowParts.Count(length));
    }

    /// <summary>Each part's squares are summed in float64, then the parts in order: the same bits for any number of threads.</summary>
    public static double SquaredNorm(WorkerPool pool, FloatBuffer x)
    {
        var parts = RowParts.Count(x.Length);
        var partial = (double*)pool.Scratch(2L * parts)[0];
        var arguments = new Arguments { X = x.Pointer, Partial = partial, Length = x.Length };
        pool.Run(&SquarePart, &arguments, parts);
        var sum = 0.0;
        for (var i = 0; i < parts; i++)
        {
            sum += partial[i];
        }

        return sum;
    }

    private static void MovePart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var x = VectorMath.LoadFirst<T>(a->X + i, end - i);
            var target = VectorMath.LoadFirst<T>(a->Y + i, end - i);
            VectorMath.StoreFirst(a->X + i, end - i, T.FusedMultiplyAdd(T.Broadcast(a->Factor), target - x, x));
        }
    }

    private static void ScalePart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            VectorMath.StoreFirst(a->X + i, end - i, VectorMath.LoadFirst<T>(a->X + i, end - i) * T.Broadcast(a->Factor));
        }
    }

    private static void CapPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            VectorMath.StoreFirst(a->X + i, end - i, VectorMath.SoftCap(VectorMath.LoadFirst<T>(a->X + i, end - i), a->Factor));
        }
    }

    private static void SumPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var y = VectorMath.LoadFirst<T>(a->Y + i, end - i);
            VectorMath.StoreFirst(a->Output + i, end - i, a->X == null ? y : VectorMath.LoadFirst<T>(a->X + i, end - i) + y);
        }
    }

    private static void SquarePart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Length);
        var (low, high) = (Vector512<double>.Zero, Vector512<double>.Zero);
        var i = first;
        for (; i + Vector512<float>.Count <= end; i += Vector512<float>.Count)
        {
            var (x, y) = Vector512.Widen(Vector512.Load(a->X + i));
            low += x * x;
            high += y * y;
        }

        var sum = Vector512.Sum(low + high);
        for (; i < end; i++)
        {
            sum += (double)a->X[i] * a->X[i];
        }

        a->Partial[part] = sum;
    }
}
