using System.Runtime.InteropServices;
using Rlhf.Compute.Cpu.Simd;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>One small product of whole numbers, which must come out exactly: it would not if this version's formats had other numbers than those written
/// here.</summary>
internal static unsafe class OneDnnSelfTest
{
    private const int Rows = 16, Depth = 64;

    /// <summary>The library's name for what multiplies.</summary>
    /// <exception cref="NotSupportedException">It does not multiply, or not rightly.</exception>
    public static string Run(OneDnnLibrary library)
    {
        using var product = new OneDnnProduct(library, Rows, Depth);
        var a = (ushort*)NativeMemory.AlignedAlloc(Rows * Depth * sizeof(ushort), 64);
        var b = (ushort*)NativeMemory.AlignedAlloc(Depth * OneDnnProduct.Columns * sizeof(ushort), 64);
        var c = (float*)NativeMemory.AlignedAlloc(Rows * OneDnnProduct.Columns * sizeof(float), 64);
        for (var i = 0; i < Rows * Depth; i++)
        {
            a[i] = BFloat16.Round(Left(i / Depth, i % Depth));
        }

        for (var i = 0; i < Depth * OneDnnProduct.Columns; i++)
        {
            var (k, n) = ((i / (2 * OneDnnProduct.Columns) * 2) + (i % 2), i / 2 % OneDnnProduct.Columns);
            b[i] = BFloat16.Round(Right(k, n));
        }

        product.Execute(a, (float*)b, c);
        var right = IsRight(c);
        NativeMemory.AlignedFree(a);
        NativeMemory.AlignedFree(b);
        NativeMemory.AlignedFree(c);
        return right ? product.Implementation : throw new NotSupportedException($"{library.Path}, version {library.Version}, multiplies wrongly");
    }

    private static bool IsRight(float* c)
    {
        for (var i = 0; i < Rows * OneDnnProduct.Columns; i++)
        {
            var sum = 0f;
            for (var k = 0; k < Depth; k++)
            {
                sum += Left(i / OneDnnProduct.Columns, k) * Right(k, i % OneDnnProduct.Columns);
            }

            if (c[i] != sum)
            {
                return false;
            }
        }

        return true;
    }

    private static float Left(int i, int k) => ((i * 7) + (k * 3)) % 11 - 5;

    private static float Right(int k, int n) => ((k * 5) + (n * 9)) % 13 - 6;
}
