using Rlhf.Batching;
using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>Cosines and sines of a table's rows [rows, r / 2].</summary>
internal readonly record struct RotaryTable(FloatBuffer Cosines, FloatBuffer Sines)
{
    public static RotaryTable Of(FloatBuffer memory) =>
        new(memory.Slice(0, memory.Length / 2), memory.From(memory.Length / 2));
}

/// <summary>
/// The tables of rotary angles of a decoder, found in float64: row t has the angles of position t. Where angles depend on a row's length, those of short rows
/// come first, those of long ones behind them; a base that grows with the length has tables that a pass makes for its batch.
/// </summary>
internal sealed class RotaryTables : IDisposable
{
    private readonly DecoderConfig _config;
    private readonly IDevice _device;
    private readonly DeviceMemory _usual;
    private readonly DeviceMemory? _windows; // of blocks with a window, where they have a base of their own

    public RotaryTables(DecoderConfig config, IDevice device)
    {
        (_config, _device) = (config, device);
        var regimes = config.RotaryScaling is { Kind: RotaryScaling.LongRope } ? 2 : 1;
        _usual = device.Allocate((long)regimes * config.ContextLength * config.RotaryWidth);
        Usual = RotaryTable.Of(_usual.Floats);
        for (var regime = 0; regime < regimes; regime++)
        {
            Fill(Usual, regime * config.ContextLength, config.ContextLength, Frequencies(regime), config.RotaryScaling?.Amplitude ?? 1);
        }

        if (config.WindowRotaryBase is { } theta)
        {
            _windows = device.Allocate((long)config.ContextLength * config.RotaryWidth);
            Windows = RotaryTable.Of(_windows.Floats);
            Fill(Windows, 0, config.ContextLength, RotaryScaling.Plain(theta, config.RotaryWidth), 1);
        }
    }

    /// <summary>The table of all blocks, or of those without a window.</summary>
    public RotaryTable Usual { get; }

    /// <summary>The table of blocks with a window, where it is another.</summary>
    public RotaryTable Windows { get; }

    /// <summary>The angle per position of each pair [r / 2].</summary>
    public static double[] Frequencies(DecoderConfig config, int regime) =>
        config.RotaryScaling?.Frequencies(config.RotaryBase, config.RotaryWidth, regime) ?? RotaryScaling.Plain(config.RotaryBase, config.RotaryWidth);

    /// <summary>The usual table for a batch, and its row for each row of the batch.</summary>
    /// <param name="batch">Whose rows' lengths decide.</param>
    /// <param name="arena">Gives the memory.</param>
    /// <param name="positions">The batch's positions, on the device.</param>
    /// <param name="rows">Room on the host, which may grow.</param>
    public (RotaryTable Table, IntBuffer Rows) ForBatch(PackedBatch batch, Arena arena, IntBuffer positions, ref int[] rows)
    {
        if (_config.RotaryScaling is not { DependsOnLength: true } scaling)
        {
            return (Usual, positions);
        }

        if (rows.Length < batch.Rows)
        {
            rows = new int[batch.Rows];
        }

        var starts = scaling.Kind == RotaryScaling.LongRope
            ? new Dictionary<int, int> { [0] = 0, [1] = _config.ContextLength }
            : StartsOf(batch);
        for (var i = 0; i < batch.Sequences.Length; i++)
        {
            var span = batch.Sequences[i];
            var regime = scaling.Regime(batch.RowLengths[i]);
            if (span.Prefix >= 0 && regime != scaling.Regime(batch.RowLengths[span.Prefix]))
            {
                throw new InvalidOperationException("Rows of lengths whose angles differ cannot share a prompt.");
            }

            var start = starts[regime];
            for (var row = 0; row < span.Rows; row++)
            {
                rows[span.FirstRow + row] = start + span.Past + row;
            }
        }

        return (scaling.Kind == RotaryScaling.LongRope ? Usual : TableOf(starts, arena), arena.Take(rows.AsSpan(0, batch.Rows)));
    }

    public void Dispose()
    {
        _usual.Dispose();
        _windows?.Dispose();
    }

    /// <summary>Where the table of each regime of the batch begins.</summary>
    private Dictionary<int, int> StartsOf(PackedBatch batch)
    {
        var (starts, next) = (new Dictionary<int, int>(), 0);
        foreach (var length in batch.RowLengths)
        {
            var regime = _config.RotaryRegime(length);
            if (starts.TryAdd(regime, next))
            {
                next += regime == 0 ? _config.RotaryScaling!.OriginalContext : regime;
            }
        }

        return starts;
    }

    private RotaryTable TableOf(Dictionary<int, int> starts, Arena arena)
    {
        var lengths = starts.Keys.ToDictionary(regime => regime, regime => regime == 0 ? _config.RotaryScaling!.OriginalContext : regime);
        var table = RotaryTable.Of(arena.Take((long)lengths.Values.Sum() * _config.RotaryWidth));
        foreach (var (regime, start) in starts)
        {
            Fill(table, start, lengths[regime], Frequencies(regime), 1);
        }

        return table;
    }

    private double[] Frequencies(int regime) => Frequencies(_config, regime);

    private void Fill(RotaryTable table, long firstRow, int positions, double[] frequencies, double amplitude)
    {
        var pairs = frequencies.Length;
        var (cosine, sine) = (new float[pairs], new float[pairs]);
        for (var position = 0; position < positions; position++)
        {
            for (var j = 0; j < pairs; j++)
            {
                (var s, var c) = Math.SinCos(position * frequencies[j]);
                (cosine[j], sine[j]) = ((float)(amplitude * c), (float)(amplitude * s));
            }

            _device.CopyIn(cosine, table.Cosines.Slice((firstRow + position) * pairs, pairs));
            _device.CopyIn(sine, table.Sines.Slice((firstRow + position) * pairs, pairs));
        }
    }
}
