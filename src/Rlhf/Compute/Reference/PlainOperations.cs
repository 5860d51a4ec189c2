namespace Rlhf.Compute.Reference;

/// <summary>A decoder's operations in float64, as their definitions read, forward beside backward: what the kernels are compared with. A matrix is its rows one
/// after another.</summary>
public static class PlainOperations
{
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

    /// <summary>y [N, outputs] = x [N, inputs] W + bias, W [inputs, outputs].</summary>
    public static double[] Linear(double[] x, ReadOnlySpan<double> weights, ReadOnlySpan<double> bias, int inputs)
    {
        var (rows, outputs) = (x.Length / inputs, bias.Length);
        var y = new double[rows * outputs];
        for (var row = 0; row < rows; row++)
        {
            bias.CopyTo(y.AsSpan(row * outputs));
            for (var i = 0; i < inputs; i++)
            {
                for (var o = 0; o < outputs; o++)
                {
                    y[(row * outputs) + o] += x[(row * inputs) + i] * weights[(i * outputs) + o];
                }
            }
        }

        return y;
    }

    /// <summary>dBias of <see cref="Linear"/>: adds the sums of dy's columns.</summary>
    public static void AddColumnSums(double[] dy, Span<double> dBias)
    {
        for (var i = 0; i < dy.Length; i++)
        {
            dBias[i % dBias.Length] += dy[i];
        }
    }

    /// <summary>dx of <see cref="Linear"/>; adds to dW.</summary>
    public static double[] LinearBackward(double[] x, ReadOnlySpan<double> weights, double[] dy, int inputs, Span<double> dWeights)
    {
        var (rows, outputs) = (x.Length / inputs, dWeights.Length / inputs);
        var dx = new double[x.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < inputs; i++)
            {
                for (var o = 0; o < outputs; o++)
                {
                    dx[(row * inputs) + i] += dy[(row * outputs) + o] * weights[(i * outputs) + o];
                    dWeights[(i * outputs) + o] += x[(row * inputs) + i] * dy[(row * outputs) + o];
                }
            }
        }

        return dx;
    }

    /// <summary>(x - mean) / sqrt(variance + epsilon) gain + bias of each row (Ba 2016).</summary>
    public static double[] LayerNorm(double[] x, ReadOnlySpan<double> gain, ReadOnlySpan<double> bias, double epsilon)
    {
        var width = gain.Length;
        var y = new double[x.Length];
        for (var first = 0; first < x.Length; first += width)
        {
            var (mean, deviation) = Moments(x.AsSpan(first, width), epsilon);
            for (var c = 0; c < width; c++)
            {
                y[first + c] = ((x[first + c] - mean) / deviation * gain[c]) + bias[c];
            }
        }

        return y;
    }

    /// <summary>With n = normalised x and g = dy gain: dx = (g - mean(g) - n mean(g n)) / deviation; adds to dGain and dBias.</summary>
    public static double[] LayerNormBackward(double[] x, ReadOnlySpan<double> gain, double[] dy, double epsilon, Span<double> dGain, Span<double> dBias)
    {
        var width = gain.Length;
        var dx = new double[x.Length];
        for (var first = 0; first < x.Length; first += width)
        {
            var (mean, deviation) = Moments(x.AsSpan(first, width), epsilon);
            var (meanGradient, meanProduct) = (0.0, 0.0);
            for (var c = 0; c < width; c++)
            {
                var normal = (x[first + c] - mean) / deviation;
                dGain[c] += dy[first + c] * normal;
                dBias[c] += dy[first + c];
                meanGradient += dy[first + c] * gain[c] / width;
                meanProduct += dy[first + c] * gain[c] * normal / width;
            }

            for (var c = 0; c < width; c++)
            {
                dx[first + c] = ((dy[first + c] * gain[c]) - meanGradient - ((x[first + c] - mean) / deviation * meanProduct)) / deviation;
            }
        }

        return dx;
    }

    /// <summary>x / sqrt(mean(x^2) + epsilon) gain for groups of each row (Zhang and Sennrich 2019). Numbers between the groups of a row and its end stay as
    /// they are.</summary>
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

    /// <summary>GELU, tanh form (Hendrycks and Gimpel 2016).</summary>
    public static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(GeluInner(x)));

    /// <summary>Its derivative.</summary>
    public static double GeluSlope(double x)
    {
        var tanh = Math.Tanh(GeluInner(x));
        return (0.5 * (1 + tanh)) + (0.5 * x * (1 - (tanh * tanh)) * Math.Sqrt(2 / Math.PI) * (1 + (3 * 0.044715 * x * x)));
    }

    /// <summary>x Phi(x), Phi by Simpson's rule.</summary>
    public static double ExactGelu(double x) => x * Phi(x);

    /// <summary>gelu(gate) up in the tanh form, from rows [gate | up] (Shazeer 2020).</summary>
    public static double[] GeGlu(double[] gateUp, int width) =>
        [.. gateUp.Chunk(2 * width).SelectMany(row => Enumerable.Range(0, width).Select(c => Gelu(row[c]) * row[width + c]))];

    /// <summary>cap tanh(x / cap) (Gemma Team 2024).</summary>
    public static double SoftCap(double x, double cap) => cap * Math.Tanh(x / cap);

    /// <summary>silu(gate) up with silu(x) = x / (1 + exp(-x)), from rows [gate | up] (Shazeer 2020).</summary>
    public static double[] SwiGlu(double[] gateUp, int width) =>
        [.. gateUp.Chunk(2 * width).SelectMany(row => Enumerable.Range(0, width).Select(c => row[c] / (1 + Math.Exp(-row[c])) * row[width + c]))];

    /// <summary>For each hidden row: log p of its target and the entropy; the head is [vocabulary, width].</summary>
    public static (double LogProbability, double Entropy)[] LanguageHead(double[] hidden, double[] head, int[] targets, int width, double inverseTemperature) =>
        [.. hidden.Chunk(width).Select((row, r) =>
        {
            var probabilities = Softmax([.. head.Chunk(width).Select(weights => Dot(row, weights) * inverseTemperature)]);
            return (Math.Log(probabilities[targets[r]]), -probabilities.Where(p => p > 0).Sum(p => p * Math.Log(p)));
        })];

    /// <summary>How far the distribution of a student's logits lies from its teacher's (Agarwal 2023, eq. 1; forward KL with beta 0, reverse KL with
    /// 1).</summary>
    public static double Divergence(double[] student, double[] teacher, double beta, double inverseTemperature)
    {
        var p = Softmax([.. student.Select(logit => logit * inverseTemperature)]);
        var q = Softmax([.. teacher.Select(logit => logit * inverseTemperature)]);
        double[] mean = [.. p.Zip(q, (one, other) => ((1 - beta) * one) + (beta * other))];
        return beta switch
        {
            0 => Kl(q, p),
            1 => Kl(p, q),
            _ => (beta * Kl(q, mean)) + ((1 - beta) * Kl(p, mean)),
        };

        static double Kl(double[] p, double[] q) => p.Zip(q, (one, other) => one > 0 ? one * Math.Log(one / other) : 0).Sum();
    }

    /// <summary>exp(x) / sum of exp(x).</summary>
    public static double[] Softmax(double[] logits)
    {
        var largest = logits.Max();
        double[] weights = [.. logits.Select(logit => Math.Exp(logit - largest))];
        var sum = weights.Sum();
        return [.. weights.Select(weight => weight / sum)];
    }

    /// <summary>A finite number as bfloat16 has it: float32's upper half, rounded to nearest, ties to even.</summary>
    public static double ToBFloat16(double number)
    {
        var bits = BitConverter.SingleToUInt32Bits((float)number);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }

    /// <summary>The sum of products.</summary>
    public static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        var sum = 0.0;
        for (var i = 0; i < x.Length; i++)
        {
            sum += x[i] * y[i];
        }

        return sum;
    }

    private static (double Mean, double Deviation) Moments(ReadOnlySpan<double> row, double epsilon)
    {
        var (mean, variance) = (0.0, 0.0);
        foreach (var value in row)
        {
            mean += value / row.Length;
        }

        foreach (var value in row)
        {
            variance += (value - mean) * (value - mean) / row.Length;
        }

        return (mean, Math.Sqrt(variance + epsilon));
    }

    private static double Phi(double x)
    {
        const int steps = 400;
        var (width, sum) = (x / steps, 0.0);
        for (var i = 0; i <= steps; i++)
        {
            sum += (i is 0 or steps ? 1 : i % 2 == 0 ? 2 : 4) * Math.Exp(-0.5 * i * width * i * width);
        }

        return 0.5 + (sum * width / 3 / Math.Sqrt(2 * Math.PI));
    }

    private static double GeluInner(double x) => Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x));
}
