using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>Without vector instructions: the specification of the other tiles. Four neighbouring columns go together so that their chains overlap.</summary>
internal readonly unsafe struct MatMulTileScalar : IMatMulTile
{
    public static int Rows => 8;

    public static int BlockRows => 0;

    public static void MultiplyBlocks(
        WeightStorage storage, int rows, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride) =>
        throw new NotSupportedException();

    public static void Multiply(int rows, int k, float* a, float* b, MatMulAhead ahead, float* from, long fromStride, float* c, long cStride)
    {
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < MatMul.PanelWidth; j += 4)
            {
                FourColumns(rows, k, a + i, b + j, from + (i * fromStride) + j, c + (i * cStride) + j);
            }
        }
    }

    private static void FourColumns(int aStride, int k, float* a, float* b, float* from, float* c)
    {
        var (c0, c1, c2, c3) = (from[0], from[1], from[2], from[3]);
        for (var p = 0; p < k; p++, a += aStride, b += MatMul.PanelWidth)
        {
            var x = *a;
            c0 = MathF.FusedMultiplyAdd(x, b[0], c0);
            c1 = MathF.FusedMultiplyAdd(x, b[1], c1);
            c2 = MathF.FusedMultiplyAdd(x, b[2], c2);
            c3 = MathF.FusedMultiplyAdd(x, b[3], c3);
        }

        (c[0], c[1], c[2], c[3]) = (c0, c1, c2, c3);
    }
}
