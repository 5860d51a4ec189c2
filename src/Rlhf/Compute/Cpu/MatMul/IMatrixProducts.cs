using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// A packed operand [<paramref name="Rows"/>, columns] and where in it a product begins: at <paramref name="FirstRow"/> and <paramref name="FirstColumn"/>,
/// each a
/// multiple of <see cref="Step"/>.
/// </summary>
internal readonly unsafe record struct PackedOperand(
    nint Address, long Rows, long FirstRow = 0, long FirstColumn = 0, WeightStorage Storage = WeightStorage.F32)
{
    /// <summary>What the first row and column of a range must be multiples of.</summary>
    public const int Step = Outputs.Step;

    public PackedOperand(float* packed, long rows, long firstRow = 0, long firstColumn = 0)
        : this((nint)packed, rows, firstRow, firstColumn)
    {
    }

    public PackedOperand(PackedMatrix packed, long rows, long firstColumn = 0)
        : this((nint)packed.Numbers.Pointer, rows, FirstColumn: firstColumn, Storage: packed.Storage)
    {
    }

    public float* Pointer => (float*)Address;
}

/// <summary>The matrix product of a device: C[M, N] = start + A[M, K] B[K, N] in float32, with the operands in one precision.</summary>
internal unsafe interface IMatrixProducts : IDisposable
{
    /// <summary>Bytes of workspaces.</summary>
    long HeldBytes { get; }

    /// <summary>Floats that a packed [<paramref name="k"/>, <paramref name="n"/>] operand takes. Products that read bfloat16 anyway take no notice of
    /// <paramref name="storage"/>.</summary>
    long PackedLength(long k, long n, WeightStorage storage = WeightStorage.F32);

    /// <summary>Packs B, whose element (k, n) stands at b[k * rowStride + n * columnStride]; one of the strides is 1.</summary>
    void Pack(int k, int n, float* b, long rowStride, long columnStride, float* packed, WeightStorage storage = WeightStorage.F32);

    /// <summary>Writes the numbers of <paramref name="columns"/> columns of B from <see cref="PackedOperand.FirstColumn"/> on, in a layout.</summary>
    void Unpack(PackedOperand b, int columns, WeightLayout layout, float* weights);

    /// <summary>Packs the transpose of <paramref name="columns"/> columns of B from <see cref="PackedOperand.FirstColumn"/> on: an operand [columns, rows of
    /// B].</summary>
    void PackTransposed(PackedOperand b, int columns, float* packed);

    /// <summary>Writes the columns of B of these numbers, one after the other.</summary>
    void Columns(PackedOperand b, int* numbers, int count, float* y);

    /// <summary>Packs B, whose element (k, n) stands at b[k * rowStride + n], and adds the sums of its columns to <paramref name="sums"/> [n] while they are at
    /// hand: in order, as <see cref="ColumnSums"/>.</summary>
    void PackAndSum(int k, int n, float* b, long rowStride, float* packed, float* sums);

    /// <summary>Multiplies. A's element (i, k) stands at a[i * rowStride + k * columnStride], one of the strides being 1; C's element (i, n) at c[i *
    /// cRowStride + n].</summary>
    void Run(int m, int n, int k, float* a, long rowStride, long columnStride, PackedOperand b, float* c, long cRowStride, MatMulStart start, float* bias);
}
