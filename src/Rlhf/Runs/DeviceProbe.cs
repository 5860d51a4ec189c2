using System.Diagnostics;
using Rlhf.Compute;
using Rlhf.Compute.Operations;

namespace Rlhf.Runs;

/// <summary>Quick measurements of the device: how fast it multiplies, and whether its kernels agree with the scalar ones.</summary>
public static class DeviceProbe
{
    private const double Seconds = 0.3;
    private const int Repetitions = 5;

    /// <summary>Floating-point operations a second in a product [rows, inputs] [inputs, outputs] with packed weights, the best of a few tenths of a second and
    /// of at least five.</summary>
    public static double MatmulRate(IDevice device, int rows = 512, int inputs = 512, int outputs = 512)
    {
        var (xLength, yLength, wLength) = ((long)rows * inputs, (long)rows * outputs, (long)inputs * outputs);
        using var memory = device.Allocate(xLength + yLength + wLength + device.PackedLength(inputs, outputs));
        var x = Filled(device, memory.Floats.Slice(0, xLength), 1);
        var y = memory.Floats.Slice(xLength, yLength);
        var w = Filled(device, memory.Floats.Slice(xLength + yLength, wLength), 2);
        var packed = memory.Floats.From(xLength + yLength + wLength);
        device.PackWeights(new(w, WeightLayout.InputMajor, inputs, outputs, packed));
        var best = double.PositiveInfinity;
        var all = Stopwatch.StartNew();
        for (var i = 0; i < Repetitions || all.Elapsed.TotalSeconds < Seconds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            device.LinearForward(new(x, packed, default, rows, inputs, outputs, y));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * rows * inputs * outputs / best;
    }

    /// <summary>Bytes read and written a second while a long buffer is copied, the best of a few tenths of a second and of at least five (both directions
    /// count, as in STREAM).</summary>
    public static double CopyRate(IDevice device, long bytes)
    {
        using var memory = device.Allocate(2 * bytes / sizeof(float));
        var half = memory.Floats.Length / 2;
        device.Fill(memory.Floats, 1f); // pages that were never written would all be read from one
        var best = double.PositiveInfinity;
        var all = Stopwatch.StartNew();
        for (var i = 0; i < Repetitions || all.Elapsed.TotalSeconds < Seconds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            device.Copy(memory.Floats.Slice(0, half), memory.Floats.From(half));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * half * sizeof(float) / best;
    }

    /// <summary>The largest difference between this device and the scalar reference in a few operations, as a share of the largest number in each
    /// result.</summary>
    public static double LargestDifference(IDevice device)
    {
        using var reference = Devices.CreateScalar();
        var (expected, actual) = (Results(reference), Results(device));
        if (expected.Concat(actual).Any(static result => !Array.TrueForAll(result, float.IsFinite)))
        {
            return double.PositiveInfinity;
        }

        return expected.Zip(actual, static (left, right) =>
            left.Zip(right, static (a, b) => Math.Abs((double)a - b)).Max() / left.Max(static value => Math.Abs((double)value))).Max();
    }

    private static List<float[]> Results(IDevice device)
    {
        const int Rows = 37, Inputs = 96, Outputs = 80;
        using var memory = device.Allocate(1 << 16);
        var arena = new Cursor(memory.Floats);
        var x = Filled(device, arena.Take(Rows * Inputs), 1);
        var weights = Filled(device, arena.Take(Inputs * Outputs), 2);
        var packed = arena.Take(device.PackedLength(Inputs, Outputs));
        var (y, normed, active) = (arena.Take(Rows * Outputs), arena.Take(Rows * Outputs), arena.Take(Rows * Outputs));
        var (gain, root) = (Filled(device, arena.Take(Outputs), 3), arena.Take(Rows));
        device.PackWeights(new(weights, WeightLayout.InputMajor, Inputs, Outputs, packed));
        device.LinearForward(new(x, packed, default, Rows, Inputs, Outputs, y));
        device.RmsNormForward(new(y, gain, Rows, 1, Outputs, Outputs, 1e-5f, normed, root));
        device.GeluForward(new(y, active));
        return [.. new[] { y, normed, active }.Select(buffer => Read(device, buffer))];
    }

    private static FloatBuffer Filled(IDevice device, FloatBuffer buffer, ulong stream)
    {
        var values = new float[buffer.Length];
        Philox.Normal(values, 0, stream, 1);
        device.CopyIn(values, buffer);
        return buffer;
    }

    private static float[] Read(IDevice device, FloatBuffer buffer)
    {
        var values = new float[buffer.Length];
        device.CopyOut(buffer, values);
        return values;
    }

    private sealed class Cursor(FloatBuffer memory)
    {
        private long _used;

        public FloatBuffer Take(long length)
        {
            var buffer = memory.Slice(_used, length);
            _used += (length + 15) / 16 * 16;
            return buffer;
        }
    }
}
