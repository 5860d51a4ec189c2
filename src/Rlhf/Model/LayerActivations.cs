using Rlhf.Numerics;

namespace Rlhf.Model;

/// <summary>What one block's forward pass leaves for its backward pass.</summary>
internal struct LayerActivations
{
    public FloatBuffer Input; // (N, C)
    public FloatBuffer Normed; // (N, C)
    public FloatBuffer Mean; // (N), LayerNorm only
    public FloatBuffer Reciprocal; // (N)
    public FloatBuffer RawQkv; // (N, (H + 2K) D), before the norm of queries and keys, where there is one
    public FloatBuffer QueryReciprocal; // (N, H)
    public FloatBuffer KeyReciprocal; // (N, K)
    public FloatBuffer Qkv; // (N, (H + 2K) D), turned
    public FloatBuffer Attended; // (N, H D)
    public FloatBuffer LogSumExp; // (N, H)
    public FloatBuffer Middle; // (N, C), after attention's residual
    public FloatBuffer MiddleNormed; // (N, C)
    public FloatBuffer MiddleMean; // (N)
    public FloatBuffer MiddleReciprocal; // (N)
    public FloatBuffer Up; // (N, F) or (N, 2F): gate | up
    public FloatBuffer Activated; // (N, F)
    public FloatBuffer Result; // (N, C)

    public static LayerActivations Take(Arena arena, Decoder decoder, int rows, Keep keep)
    {
        var (c, shape) = (decoder.Config.Width, decoder.Shape);
        long n = rows;
        var a = new LayerActivations
        {
            Normed = arena.Take(n * c),
            Mean = arena.Take(n),
            Reciprocal = arena.Take(n),
            Qkv = arena.Take(n * shape.RowWidth),
            Attended = arena.Take(n * shape.OutputWidth),
            Middle = arena.Take(n * c),
            Up = arena.Take(n * decoder.UpWidth),
            Activated = arena.Take(n * decoder.Config.FeedForwardWidth),
        };
        var distinct = keep != Keep.Nothing;
        a.MiddleNormed = distinct ? arena.Take(n * c) : a.Normed;
        a.MiddleMean = distinct ? arena.Take(n) : a.Mean;
        a.MiddleReciprocal = distinct ? arena.Take(n) : a.Reciprocal;
        a.LogSumExp = distinct ? arena.Take(n * shape.Heads) : default;
        if (decoder.Config.QueryKeyNorm)
        {
            a.RawQkv = arena.Take(n * shape.RowWidth);
            a.QueryReciprocal = arena.Take(n * shape.Heads);
            a.KeyReciprocal = arena.Take(n * shape.KeyValueHeads);
        }

        return a;
    }

    public static LayerActivations TakeFinal(Arena arena, FloatBuffer input, int rows, int width) => new()
    {
        Input = input,
        Normed = arena.Take((long)rows * width),
        Mean = arena.Take(rows),
        Reciprocal = arena.Take(rows),
    };
}

/// <summary>Gradients of one block's intermediate values, reused by every block.</summary>
internal readonly struct BackwardScratch
{
    public readonly FloatBuffer Width { get; private init; } // (N, C)

    public readonly FloatBuffer FeedForward { get; private init; } // (N, F)

    public readonly FloatBuffer Up { get; private init; } // (N, F) or (N, 2F)

    public readonly FloatBuffer Attended { get; private init; } // (N, H D)

    public readonly FloatBuffer Qkv { get; private init; } // (N, (H + 2K) D)

    public static BackwardScratch Take(Arena arena, Decoder decoder, int rows)
    {
        long n = rows;
        return new BackwardScratch
        {
            Width = arena.Take(n * decoder.Config.Width),
            FeedForward = arena.Take(n * decoder.Config.FeedForwardWidth),
            Up = arena.Take(n * decoder.UpWidth),
            Attended = arena.Take(n * decoder.Shape.OutputWidth),
            Qkv = arena.Take(n * decoder.Shape.RowWidth),
        };
    }
}
