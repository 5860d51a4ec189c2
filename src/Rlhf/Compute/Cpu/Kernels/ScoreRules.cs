using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Which of its two forms attention is compiled in: the plain one does not ask for rules.</summary>
internal interface IScores
{
    static abstract bool IsPlain { get; }
}

/// <summary>Scores q k / sqrt(D), all up to the row's own position.</summary>
internal readonly struct PlainScores : IScores
{
    public static bool IsPlain => true;
}

/// <summary>Scores with a scale, a cap, slopes or a window of their own.</summary>
internal readonly struct RuledScores : IScores
{
    public static bool IsPlain => false;
}

/// <summary>
/// <see cref="AttentionRules"/> on one row of a tile's scores. A position's score depends on the row's position and its own alone, so a row's bits are the same
/// whatever the rows beside it see: tiles that it does not see leave it as it is.
/// </summary>
internal readonly unsafe struct ScoreRules
{
    private const int TileKeys = AttentionShape.TilePositions;
    private readonly float* _slopes;
    private readonly float _cap;
    private readonly int _window;

    public ScoreRules(AttentionRules rules, AttentionShape shape)
    {
        IsPlain = rules.IsPlain;
        Scale = rules.Scale == 0 ? 1f / MathF.Sqrt(shape.HeadWidth) : rules.Scale;
        _slopes = rules.Slopes.Pointer;
        _cap = rules.Cap;
        _window = rules.Window == 0 ? int.MaxValue : rules.Window;
    }

    public bool IsPlain { get; }

    public float Scale { get; }

    /// <summary>The first position that a row sees.</summary>
    public int FirstSeen(int position) => Math.Max(0, position + 1 - _window);

    /// <summary>Turns q k of a tile into scores, minus infinity where the row at <paramref name="position"/> does not see; returns how many of the tile's first
    /// positions hold all that it sees.</summary>
    public int Apply<T>(float* scores, int position, int firstKey, int head)
        where T : unmanaged, ILanes<T>
    {
        var (seen, end) = (FirstSeen(position) - firstKey, position + 1 - firstKey);
        if (seen >= TileKeys)
        {
            return 0;
        }

        for (var j = 0; j < TileKeys && j < end; j += ILanes<T>.Count)
        {
            T.Store(scores + j, Score(T.Load(scores + j), position - firstKey - j, head).Score);
        }

        new Span<float>(scores, Math.Max(0, seen)).Fill(float.NegativeInfinity);
        return end;
    }

    /// <summary>Softmax weights from q k, and their slopes from dWeights: P (dP - delta) times the slope of the score.</summary>
    public void WeightsAndSlopes<T>(float* scores, float* dWeights, int position, int firstKey, int head, float logSumExp, float delta)
        where T : unmanaged, ILanes<T>
    {
        var (seen, end) = (FirstSeen(position) - firstKey, position + 1 - firstKey);
        for (var j = 0; j < TileKeys; j += ILanes<T>.Count)
        {
            var (score, scoreSlope) = Score(T.Load(scores + j), position - firstKey - j, head);
            T.Store(scores + j, score);
            HideOutside(scores, j, seen, end);
            var weight = VectorMath.Exp(T.Load(scores + j) - T.Broadcast(logSumExp));
            T.Store(scores + j, weight);
            T.Store(dWeights + j, weight * (T.Load(dWeights + j) - T.Broadcast(delta)) * scoreSlope);
        }
    }

    private static void HideOutside(float* scores, int j, int seen, int end)
    {
        for (var i = j; i < Math.Min(seen, j + 16); i++)
        {
            scores[i] = float.NegativeInfinity;
        }

        for (var i = Math.Max(j, end); i < j + 16; i++)
        {
            scores[i] = float.NegativeInfinity;
        }
    }

    /// <summary>Scores and their slopes with respect to q k; the first lane is <paramref name="distance"/> positions before the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (T Score, T Slope) Score<T>(T product, int distance, int head)
        where T : unmanaged, ILanes<T>
    {
        var (score, slope) = (product * T.Broadcast(Scale), T.Broadcast(Scale));
        if (_cap > 0)
        {
            score = VectorMath.SoftCap(score, _cap);
            var tanh = score * T.Broadcast(1f / _cap);
            slope *= T.Broadcast(1f) - (tanh * tanh);
        }

        if (_slopes != null)
        {
            score -= T.Broadcast(_slopes[head]) * (T.Broadcast(distance) - VectorMath.LaneNumbers<T>());
        }

        return (score, slope);
    }
}
