namespace Rlhf.Objectives;

/// <summary>KTO's numbers.</summary>
/// <param name="Beta">beta.</param>
/// <param name="DesirableWeight">Weight of good answers, the paper's lambda_D.</param>
/// <param name="UndesirableWeight">Weight of bad answers, the paper's lambda_U.</param>
public sealed record KtoLossOptions(double Beta, double DesirableWeight = 1, double UndesirableWeight = 1);

/// <summary>
/// KTO (Ethayarajh 2024) of single answers: the mean of w (1 - s(beta (D - z))) for good ones and w (1 - s(beta (z - D))) for bad ones. z, the reference
/// point, has no gradient; with z = 0 it is APO-zero of single answers.
/// </summary>
public static class KtoLoss
{
    private static readonly PreferenceLossOptions PlainSum = new();

    /// <summary>z: the mean of D over answers that belong to other prompts, an estimate of the KL to the reference; never below 0. 0 without an
    /// answer.</summary>
    public static double ReferencePoint(IReadOnlyCollection<double> mismatched) => mismatched.Count == 0 ? 0 : Math.Max(0, mismatched.Average());

    /// <summary>Loss and gradient of these answers as a part of the whole batch; implicit rewards are beta D.</summary>
    /// <param name="answers">A answers with their reference.</param>
    /// <param name="desirable">[A] whether each is a good one.</param>
    /// <param name="weights">[A] weight of each in the mean over answers.</param>
    /// <param name="z">The reference point.</param>
    /// <param name="options">beta and the weights of the two kinds.</param>
    /// <param name="totalWeight">Weights of all answers of the batch together.</param>
    /// <param name="gradient">[N] d loss / d log p of each token; replaced.</param>
    public static PreferenceStatistics Compute(
        AnswerLogProbabilities answers, ReadOnlySpan<bool> desirable, ReadOnlySpan<double> weights, double z, KtoLossOptions options, double totalWeight,
        Span<float> gradient)
    {
        answers.Check(gradient, hasReference: true);
        PackedRows.CheckDivisor(totalWeight, nameof(totalWeight));
        PackedRows.CheckLength(answers.Answers, desirable.Length, nameof(desirable));
        PackedRows.CheckLength(answers.Answers, weights.Length, nameof(weights));
        var slopes = new double[answers.Tokens];
        var statistics = default(PreferenceStatistics);
        for (var answer = 0; answer < answers.Answers; answer++)
        {
            var sum = answers.Sum(answer);
            var (sign, kind) = desirable[answer] ? (1, options.DesirableWeight) : (-1, options.UndesirableWeight);
            var share = weights[answer] / totalWeight * kind;
            var x = sign * options.Beta * (sum - z);
            answers.AddSlope(slopes, answer, int.MaxValue, -share * sign * options.Beta * Logistic.Sigmoid(x) * Logistic.Sigmoid(-x), PlainSum);
            statistics += PreferenceStatistics.OfAnswer(
                share * Logistic.Sigmoid(-x), desirable[answer], options.Beta * sum, answers.LogProbability(answer), sum - z);
        }

        for (var token = 0; token < slopes.Length; token++)
        {
            gradient[token] = (float)slopes[token];
        }

        return statistics;
    }
}
