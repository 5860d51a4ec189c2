using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// How one product is cut into parts: rows first, then groups of panels, each of which packs its rows of A anew. About <see cref="PartsOfThread"/> parts a
/// thread keep several cores
/// evenly busy; a part smaller than <see cref="SmallestPart"/> would cost more to hand over than to do. The cut changes no bit of the product.
/// </summary>
internal readonly struct MatMulParts
{
    private const int PartsOfThread = 6;
    private const int SmallestPart = 1 << 18; // multiply-adds: some microseconds
    private const int RowsOfPart = 192; // fewer would fetch B from memory too often
    private const int MostRows = 288; // times the depth of a step: half of a second-level cache of 1 MiB
    private const int PanelsOfPart = 8; // packing A for fewer panels would show
    private const int MostDepth = 512;
    private const int MostDepthOfTile = 2048; // one tile of rows reads a panel once: steps would only store and load its sums

    private readonly int _rows, _panels, _tileRows, _rowBlocks, _panelGroups;

    public MatMulParts(int m, int n, int k, int tileRows, int threads)
    {
        (_rows, _panels, _tileRows) = (m, (n + MatMul.PanelWidth - 1) / MatMul.PanelWidth, tileRows);
        var wanted = Wanted((long)m * n * k / SmallestPart, threads);
        _rowBlocks = Math.Max((m + MostRows - 1) / MostRows, Math.Min(wanted, m / RowsOfPart));
        _rowBlocks = Math.Min(Math.Max(_rowBlocks, 1), Tiles);
        _panelGroups = PanelGroups(_rowBlocks, _panels, _panels / PanelsOfPart, wanted, threads);
        var mostDepth = m <= tileRows ? MostDepthOfTile : MostDepth;
        DepthBlocks = Math.Max(1, (k + mostDepth - 1) / mostDepth);
        Depth = ((k + DepthBlocks - 1) / DepthBlocks + WeightBlocks.Length - 1) / WeightBlocks.Length * WeightBlocks.Length;
    }

    /// <summary>How many parts.</summary>
    public int Count => _panels == 0 ? 0 : _rowBlocks * _panelGroups;

    /// <summary>How many steps K is cut into, so that a panel's step and the block of A stay in the caches.</summary>
    public int DepthBlocks { get; }

    /// <summary>Rows of B in a step: whole blocks.</summary>
    public int Depth { get; }

    /// <summary>Floats of a part's packed block of A.</summary>
    public long ScratchLength => (long)((Tiles / Math.Max(1, _rowBlocks)) + 1) * _tileRows * Depth;

    private int Tiles => (_rows + _tileRows - 1) / _tileRows;

    /// <summary>The rows of a part: whole tiles, but for the last.</summary>
    public (int First, int End) Rows(int part)
    {
        var block = part / _panelGroups;
        return (First(block, Tiles, _rowBlocks) * _tileRows, Math.Min(First(block + 1, Tiles, _rowBlocks) * _tileRows, _rows));
    }

    /// <summary>The panels of a part.</summary>
    public (int First, int End) Panels(int part)
    {
        var group = part % _panelGroups;
        return (First(group, _panels, _panelGroups), First(group + 1, _panels, _panelGroups));
    }

    /// <summary>How many parts a product is cut into that gives <paramref name="most"/> parts of the smallest size: about <see cref="PartsOfThread"/> a thread,
    /// one for one thread.</summary>
    public static int Wanted(long most, int threads) => (int)Math.Clamp(most, 1, threads == 1 ? 1 : PartsOfThread * threads);

    /// <summary>
    /// How many groups of panels give about <paramref name="wanted"/> parts: up to <paramref name="usual"/>, or more where the threads are done earlier then. A
    /// thread is done after its share of
    /// the parts, each of which takes the time of its panels and of about one more for packing its rows of A.
    /// </summary>
    public static int PanelGroups(int rowBlocks, int panels, int usual, int wanted, int threads)
    {
        var most = Math.Clamp(wanted / Math.Max(rowBlocks, 1), 1, Math.Max(1, panels));
        var best = Math.Clamp(usual, 1, most);
        for (var groups = best + 1; groups <= most; groups++)
        {
            best = Time(groups) < Time(best) ? groups : best;
        }

        return best;

        int Time(int groups) => ((rowBlocks * groups) + threads - 1) / threads * (((panels + groups - 1) / groups) + 1);
    }

    private static int First(int index, int count, int parts) => (int)((long)count * index / parts);
}
