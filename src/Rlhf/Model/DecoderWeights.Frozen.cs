using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>Weights without a flat form of their matrices.</summary>
internal sealed partial class DecoderWeights
{
    private ParameterRange[] _dropped = []; // parameters that stand in the packed copies alone, by offset

    /// <summary>Whether the matrices have no flat form.</summary>
    public bool IsFrozen => _dropped.Length > 0;

    /// <summary>The token table where it has no flat form: its rows are looked up in the packed copy, which often is that of the head.</summary>
    public PackedWeights? TokenTable => IsFrozen ? _tokens : null;

    /// <summary>A part of the parameters; empty for null.</summary>
    public FloatBuffer Part(long? offset, long length)
    {
        if (offset is not { } start)
        {
            return default;
        }

        var before = 0L;
        foreach (var range in _dropped)
        {
            if (start < range.Offset + range.Length && start + length > range.Offset)
            {
                throw new InvalidOperationException("Frozen weights have their matrices in packed form alone.");
            }

            before += range.Offset < start ? range.Length : 0;
        }

        return _flat.Floats.Slice(start - before, length);
    }

    /// <summary>Fills the parameters. In a frozen model a matrix goes through memory of its own into its packed copy, so that no second copy of the model
    /// ever stands; blocks of a file go there as they are.</summary>
    /// <param name="read">Fills a buffer of zeros with a part of the flat buffer; the part holds whole parameters.</param>
    /// <param name="readBlocks">Gives the blocks of a matrix that is stored in blocks, if the file has them in this storage.</param>
    public void Load(Action<ParameterRange, FloatBuffer> read, Func<ParameterRange, WeightStorage, TakeBlocks, bool>? readBlocks = null)
    {
        foreach (var range in Kept(Layout.Length).Where(static range => range.Length > 0))
        {
            read(range, Part(range.Offset, range.Length));
        }

        if (!IsFrozen)
        {
            Refresh();
            return;
        }

        AddOneToGains();
        DeviceMemory? scratch = null;
        try
        {
            foreach (var weights in _matrices.Where(weights => readBlocks is null || !LoadBlocks(weights, readBlocks)))
            {
                if (!IsDropped(weights))
                {
                    Pack(weights, PackedPart(weights));
                    continue;
                }

                if (scratch is null || scratch.Floats.Length < weights.Length)
                {
                    scratch?.Dispose();
                    scratch = Device.Allocate(weights.Length);
                }

                var matrix = scratch.Floats.Slice(0, weights.Length);
                Device.Fill(matrix, 0f);
                read(new ParameterRange(weights.Offset, weights.Length), matrix);
                Device.PackWeights(new(matrix, weights.Layout, weights.Inputs, weights.Outputs, PackedPart(weights)));
            }
        }
        finally
        {
            scratch?.Dispose();
        }
    }

    /// <summary>Packs the parameters and frees the flat form of the blocks' matrices, of an untied head, and of a token table that can be looked up in a packed
    /// copy: half of the memory of a model that is only read.</summary>
    public void Freeze()
    {
        Refresh();
        var whole = _flat;
        _dropped = Dropped();
        var kept = Kept(whole.Floats.Length).ToList();
        _flat = Device.Allocate(kept.Sum(static range => range.Length));
        foreach (var range in kept.Where(static range => range.Length > 0))
        {
            Device.Copy(whole.Floats.Slice(range.Offset, range.Length), Part(range.Offset, range.Length));
        }

        whole.Dispose();
    }

    private bool LoadBlocks(PackedWeights weights, Func<ParameterRange, WeightStorage, TakeBlocks, bool> readBlocks) =>
        WeightBlocks.AreIn(weights.Storage) && readBlocks(
            new ParameterRange(weights.Offset, weights.Length), weights.Storage,
            (first, count, format, rows) => Device.PackBlocks(new()
            {
                Rows = rows,
                Format = format,
                Packed = PackedPart(weights),
                Inputs = weights.Inputs,
                Outputs = weights.Outputs,
                First = first,
                Count = count,
            }));

    private bool IsDropped(PackedWeights weights) =>
        Array.Exists(_dropped, range => weights.Offset >= range.Offset && weights.Offset < range.Offset + range.Length);

    /// <summary>What is left of a flat buffer between and behind what is dropped.</summary>
    private IEnumerable<ParameterRange> Kept(long length)
    {
        var start = 0L;
        foreach (var range in _dropped)
        {
            yield return new ParameterRange(start, range.Offset - start);
            start = range.Offset + range.Length;
        }

        yield return new ParameterRange(start, length - start);
    }

    /// <summary>What frozen weights have no flat form of: perhaps the token table; the matrices of blocks and projections, and an untied head behind
    /// them.</summary>
    private ParameterRange[] Dropped()
    {
        var table = (long)Config.VocabularySize * Config.EmbeddingWidth;
        var start = PackedMatrices.Min(static weights => weights.Offset);
        var end = Config.TiedEmbeddings ? PackedMatrices.Max(static weights => weights.Offset + weights.Length) : Layout.Head + table;
        var matrices = new ParameterRange(start, end - start);
        return _tokens is null ? [matrices] : [new ParameterRange(Layout.TokenEmbedding, table), matrices];
    }

    /// <summary>Whether a token table has a packed copy of its own where it is not the head. Bfloat16 that was asked for rounds the table, too, so that a
    /// model with a head and one without it read the same numbers; where the device's products round, the table stays exact.</summary>
    private bool IsLookedUpPacked(WeightStorage storage) =>
        WeightBlocks.AreIn(storage) || (storage == WeightStorage.Bf16 && Device.Precision == Precision.F32);

    /// <summary>The packed copy that serves as token table: the head's, where it is the same matrix and has what is asked for, or one of its own.</summary>
    private PackedWeights? FindTokens()
    {
        var tokens = _matrices.FirstOrDefault(weights => weights.Offset == Layout.TokenEmbedding);
        return tokens is not null && (WeightBlocks.AreIn(tokens.Storage) || Device.Precision == Precision.F32) ? tokens : null;
    }
}
