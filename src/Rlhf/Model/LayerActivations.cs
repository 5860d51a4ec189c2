using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>What a norm's forward pass leaves for its backward pass.</summary>
internal struct NormActivations
{
    public FloatBuffer Input; // (N, C)
    public FloatBuffer Mean; // (N), LayerNorm only
    public FloatBuffer Reciprocal; // (N)

    public static NormActivations Take(Arena arena, FloatBuffer input, long rows) =>
        new() { Input = input, Mean = arena.Take(rows), Reciprocal = arena.Take(rows) };
}

/// <summary>What one block's forward pass leaves for its backward pass.</summary>
internal struct LayerActivations
{
    public FloatBuffer Input; // (N, C)
    public FloatBuffer Normed; // (N, C); Input itself where no norm is before attention
    public FloatBuffer Mean; // (N), LayerNorm only
    public FloatBuffer Reciprocal; // (N)
    public FloatBuffer RawQkv; // (N, (H + 2K) D), before the norm of queries and keys, where there is one
    public FloatBuffer QueryReciprocal; // (N, H), or (N) of a norm over all heads
    public FloatBuffer KeyReciprocal; // (N, K), or (N)
    public FloatBuffer Qkv; // (N, (H + 2K) D), turned
    public FloatBuffer Attended; // (N, H D)
    public FloatBuffer LogSumExp; // (N, H)

    // From here on M rows: N, in the last block R.
    public FloatBuffer AttendedRows; // (M, H D)
    public FloatBuffer ResidualRows; // (M, C), undefined once Result is written
    public NormActivations AfterAttention; // of the norm after attention, where there is one: its input (M, C)
    public FloatBuffer Middle; // (M, C), after attention's residual
    public FloatBuffer MiddleNormed; // (M, C); Middle itself where no norm is before the feed-forward block
    public FloatBuffer MiddleMean; // (M)
    public FloatBuffer MiddleReciprocal; // (M)
    public FloatBuffer Up; // (M, F) or (M, 2F): gate | up
    public FloatBuffer Activated; // (M, F)
    public NormActivations AfterFeedForward; // as AfterAttention
    public FloatBuffer Result; // (M, C)

    /// <summary>Takes a block's memory.</summary>
    /// <param name="arena">Where from.</param>
    /// <param name="decoder">The model.</param>
    /// <param name="rows">N.</param>
    /// <param name="rowsAfterAttention">M.</param>
    /// <param name="keep">What the backward pass will find.</param>
    /// <param name="cheap">What all blocks write to one memory, since it is made again from what is kept; default for none.</param>
    public static LayerActivations Take(Arena arena, Decoder decoder, int rows, int rowsAfterAttention, Keep keep, CheapActivations cheap)
    {
        var (c, shape, config) = (decoder.Config.Width, decoder.Shape, decoder.Config);
        var (n, m) = ((long)rows, (long)rowsAfterAttention);
        var a = new LayerActivations
        {
            Normed = !config.NormsBefore ? default : cheap.IsShared ? cheap.Normed : arena.Take(n * c),
            Mean = arena.Take(n),
            Reciprocal = arena.Take(n),
            Qkv = arena.Take(n * shape.RowWidth),
            Attended = arena.Take(n * shape.OutputWidth),
            Middle = arena.Take(m * c),
            Up = arena.Take(m * decoder.UpWidth),
            Activated = cheap.IsShared ? cheap.Activated : arena.Take(m * decoder.Config.FeedForwardWidth),
        };
        var distinct = keep != Keep.Nothing;
        a.MiddleNormed = !config.NormsBefore ? a.Middle : cheap.IsShared ? cheap.MiddleNormed : distinct ? arena.Take(m * c) : a.Normed;
        a.MiddleMean = distinct ? arena.Take(m) : a.Mean;
        a.MiddleReciprocal = distinct ? arena.Take(m) : a.Reciprocal;
        a.LogSumExp = distinct ? arena.Take(n * shape.Heads) : default;
        if (config.NormsAfter)
        {
            a.AfterAttention = NormActivations.Take(arena, arena.Take(m * c), m);
            a.AfterFeedForward = distinct ? NormActivations.Take(arena, arena.Take(m * c), m) : a.AfterAttention;
        }

        if (config.QueryKeyNorm != QueryKeyNorm.None)
        {
            a.RawQkv = arena.Take(n * shape.RowWidth);
            a.QueryReciprocal = arena.Take(n * shape.Heads);
            a.KeyReciprocal = arena.Take(n * shape.KeyValueHeads);
        }

        return a;
    }
}

/// <summary>
/// What is made of a block's kept activations by an elementwise operation: results of norms and of the activation function. Under an adapter a third of a
/// block's memory is this; there all blocks write to one memory, and the backward pass makes it again.
/// </summary>
internal readonly struct CheapActivations
{
    public FloatBuffer Normed { get; private init; } // (N, C)

    public FloatBuffer MiddleNormed { get; private init; } // (max(N, R), C)

    public FloatBuffer Activated { get; private init; } // (max(N, R), F)

    public bool IsShared => !Activated.IsEmpty;

    public static CheapActivations Take(Arena arena, DecoderConfig config, long rows) => new()
    {
        Normed = arena.Take(rows * config.Width),
        MiddleNormed = arena.Take(rows * config.Width),
        Activated = arena.Take(rows * config.FeedForwardWidth),
    };
}

/// <summary>Gradients of one block's intermediate values, reused by every block.</summary>
internal readonly struct BackwardScratch
{
    public readonly FloatBuffer Width { get; private init; } // (max(N, R), C)

    public readonly FloatBuffer Sublayer { get; private init; } // (max(N, R), C), where norms follow sublayers

    public readonly FloatBuffer FeedForward { get; private init; } // (max(N, R), F)

    public readonly FloatBuffer Up { get; private init; } // FeedForward itself (without a gate it works in place), or (max(N, R), 2F)

    public readonly FloatBuffer Attended { get; private init; } // (N, H D)

    public readonly FloatBuffer Qkv { get; private init; } // (N, (H + 2K) D)

    public static BackwardScratch Take(Arena arena, Decoder decoder, int rows, int targets)
    {
        var (n, m) = ((long)rows, Math.Max((long)rows, targets));
        var feedForward = arena.Take(m * decoder.Config.FeedForwardWidth);
        return new BackwardScratch
        {
            Width = arena.Take(m * decoder.Config.Width),
            FeedForward = feedForward,
            Sublayer = decoder.Config.NormsAfter ? arena.Take(m * decoder.Config.Width) : default,
            Up = decoder.Config.IsGated ? arena.Take(m * decoder.UpWidth) : feedForward,
            Attended = arena.Take(n * decoder.Shape.OutputWidth),
            Qkv = arena.Take(n * decoder.Shape.RowWidth),
        };
    }
}
