using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>
/// The numbers of a LoRA adapter (Hu 2021), what follows them, and packed copies that the products read. Beside a frozen W [outputs, inputs] it adds
/// y += scale (x A^T) B^T, with A [r, inputs] and B [outputs, r].
/// </summary>
public sealed class Adapter : IDisposable
{
    private readonly IDevice _device;
    private readonly DeviceMemory _numbers;
    private readonly DeviceMemory _packed; // forward: of each group A [inputs, narrow], then B [narrow, outputs]
    private readonly DeviceMemory _scratch; // B with the columns of other modules
    private readonly DeviceMemory _rows; // integers
    private readonly Dictionary<(int Layer, LinearRole Role), Place> _places = [];
    private readonly int _mostNarrow;
    private int _users = 1;

    /// <summary>Allocates an adapter of zeros.</summary>
    /// <param name="device">Where it is.</param>
    /// <param name="layout">Where its numbers lie.</param>
    /// <param name="length">Floats of its buffer: those of the layout, and what follows them.</param>
    internal Adapter(IDevice device, AdapterLayout layout, long length)
    {
        (_device, Layout) = (device, layout);
        _numbers = device.Allocate(length);
        var fused = layout.Groups.Where(static group => group.IsFused).ToList();
        _scratch = device.Allocate(fused.Select(static group => (long)group.AllOutputs * group.Narrow).Append(1).Max());
        _rows = device.Allocate(fused.Select(static group => (long)group.AllOutputs).Append(1).Sum());
        var (packed, rows) = (0L, 0L);
        foreach (var group in layout.Groups)
        {
            var a = packed;
            var b = a + device.PackedLength(group.Inputs, group.Narrow);
            packed = b + device.PackedLength(group.Narrow, group.AllOutputs);
            _places.Add((group.Layer, group.Role), new Place(group, a, b, RowsOf(group, ref rows)));
        }

        _packed = device.Allocate(packed);
        _mostNarrow = layout.Groups.Max(static group => group.Narrow);
        MostInputs = layout.Groups.Max(static group => group.Inputs);
        LargestWhole = layout.Groups.Max(static group => (long)group.AllOutputs * group.Narrow);
        LargestPacked = layout.Groups.Max(
            group => Math.Max(device.PackedLength(group.Narrow, group.Inputs), device.PackedLength(group.AllOutputs, group.Narrow)));
    }

    /// <summary>Where a group's packed copies stand, and the rows of its Bs in the whole.</summary>
    internal readonly record struct Place(AdapterGroup Group, long A, long B, IntBuffer Rows);

    /// <summary>Where its numbers lie.</summary>
    public AdapterLayout Layout { get; }

    /// <summary>Its numbers and what follows them. After changing them call <see cref="Refresh"/>.</summary>
    public FloatBuffer Numbers => _numbers.Floats;

    /// <summary>The same adapter for one more decoder, which disposes of it, too.</summary>
    internal Adapter Share()
    {
        _users++;
        return this;
    }

    /// <summary>Packs the numbers anew.</summary>
    public void Refresh()
    {
        foreach (var place in _places.Values)
        {
            var group = place.Group;
            _device.PackWeights(new(group.AsOf(Numbers), WeightLayout.OutputMajor, group.Inputs, group.Narrow, PackedA(place)));
            _device.PackWeights(new(WholeB(place, Numbers, _scratch.Floats), WeightLayout.OutputMajor, group.Narrow, group.AllOutputs, PackedB(place)));
        }
    }

    /// <summary>Copies the layout's numbers to the host.</summary>
    public void CopyOut(Span<float> numbers) => _device.CopyOut(Numbers.Slice(0, Layout.Length), numbers);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (--_users > 0)
        {
            return;
        }

        _numbers.Dispose();
        _packed.Dispose();
        _scratch.Dispose();
        _rows.Dispose();
    }

    /// <summary>The adapter of one of a block's products, if it has one.</summary>
    internal bool TryGet(int layer, LinearRole role, out Place place) => _places.TryGetValue((layer, role), out place);

    /// <summary>Floats of the largest x A^T for some rows.</summary>
    internal long NarrowLength(int rows) => rows * (long)_mostNarrow;

    /// <summary>Inputs of the widest adapted product.</summary>
    internal int MostInputs { get; }

    /// <summary>Floats of the largest B with the columns of other modules.</summary>
    internal long LargestWhole { get; }

    /// <summary>Floats of the largest packed matrix.</summary>
    internal long LargestPacked { get; }

    internal PackedMatrix PackedA(in Place place) => _packed.Floats.Slice(place.A, _device.PackedLength(place.Group.Inputs, place.Group.Narrow));

    internal PackedMatrix PackedB(in Place place) => _packed.Floats.Slice(place.B, _device.PackedLength(place.Group.Narrow, place.Group.AllOutputs));

    /// <summary>The Bs [outputs, narrow] of numbers laid out as these: each module's in its own columns, zeros in the others.</summary>
    internal FloatBuffer WholeB(in Place place, FloatBuffer numbers, FloatBuffer scratch)
    {
        var group = place.Group;
        var parts = group.BsOf(numbers);
        if (!group.IsFused)
        {
            return parts;
        }

        var whole = scratch.Slice(0, (long)group.AllOutputs * group.Narrow);
        _device.Fill(whole, 0f);
        _device.ScatterAddRows(new(parts, place.Rows, group.AllOutputs, group.Rank, whole));
        return whole;
    }

    private IntBuffer RowsOf(AdapterGroup group, ref long next)
    {
        if (!group.IsFused)
        {
            return default;
        }

        var rows = group.RowsOfWhole();
        var buffer = _rows.Ints(next, rows.Length);
        _device.CopyIn(rows, buffer);
        next += rows.Length;
        return buffer;
    }
}
