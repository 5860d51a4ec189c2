using Rlhf.Numerics;

namespace Rlhf.Tests.Numerics;

/// <summary>The operations in float64, written as their definitions read: what the kernels are compared with.</summary>
internal static class Plain
{
    public static double[] LayerNorm(double[] x, double[] gain, double[] bias, int width, double epsilon) => [.. x.Chunk(width).SelectMany(row =>
    {
        var mean = row.Average();
        var deviation = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + epsilon);
        return row.Select((v, c) => ((v - mean) / deviation * gain[c]) + bias[c]);
    })];

    /// <summary>Numbers between the groups of a row and its end stay as they are.</summary>
    public static double[] RmsNorm(double[] x, double[] gain, int groups, int stride, double epsilon)
    {
        var y = (double[])x.Clone();
        for (var row = 0; row < x.Length; row += stride)
        {
            for (var first = row; first < Math.Min(x.Length, row + (groups * gain.Length)); first += gain.Length)
            {
                var root = Math.Sqrt(x.Skip(first).Take(gain.Length).Average(v => v * v) + epsilon);
                for (var c = 0; c < gain.Length; c++)
                {
                    y[first + c] = x[first + c] / root * gain[c];
                }
            }
        }

        return y;
    }

    public static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    public static double[] SwiGlu(double[] gateUp, int width) =>
        [.. gateUp.Chunk(2 * width).SelectMany(row => Enumerable.Range(0, width).Select(c => row[c] / (1 + Math.Exp(-row[c])) * row[width + c]))];

    /// <summary>Causal attention of one sequence from its rows of the fused projection.</summary>
    public static double[] Attention(double[] qkv, AttentionShape shape)
    {
        var (d, width) = (shape.HeadWidth, shape.RowWidth);
        var rows = qkv.Length / width;
        var output = new double[rows * shape.OutputWidth];
        for (var row = 0; row < rows; row++)
        {
            for (var head = 0; head < shape.Heads; head++)
            {
                var keyHead = head / (shape.Heads / shape.KeyValueHeads);
                var q = qkv.AsSpan((row * width) + (head * d), d).ToArray();
                double[] Of(int position, int part) => qkv.AsSpan((position * width) + ((shape.Heads + (part * shape.KeyValueHeads) + keyHead) * d), d).ToArray();
                var weights = Softmax([.. Enumerable.Range(0, row + 1).Select(position => Check.Dot(q, Of(position, 0)) / Math.Sqrt(d))]);
                for (var position = 0; position <= row; position++)
                {
                    var value = Of(position, 1);
                    for (var i = 0; i < d; i++)
                    {
                        output[(row * shape.OutputWidth) + (head * d) + i] += weights[position] * value[i];
                    }
                }
            }
        }

        return output;
    }

    public static double[] Softmax(double[] logits)
    {
        var largest = logits.Max();
        var weights = logits.Select(v => Math.Exp(v - largest)).ToArray();
        var sum = weights.Sum();
        return [.. weights.Select(v => v / sum)];
    }

    /// <summary>For each hidden row: log p of its target and the entropy; the head is [vocabulary, width].</summary>
    public static (double LogProbability, double Entropy)[] LanguageHead(double[] hidden, double[] head, int[] targets, int width, double inverseTemperature) =>
        [.. hidden.Chunk(width).Select((row, r) =>
        {
            var probabilities = Softmax([.. head.Chunk(width).Select(weights => Check.Dot(row, weights) * inverseTemperature)]);
            return (Math.Log(probabilities[targets[r]]), -probabilities.Where(p => p > 0).Sum(p => p * Math.Log(p)));
        })];

    /// <summary>A product of float32 matrices [m, k] [k, n], each element one chain over k from <paramref name="start"/>.</summary>
    public static float[] Product(int m, int n, int k, Func<int, int, float> a, Func<int, int, float> b, Func<int, int, float> start, bool fused)
    {
        var c = new float[m * n];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var sum = start(i, j);
                for (var p = 0; p < k; p++)
                {
                    sum = fused ? MathF.FusedMultiplyAdd(a(i, p), b(p, j), sum) : (a(i, p) * b(p, j)) + sum;
                }

                c[(i * n) + j] = sum;
            }
        }

        return c;
    }
}
