using System.Runtime.InteropServices;
using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Memory;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;
using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Cpu;

/// <summary>The operations on one instruction set: checks sizes, then calls the static kernels.</summary>
/// <typeparam name="T">The lanes that the kernels are compiled for.</typeparam>
/// <typeparam name="TTile">The inner product of float32 matrices.</typeparam>
internal sealed unsafe partial class CpuDevice<T, TTile> : IDevice
    where T : unmanaged, ILanes<T>
    where TTile : IMatMulTile
{
    private readonly InstructionSet _instructionSet;
    private readonly OneDnnLibrary? _library; // for bfloat16
    private readonly WorkerPool _pool;
    private readonly IMatrixProducts _products;
    private readonly Workspace _packed = new();
    private readonly Workspace _chunk = new();
    private readonly Workspace _logits = new();
    private readonly Workspace _states = new();
    private long _allocated; // bytes; owners free from any thread

    public CpuDevice(int threads, InstructionSet instructionSet, Precision precision)
    {
        (_instructionSet, Precision) = (instructionSet, precision);
        _library = precision == Precision.Bf16 ? OneDnnLibrary.Require() : null;
        _pool = new WorkerPool(threads);
        _products = _library is null ? new Float32Products<T, TTile>(_pool) : new BFloat16Products<T>(_pool, _library);
    }

    public Precision Precision { get; }

    public string Description =>
        $"CPU, {_instructionSet.ToString().ToLowerInvariant()}, {_pool.Threads} thread{(_pool.Threads == 1 ? "" : "s")}{(_library is null ? "" : $", bf16 by oneDNN {_library.Version}")}";

    public int Threads => _pool.Threads;

    public long HeldBytes => Interlocked.Read(ref _allocated) + _packed.Bytes + _chunk.Bytes + _products.HeldBytes + _logits.Bytes + _states.Bytes;

    public void ForEach(int parts, Action<int, int> work)
    {
        var handle = GCHandle.Alloc(work);
        try
        {
            _pool.Run(&Call, (void*)GCHandle.ToIntPtr(handle), parts);
        }
        finally
        {
            handle.Free();
        }
    }

    public DeviceMemory Allocate(long floats)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(floats);
        var bytes = checked(floats * sizeof(float));
        var memory = CpuMemory.Allocate(bytes);
        GC.AddMemoryPressure(bytes);
        Interlocked.Add(ref _allocated, bytes);
        return new DeviceMemory(new FloatBuffer(memory, floats), buffer =>
        {
            CpuMemory.Free(buffer.Pointer, bytes);
            GC.RemoveMemoryPressure(bytes);
            Interlocked.Add(ref _allocated, -bytes);
        });
    }

    public void CopyIn(ReadOnlySpan<float> source, FloatBuffer destination)
    {
        Need(destination, source.Length);
        source.CopyTo(new Span<float>(destination.Pointer, source.Length));
    }

    public void CopyIn(ReadOnlySpan<int> source, IntBuffer destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source.Length, destination.Length);
        source.CopyTo(new Span<int>(destination.Pointer, source.Length));
    }

    public void CopyOut(FloatBuffer source, Span<float> destination)
    {
        Need(source, destination.Length);
        new ReadOnlySpan<float>(source.Pointer, destination.Length).CopyTo(destination);
    }

    public void Copy(FloatBuffer source, FloatBuffer destination)
    {
        Need(destination, source.Length);
        Buffer.MemoryCopy(source.Pointer, destination.Pointer, destination.Length * sizeof(float), source.Length * sizeof(float));
    }

    public void Fill(FloatBuffer buffer, float value)
    {
        for (long i = 0; i < buffer.Length; i += 1 << 30)
        {
            new Span<float>(buffer.Pointer + i, (int)Math.Min(1 << 30, buffer.Length - i)).Fill(value);
        }
    }

    public void AdamW(in AdamW operation)
    {
        operation.Check();
        AdamWUpdate.Run<T>(_pool, operation);
    }

    public double SquaredNorm(FloatBuffer x) => Flat.SquaredNorm(_pool, x);

    public void Scale(FloatBuffer x, float factor) => Flat.Scale<T>(_pool, x, factor);

    public void SoftCap(FloatBuffer x, float cap) => Flat.SoftCap<T>(_pool, x, cap);

    public void MoveTowards(FloatBuffer x, FloatBuffer target, float fraction)
    {
        Need(target, x.Length);
        Flat.MoveTowards<T>(_pool, x, target, fraction);
    }

    public void Dispose()
    {
        _products.Dispose();
        _pool.Dispose();
        _packed.Dispose();
        _chunk.Dispose();
        _logits.Dispose();
        _states.Dispose();
    }

    private static void Call(void* work, int part, int worker) => ((Action<int, int>)GCHandle.FromIntPtr((nint)work).Target!)(part, worker);
}
