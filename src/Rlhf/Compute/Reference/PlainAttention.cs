using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Reference;

/// <summary><see cref="AttentionRules"/> in float64.</summary>
/// <param name="Scale">Multiplies q k; null: 1 / sqrt(D).</param>
/// <param name="Window">Positions that a row sees; null: all up to its own.</param>
/// <param name="Cap">c in c tanh(score / c); null: none.</param>
/// <param name="Slopes">ALiBi's [H]; null: none.</param>
public sealed record PlainRules(double? Scale = null, int? Window = null, double? Cap = null, double[]? Slopes = null)
{
    /// <summary>Plain causal attention.</summary>
    public static PlainRules None { get; } = new();

    /// <summary>The score of the position <paramref name="distance"/> before the row's own.</summary>
    public double Score(double product, int headWidth, int distance, int head)
    {
        var score = product * (Scale ?? 1 / Math.Sqrt(headWidth));
        score = Cap is { } cap ? PlainOperations.SoftCap(score, cap) : score;
        score -= Slopes is null ? 0 : Slopes[head] * distance;
        return distance < (Window ?? int.MaxValue) ? score : double.NegativeInfinity;
    }
}

/// <summary>Attention in float64, as its definition reads: what the kernels are compared with.</summary>
public static class PlainAttention
{
    /// <summary>Causal attention of one sequence from its rows of the fused projection: [T, H D].</summary>
    public static double[] Forward(double[] qkv, AttentionShape shape, PlainRules? rules = null)
    {
        var output = new double[qkv.Length / shape.RowWidth * shape.OutputWidth];
        EachQuery(qkv, shape, rules ?? PlainRules.None, (row, head, weights) =>
        {
            for (var position = 0; position <= row; position++)
            {
                for (var i = 0; i < shape.HeadWidth; i++)
                {
                    output[(row * shape.OutputWidth) + (head * shape.HeadWidth) + i] += weights[position] * qkv[ValueAt(shape, position, head) + i];
                }
            }
        });
        return output;
    }

    /// <summary>dQkv of plain <see cref="Forward"/>: ds = w (dw - sum(w dw)) with dw = dOutput v.</summary>
    public static double[] Backward(double[] qkv, double[] dOutput, AttentionShape shape)
    {
        var dQkv = new double[qkv.Length];
        var (d, scale) = (shape.HeadWidth, 1 / Math.Sqrt(shape.HeadWidth));
        EachQuery(qkv, shape, PlainRules.None, (row, head, weights) =>
        {
            var dy = dOutput.AsSpan((row * shape.OutputWidth) + (head * d), d);
            var dWeights = new double[row + 1];
            var mean = 0.0;
            for (var position = 0; position <= row; position++)
            {
                dWeights[position] = PlainOperations.Dot(dy, qkv.AsSpan(ValueAt(shape, position, head), d));
                mean += weights[position] * dWeights[position];
            }

            for (var position = 0; position <= row; position++)
            {
                var (q, k, v) = (QueryAt(shape, row, head), KeyAt(shape, position, head), ValueAt(shape, position, head));
                var dScore = scale * weights[position] * (dWeights[position] - mean);
                for (var i = 0; i < d; i++)
                {
                    dQkv[v + i] += weights[position] * dy[i];
                    dQkv[q + i] += dScore * qkv[k + i];
                    dQkv[k + i] += dScore * qkv[q + i];
                }
            }
        });
        return dQkv;
    }

    /// <summary>Calls <paramref name="use"/> with each row, head and the softmax weights of positions 0 to that row.</summary>
    private static void EachQuery(double[] qkv, AttentionShape shape, PlainRules rules, Action<int, int, double[]> use)
    {
        for (var row = 0; row < qkv.Length / shape.RowWidth; row++)
        {
            for (var head = 0; head < shape.Heads; head++)
            {
                var scores = new double[row + 1];
                for (var position = 0; position <= row; position++)
                {
                    var query = qkv.AsSpan(QueryAt(shape, row, head), shape.HeadWidth);
                    var product = PlainOperations.Dot(query, qkv.AsSpan(KeyAt(shape, position, head), shape.HeadWidth));
                    scores[position] = rules.Score(product, shape.HeadWidth, row - position, head);
                }

                use(row, head, PlainOperations.Softmax(scores));
            }
        }
    }

    private static int QueryAt(AttentionShape shape, int row, int head) => (row * shape.RowWidth) + (head * shape.HeadWidth);

    private static int KeyAt(AttentionShape shape, int row, int head) => QueryAt(shape, row, shape.Heads + (head / (shape.Heads / shape.KeyValueHeads)));

    private static int ValueAt(AttentionShape shape, int row, int head) => KeyAt(shape, row, head) + (shape.KeyValueHeads * shape.HeadWidth);
}
