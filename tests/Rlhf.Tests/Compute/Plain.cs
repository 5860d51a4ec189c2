using Rlhf.Benchmarks;

namespace Rlhf.Tests.Compute;

/// <summary>The operations in float64, written as their definitions read: what the kernels are compared with, beside the library's <see cref="PlainOperations"/>.</summary>
internal static class Plain
{
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

    public static double[] SwiGlu(double[] gateUp, int width) =>
        [.. gateUp.Chunk(2 * width).SelectMany(row => Enumerable.Range(0, width).Select(c => row[c] / (1 + Math.Exp(-row[c])) * row[width + c]))];

    /// <summary>For each hidden row: log p of its target and the entropy; the head is [vocabulary, width].</summary>
    public static (double LogProbability, double Entropy)[] LanguageHead(double[] hidden, double[] head, int[] targets, int width, double inverseTemperature) =>
        [.. hidden.Chunk(width).Select((row, r) =>
        {
            var probabilities = PlainOperations.Softmax([.. head.Chunk(width).Select(weights => Check.Dot(row, weights) * inverseTemperature)]);
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
