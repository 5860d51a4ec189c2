using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Operations;

namespace Rlhf.Tests.Compute;

/// <summary>
/// A device with the buffers of one test. Every buffer stands between margins of one special not-a-number: a kernel that reads beyond its operand spoils its
/// result, and one that writes beyond is found at the end. New room is filled with it too: what a kernel should have written must not be left out.
/// </summary>
internal sealed unsafe class DeviceBench(InstructionSet set, int threads = 1, Precision precision = Precision.F32) : IDisposable
{
    private const int Margin = 32;
    private static readonly float Mark = BitConverter.Int32BitsToSingle(0x7FABCDEF);
    private readonly List<DeviceMemory> _memories = [];

    public static TheoryData<InstructionSet> Sets { get; } = [.. CpuDevice.Available];

    /// <summary>Every set in every precision that the machine has.</summary>
    public static TheoryData<InstructionSet, Precision> SetsAndPrecisions
    {
        get
        {
            var data = new TheoryData<InstructionSet, Precision>();
            foreach (var set in CpuDevice.Available)
            {
                data.Add(set, Precision.F32);
                if (OneDnnLibrary.Found is not null)
                {
                    data.Add(set, Precision.Bf16);
                }
            }

            return data;
        }
    }

    /// <summary>Whether the set rounds product and sum together; 128-bit x64 without FMA does not.</summary>
    public static bool IsFused(InstructionSet set) => set != InstructionSet.Vector128 || Fma.IsSupported || AdvSimd.IsSupported;

    public IDevice Device { get; } = CpuDevice.Create(threads, set, precision);

    public FloatBuffer Put(params float[] values)
    {
        var room = Room(values.Length);
        Device.CopyIn(values, room);
        return room;
    }

    public FloatBuffer Put(IEnumerable<double> values) => Put(values.Select(v => (float)v).ToArray());

    public FloatBuffer Zeros(long length) => Put(new float[length]);

    public FloatBuffer Room(long length)
    {
        var memory = Device.Allocate(length + (2 * Margin));
        Device.Fill(memory.Floats, Mark);
        _memories.Add(memory);
        return memory.Floats.Slice(Margin, length);
    }

    public IntBuffer Put(params int[] values)
    {
        var room = Room(values.Length);
        var ints = new IntBuffer((int*)room.Pointer, room.Length);
        Device.CopyIn(values, ints);
        return ints;
    }

    public float[] Get(FloatBuffer buffer)
    {
        var values = new float[buffer.Length];
        Device.CopyOut(buffer, values);
        return values;
    }

    public void Dispose()
    {
        var spoiled = 0;
        foreach (var memory in _memories)
        {
            var all = Get(memory.Floats);
            spoiled += all.Take(Margin).Concat(all.TakeLast(Margin)).Count(v => BitConverter.SingleToInt32Bits(v) != BitConverter.SingleToInt32Bits(Mark));
            memory.Dispose();
        }

        Device.Dispose();
        Assert.True(spoiled == 0, "A kernel wrote beyond its buffers.");
    }
}
