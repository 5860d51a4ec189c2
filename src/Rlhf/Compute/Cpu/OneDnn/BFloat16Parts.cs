using Rlhf.Compute.Cpu.MatMul;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>How one product in bfloat16 is cut into parts, as <see cref="MatMulParts"/> does it: rows first, then groups of panels, each of which rounds its
/// rows of A anew. Blocks of rows follow from the shape alone.</summary>
internal readonly struct BFloat16Parts
{
    private const int SmallestPart = 1 << 19; // multiply-adds: some microseconds
    private const int LargestBlock = 1 << 18; // rows times the depth of a step: half of a second-level cache of 1 MiB
    private const int MostRows = 384; // however shallow the step
    private const int PanelsOfPart = 4; // rounding A for fewer panels would show
    private const int MostDepth = 2048;
    private const int RowStep = 16;

    private readonly int _rows, _panels, _rowBlocks, _panelGroups;

    public BFloat16Parts(int m, int n, int k, int threads)
    {
        (_rows, _panels) = (m, (n + OneDnnProduct.Columns - 1) / OneDnnProduct.Columns);
        DepthBlocks = Math.Max(1, (k + MostDepth - 1) / MostDepth);
        Depth = Math.Max(OneDnnProduct.DepthStep, Rounded((k + DepthBlocks - 1) / DepthBlocks));
        DepthBlocks = Math.Max(1, (k + Depth - 1) / Depth);
        var mostRows = Math.Min(MostRows, LargestBlock / Depth / RowStep * RowStep);
        LargestRows = Padded(Math.Min(m, mostRows));
        _rowBlocks = (m + mostRows - 1) / mostRows;
        var wanted = MatMulParts.Wanted((long)m * n * k / SmallestPart, threads);
        _panelGroups = MatMulParts.PanelGroups(_rowBlocks, _panels, _panels / PanelsOfPart, wanted, threads);
    }

    /// <summary>How many parts.</summary>
    public int Count => _rowBlocks * (_panels == 0 ? 0 : _panelGroups);

    /// <summary>How many steps K is cut into.</summary>
    public int DepthBlocks { get; }

    /// <summary>Rows of B in a step, a multiple of <see cref="OneDnnProduct.DepthStep"/>.</summary>
    public int Depth { get; }

    /// <summary>The most rows of a part, as <see cref="Padded"/> counts them.</summary>
    public int LargestRows { get; }

    /// <summary>The rows of a part: whole steps of 16, but for the last.</summary>
    public (int First, int End) Rows(int part)
    {
        var steps = (_rows + RowStep - 1) / RowStep;
        var block = part / _panelGroups;
        return (First(block, steps, _rowBlocks) * RowStep, Math.Min(First(block + 1, steps, _rowBlocks) * RowStep, _rows));
    }

    /// <summary>The panels of a part.</summary>
    public (int First, int End) Panels(int part)
    {
        var group = part % _panelGroups;
        return (First(group, _panels, _panelGroups), First(group + 1, _panels, _panelGroups));
    }

    /// <summary>The number of rows that is multiplied for so many: one, or whole twos up to 16 and whole steps of 16 beyond, so that oneDNN has few shapes to
    /// keep code for.</summary>
    public static int Padded(int rows)
    {
        var step = rows == 1 ? 1 : rows <= RowStep ? 2 : RowStep;
        return (rows + step - 1) / step * step;
    }

    /// <summary>K rounded up to what oneDNN takes.</summary>
    public static int Rounded(long k) => (int)((k + OneDnnProduct.DepthStep - 1) / OneDnnProduct.DepthStep * OneDnnProduct.DepthStep);

    private static int First(int index, int count, int parts) => (int)((long)count * index / parts);
}
