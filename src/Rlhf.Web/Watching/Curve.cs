namespace Rlhf.Web.Watching;

/// <summary>Values of neighbouring steps: as much of a curve as a column of pixels can show.</summary>
/// <param name="Index">Its place: it holds the steps from <c>First + Index * Width</c> on.</param>
/// <param name="Low">The least value.</param>
/// <param name="High">The greatest value.</param>
/// <param name="Sum">Sum of the values.</param>
/// <param name="Count">Number of values.</param>
/// <param name="Version">When it changed last.</param>
internal readonly record struct CurveColumn(int Index, double Low, double High, double Sum, int Count, long Version)
{
    /// <summary>The same with the values of another.</summary>
    public CurveColumn With(CurveColumn other) => this with
    {
        Low = Math.Min(Low, other.Low),
        High = Math.Max(High, other.High),
        Sum = Sum + other.Sum,
        Count = Count + other.Count,
        Version = Math.Max(Version, other.Version),
    };
}

/// <summary>
/// A metric over steps in at most <see cref="Limits.WatchedColumns"/> columns, each with least, greatest and mean value. When a step falls beyond the last
/// one, columns become twice as wide: what is kept does not grow with the run.
/// </summary>
internal sealed class Curve
{
    private readonly List<CurveColumn> _columns = [];

    /// <summary>The first step of the first column.</summary>
    public long First { get; private set; }

    /// <summary>Steps of a column.</summary>
    public long Width { get; private set; } = 1;

    /// <summary>The value that came last.</summary>
    public double Last { get; private set; }

    /// <summary>When something changed last.</summary>
    public long Version { get; private set; }

    /// <summary>The columns that have values, in their order.</summary>
    public IReadOnlyList<CurveColumn> Columns => _columns;

    /// <summary>Adds a value.</summary>
    /// <param name="step">Its step; one before the first counts as the first.</param>
    /// <param name="value">The value, finite.</param>
    /// <param name="version">When; never less than before.</param>
    public void Add(long step, double value, long version)
    {
        (Last, Version) = (value, version);
        if (_columns.Count == 0)
        {
            First = step;
        }

        while (PlaceOf(step) >= Limits.WatchedColumns)
        {
            Widen(version);
        }

        var added = new CurveColumn((int)PlaceOf(step), value, value, value, 1, version);
        var at = _columns.Count;
        while (at > 0 && _columns[at - 1].Index > added.Index)
        {
            at--; // seldom: metrics come in order
        }

        if (at > 0 && _columns[at - 1].Index == added.Index)
        {
            _columns[at - 1] = _columns[at - 1].With(added);
        }
        else
        {
            _columns.Insert(at, added);
        }
    }

    private ulong PlaceOf(long step) => step <= First ? 0 : ((ulong)step - (ulong)First) / (ulong)Width;

    private void Widen(long version)
    {
        Width *= 2;
        var kept = 0;
        foreach (var column in _columns.ToArray())
        {
            var moved = column with { Index = column.Index / 2, Version = version };
            if (kept > 0 && _columns[kept - 1].Index == moved.Index)
            {
                _columns[kept - 1] = _columns[kept - 1].With(moved);
            }
            else
            {
                _columns[kept++] = moved;
            }
        }

        _columns.RemoveRange(kept, _columns.Count - kept);
    }
}
