using Rlhf.Text.Templates;

namespace Rlhf.Cli.Bench;

/// <summary>An answer with what PPO learns from, all by the plain path: arrays over its response tokens.</summary>
internal sealed record PlainAnswer(
    int[] Tokens, int PromptLength, double[] OldLogProbabilities, double[] ReferenceLogProbabilities, double[] OldValues, double Score)
{
    /// <summary>Generalized advantages (Schulman 2015, eq. 16) of the rewards -beta KL, + the score at the last token.</summary>
    public double[] Advantages(double beta, double gamma, double lambda)
    {
        var advantages = new double[OldValues.Length];
        for (var t = advantages.Length - 1; t >= 0; t--)
        {
            var last = t == advantages.Length - 1;
            var reward = (-beta * (OldLogProbabilities[t] - ReferenceLogProbabilities[t])) + (last ? Score : 0);
            var delta = reward + (last ? 0 : gamma * OldValues[t + 1]) - OldValues[t];
            advantages[t] = delta + (last ? 0 : gamma * lambda * advantages[t + 1]);
        }

        return advantages;
    }
}

/// <summary>Losses of the three steps and their gradients in float64, one sequence at a time; each adds to the decoder's gradients.</summary>
internal static class PlainSteps
{
    /// <summary>Mean of -log p over all response tokens.</summary>
    public static double Sft(PlainDecoder policy, IReadOnlyList<EncodedSequence> rows)
    {
        var (loss, targets) = (0.0, rows.Sum(static row => row.ResponseLength));
        foreach (var row in rows)
        {
            var pass = policy.Forward(row.Tokens);
            loss -= pass.LogProbabilities(row.PromptLength).Sum() / targets;
            pass.LanguageBackward(row.PromptLength, [.. Enumerable.Repeat(-1.0 / targets, row.ResponseLength)]);
            pass.Backward();
        }

        return loss;
    }

    /// <summary>Mean over prompts of the mean over their pairs of -log sigmoid(r_w - r_l) (Ouyang 2022, eq. 1).</summary>
    public static double RewardModel(PlainDecoder reward, IReadOnlyList<EncodedRanking> rankings)
    {
        var loss = 0.0;
        foreach (var ranking in rankings)
        {
            PlainDecoder.Pass[] passes = [.. ranking.Answers.Select(answer => reward.Forward(answer.Tokens))];
            double[] rewards = [.. passes.Select(static pass => pass.Scalars()[^1])];
            var gradients = new double[rewards.Length];
            var share = 1.0 / (ranking.Pairs.Count * rankings.Count);
            foreach (var (better, worse) in ranking.Pairs)
            {
                var wrong = 1 / (1 + Math.Exp(rewards[better] - rewards[worse]));
                loss -= share * Math.Log(1 - wrong);
                gradients[better] -= share * wrong;
                gradients[worse] += share * wrong;
            }

            for (var i = 0; i < passes.Length; i++)
            {
                passes[i].ScalarBackward(ranking.Answers[i].Tokens.Length - 1, gradients[i]);
                passes[i].Backward();
            }
        }

        return loss;
    }

    /// <summary>PPO's clipped policy loss (Schulman 2017, eq. 7), mean over the response tokens of all answers.</summary>
    public static double Policy(PlainDecoder policy, IReadOnlyList<PlainAnswer> answers, IReadOnlyList<double[]> advantages, double clip)
    {
        var (loss, tokens) = (0.0, advantages.Sum(static row => row.Length));
        foreach (var (answer, advantage) in answers.Zip(advantages))
        {
            var pass = policy.Forward(answer.Tokens);
            var logProbabilities = pass.LogProbabilities(answer.PromptLength);
            var gradient = new double[logProbabilities.Length];
            for (var t = 0; t < gradient.Length; t++)
            {
                var ratio = Math.Exp(logProbabilities[t] - answer.OldLogProbabilities[t]);
                var (plain, clipped) = (-advantage[t] * ratio, -advantage[t] * Math.Clamp(ratio, 1 - clip, 1 + clip));
                loss += Math.Max(plain, clipped) / tokens;
                gradient[t] = plain >= clipped ? plain / tokens : 0;
            }

            pass.LanguageBackward(answer.PromptLength, gradient);
            pass.Backward();
        }

        return loss;
    }

    /// <summary>Half the mean of the larger of the squared errors of the value and of the clipped value (Ziegler 2019's code).</summary>
    public static double Value(PlainDecoder value, IReadOnlyList<PlainAnswer> answers, IReadOnlyList<double[]> advantages, double clip)
    {
        var (loss, tokens) = (0.0, advantages.Sum(static row => row.Length));
        foreach (var (answer, advantage) in answers.Zip(advantages))
        {
            var pass = value.Forward(answer.Tokens);
            var values = pass.Scalars();
            for (var t = 0; t < advantage.Length; t++)
            {
                var (row, old) = (answer.PromptLength + t - 1, answer.OldValues[t]);
                var error = values[row] - (advantage[t] + old);
                var clippedError = Math.Clamp(values[row], old - clip, old + clip) - (advantage[t] + old);
                loss += 0.5 * Math.Max(error * error, clippedError * clippedError) / tokens;
                pass.ScalarBackward(row, error * error >= clippedError * clippedError ? error / tokens : 0);
            }

            pass.Backward();
        }

        return loss;
    }
}
