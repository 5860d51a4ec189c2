using System.Text.Json;
using Rlhf.Compute.Reference;
using Rlhf.Tests.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Training;

public class AdamWReferenceTests
{
    [Fact]
    public void Five_steps_of_a_linear_problem_are_the_references()
    {
        var golden = Golden.Load("adamw.json").Root;
        var (x, y) = (Matrix(golden, "X"), Matrix(golden, "Y"));
        var (w, b) = (Flat(golden, "W0"), golden.Doubles("b0"));
        var (betas, decay) = (golden.Doubles("betas"), golden.GetProperty("weight_decay"));
        var forW = new PlainAdamW(w.Length, betas[0], betas[1], golden.Number("eps"), decay.Number("W"));
        var forB = new PlainAdamW(b.Length, betas[0], betas[1], golden.Number("eps"), decay.Number("b"));
        var scales = golden.Doubles("loss_scales");

        foreach (var (step, scale) in golden.GetProperty("steps").EnumerateArray().Zip(scales))
        {
            var (loss, gradientW, gradientB) = Problem(x, y, w, b, scale);
            Close([step.Number("loss_before")], [loss]);
            Close(Flat(step, "grad_W"), gradientW);
            Close(step.Doubles("grad_b"), gradientB);
            var norm = PlainAdamW.Norm(gradientW, gradientB);
            var factor = PlainAdamW.ClipFactor(norm, golden.Number("max_grad_norm"));
            Close([step.Number("grad_norm"), step.Number("clip_coef")], [norm, factor]);

            forW.Step(w, [.. gradientW.Select(g => g * factor)], step.Number("lr"));
            forB.Step(b, [.. gradientB.Select(g => g * factor)], step.Number("lr"));
            Close(Flat(step, "W"), w);
            Close(step.Doubles("b"), b);
            Close(Flat(step, "m_W"), forW.M);
            Close(Flat(step, "v_W"), forW.V);
            Close(step.Doubles("m_b"), forB.M);
            Close(step.Doubles("v_b"), forB.V);
        }
    }

    // loss = scale * 0.5 * mean over all n * out entries of (X W + b - Y)^2
    private static (double Loss, double[] W, double[] B) Problem(double[][] x, double[][] y, double[] w, double[] b, double scale)
    {
        var (outputs, entries) = (b.Length, x.Length * b.Length);
        var (loss, gradientW, gradientB) = (0.0, new double[w.Length], new double[b.Length]);
        for (var n = 0; n < x.Length; n++)
        {
            for (var o = 0; o < outputs; o++)
            {
                var error = b[o] - y[n][o];
                for (var i = 0; i < x[n].Length; i++)
                {
                    error += x[n][i] * w[i * outputs + o];
                }

                loss += scale * 0.5 * error * error / entries;
                gradientB[o] += scale * error / entries;
                for (var i = 0; i < x[n].Length; i++)
                {
                    gradientW[i * outputs + o] += scale * error * x[n][i] / entries;
                }
            }
        }

        return (loss, gradientW, gradientB);
    }

    private static void Close(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-9);
        }
    }

    private static double[][] Matrix(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(row => row.EnumerateArray().Select(e => e.GetDouble()).ToArray())];

    private static double[] Flat(JsonElement element, string name) => [.. Matrix(element, name).SelectMany(row => row)];
}
