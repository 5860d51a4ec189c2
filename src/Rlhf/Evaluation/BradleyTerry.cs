namespace Rlhf.Evaluation;

/// <summary>A vote between two models.</summary>
/// <param name="Prompt">The prompt, of which all votes are drawn together.</param>
/// <param name="First">The number of one model.</param>
/// <param name="Second">The number of the other.</param>
/// <param name="Score">1 where the first wins, 0 where the second does, a half for a tie.</param>
public readonly record struct PairVote(string Prompt, int First, int Second, double Score);

/// <summary>
/// Strengths of models that met in pairs (Bradley and Terry 1952): P(i beats j) = 1 / (1 + exp(s_j - s_i)), a tie counting as half a win of each. The mean
/// strength is 0.
/// </summary>
public static class BradleyTerry
{
    private const int Resamples = 1000;
    private const int Steps = 100;

    // A prior so weak that it moves nothing that the votes determine; without it a model that never lost would have no finite strength.
    private const double Ridge = 1e-4;

    /// <summary>The strengths [M] with 95 % intervals by a bootstrap over prompts; null where nobody has voted.</summary>
    /// <param name="models">M.</param>
    /// <param name="votes">The votes.</param>
    public static IReadOnlyList<Estimate>? Of(int models, IReadOnlyList<PairVote> votes)
    {
        if (votes.Count == 0)
        {
            return null;
        }

        PairVote[][] prompts = [.. votes.GroupBy(vote => vote.Prompt, StringComparer.Ordinal).Select(group => group.ToArray())];
        var strengths = Fit(WinsOf(models, votes));
        var draws = Enumerable.Range(0, models).Select(_ => new double[Resamples]).ToArray();
        var random = new SplitMix64(0);
        for (var draw = 0; draw < Resamples; draw++)
        {
            var drawn = Fit(WinsOf(models, Enumerable.Range(0, prompts.Length).SelectMany(_ => prompts[random.Next(prompts.Length)])));
            for (var model = 0; model < models; model++)
            {
                draws[model][draw] = drawn[model];
            }
        }

        return [.. draws.Select((own, model) =>
        {
            Array.Sort(own);
            var met = votes.LongCount(vote => vote.First == model || vote.Second == model);
            return new Estimate(strengths[model], own[Resamples / 40], own[Resamples - 1 - Resamples / 40], met);
        })];
    }

    /// <summary>[M, M] how often the model of a row won against that of a column, ties a half.</summary>
    public static double[,] WinsOf(int models, IEnumerable<PairVote> votes)
    {
        var wins = new double[models, models];
        foreach (var vote in votes)
        {
            wins[vote.First, vote.Second] += vote.Score;
            wins[vote.Second, vote.First] += 1 - vote.Score;
        }

        return wins;
    }

    /// <summary>The strengths [M] of greatest likelihood, by Newton's method: the log-likelihood is concave.</summary>
    /// <param name="wins">[M, M] as of <see cref="WinsOf"/>.</param>
    public static double[] Fit(double[,] wins)
    {
        var models = wins.GetLength(0);
        var strengths = new double[models];
        for (var step = 0; step < Steps; step++)
        {
            var (gradient, curvature) = Slope(wins, strengths);
            var change = Solve(curvature, gradient);
            // Far from the optimum a whole step overshoots.
            var largest = change.Max(Math.Abs);
            var part = largest > 1 ? 1 / largest : 1;
            for (var i = 0; i < models; i++)
            {
                strengths[i] += part * change[i];
            }

            if (largest < 1e-10)
            {
                break;
            }
        }

        var mean = strengths.Average();
        return [.. strengths.Select(strength => strength - mean)];
    }

    private static (double[] Gradient, double[,] Curvature) Slope(double[,] wins, double[] strengths)
    {
        var models = strengths.Length;
        var (gradient, curvature) = (new double[models], new double[models, models]);
        for (var i = 0; i < models; i++)
        {
            gradient[i] -= Ridge * strengths[i];
            curvature[i, i] += Ridge;
            for (var j = 0; j < models; j++)
            {
                var (met, chance) = (wins[i, j] + wins[j, i], 1 / (1 + Math.Exp(strengths[j] - strengths[i])));
                if (i != j)
                {
                    gradient[i] += wins[i, j] - met * chance;
                    curvature[i, i] += met * chance * (1 - chance);
                    curvature[i, j] -= met * chance * (1 - chance);
                }
            }
        }

        return (gradient, curvature);
    }

    /// <summary>Solves a positive definite system by elimination.</summary>
    private static double[] Solve(double[,] matrix, double[] right)
    {
        var count = right.Length;
        for (var pivot = 0; pivot < count; pivot++)
        {
            for (var row = pivot + 1; row < count; row++)
            {
                var factor = matrix[row, pivot] / matrix[pivot, pivot];
                for (var column = pivot; column < count; column++)
                {
                    matrix[row, column] -= factor * matrix[pivot, column];
                }

                right[row] -= factor * right[pivot];
            }
        }

        for (var row = count - 1; row >= 0; row--)
        {
            for (var column = row + 1; column < count; column++)
            {
                right[row] -= matrix[row, column] * right[column];
            }

            right[row] /= matrix[row, row];
        }

        return right;
    }
}
