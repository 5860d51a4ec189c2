namespace Rlhf.Objectives;

/// <summary>An order of neighbouring answers of a batch.</summary>
/// <param name="First">Index of the first answer.</param>
/// <param name="Tiers">[K] tier of each answer, 0 = best; equal tiers are not ordered.</param>
/// <param name="Weight">Weight in the mean over orders.</param>
public readonly record struct AnswerOrder(int First, IReadOnlyList<int> Tiers, double Weight = 1);

/// <summary>
/// DPO of whole rankings (Rafailov 2023, App. A.3): the sum over answers i of -log(e^(beta D_i) / sum of e^(beta D_j) over i and all answers below it), then
/// the mean over rankings. Answers of one tier do not stand against each other. With two answers it is DPO.
/// </summary>
public static class PlackettLuceLoss
{
    private static readonly PreferenceLossOptions PlainSum = new();

    /// <summary>Loss and gradient of these orders as a part of the whole batch; implicit rewards are beta D.</summary>
    /// <param name="answers">A answers with their reference.</param>
    /// <param name="orders">Orders of them.</param>
    /// <param name="beta">beta.</param>
    /// <param name="totalWeight">Weights of all orders of the batch together.</param>
    /// <param name="gradient">[N] d loss / d log p of each token; replaced.</param>
    public static PreferenceStatistics Compute(
        AnswerLogProbabilities answers, ReadOnlySpan<AnswerOrder> orders, double beta, double totalWeight, Span<float> gradient)
    {
        answers.Check(gradient, hasReference: true);
        PackedRows.CheckDivisor(totalWeight, nameof(totalWeight));
        var slopes = new double[answers.Tokens];
        var statistics = default(PreferenceStatistics);
        foreach (var order in orders)
        {
            statistics += OneOrder(answers, order, beta, order.Weight / totalWeight, slopes);
        }

        for (var token = 0; token < slopes.Length; token++)
        {
            gradient[token] = (float)slopes[token];
        }

        return statistics;
    }

    private static PreferenceStatistics OneOrder(AnswerLogProbabilities answers, AnswerOrder order, double beta, double share, double[] slopes)
    {
        var (rewards, own) = (new double[order.Tiers.Count], new double[order.Tiers.Count]);
        for (var i = 0; i < rewards.Length; i++)
        {
            rewards[i] = beta * answers.Sum(order.First + i);
        }

        var statistics = default(PreferenceStatistics);
        for (var i = 0; i < rewards.Length; i++)
        {
            int[] below = [.. Enumerable.Range(0, rewards.Length).Where(j => order.Tiers[j] > order.Tiers[i])];
            if (below.Length > 0)
            {
                statistics += new PreferenceStatistics { Loss = share * Against(rewards, i, below, own) };
            }

            foreach (var j in below)
            {
                statistics += PreferenceStatistics.OfPair(
                    0, rewards[i], rewards[j], answers.LogProbability(order.First + i), answers.LogProbability(order.First + j));
            }
        }

        for (var i = 0; i < own.Length; i++)
        {
            answers.AddSlope(slopes, order.First + i, int.MaxValue, share * beta * own[i], PlainSum);
        }

        return statistics;
    }

    /// <summary>-log softmax of an answer among itself and those below; adds the slopes.</summary>
    private static double Against(double[] rewards, int i, int[] below, double[] slopes)
    {
        var largest = Math.Max(rewards[i], below.Max(j => rewards[j]));
        var sum = Math.Exp(rewards[i] - largest) + below.Sum(j => Math.Exp(rewards[j] - largest));
        slopes[i] += (Math.Exp(rewards[i] - largest) / sum) - 1;
        foreach (var j in below)
        {
            slopes[j] += Math.Exp(rewards[j] - largest) / sum;
        }

        return largest - rewards[i] + Math.Log(sum);
    }
}
