using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>The way back from <see cref="BFloat16Packing"/>: for copies of a matrix, not for products.</summary>
internal static unsafe class BFloat16Unpacking
{
    private const int Panel = OneDnnProduct.Columns;

    private struct Arguments
    {
        public PackedOperand B;
        public float* Weights;
        public int Columns;
        public WeightLayout Layout;
    }

    /// <summary>The numbers of <paramref name="columns"/> columns in a layout.</summary>
    public static void Run(WorkerPool pool, PackedOperand b, int columns, WeightLayout layout, float* weights) =>
        pool.Run(&UnpackPart, new Arguments { B = b, Weights = weights, Columns = columns, Layout = layout }, (columns + Panel - 1) / Panel);

    /// <summary>Some columns, each a row of <paramref name="y"/>.</summary>
    public static void Columns(PackedOperand b, int* numbers, int count, float* y)
    {
        for (var i = 0; i < count; i++)
        {
            Column(b, numbers[i], y + (i * b.Rows), 1);
        }
    }

    private static void UnpackPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        for (var column = part * Panel; column < Math.Min(a->Columns, (part + 1) * Panel); column++)
        {
            var isOutputMajor = a->Layout == WeightLayout.OutputMajor;
            Column(a->B, a->B.FirstColumn + column, a->Weights + (isOutputMajor ? column * a->B.Rows : column), isOutputMajor ? 1 : a->Columns);
        }
    }

    // Pairs of rows: see BFloat16Packing.
    private static void Column(PackedOperand b, long column, float* values, long stride)
    {
        var packed = (ushort*)(b.Pointer + (column / Panel * BFloat16Packing.PanelLength(b.Rows))) + (column % Panel * 2);
        for (var row = 0L; row < b.Rows; row++)
        {
            values[row * stride] = BFloat16.Widen(packed[(row / 2 * Panel * 2) + (row % 2)]);
        }
    }
}
