namespace Rlhf.Evaluation;

/// <summary>PPO's gain between answers of similar length: what length cannot explain.</summary>
/// <param name="Gain">Mean over PPO's answers of their score minus the mean score of SFT's answers of similar length, to any prompt; with bootstrap interval
/// over prompts.</param>
/// <param name="Answers">PPO's finished answers that have such a partner.</param>
/// <param name="Finished">PPO's finished answers.</param>
public sealed record MatchedGain(Estimate Gain, int Answers, int Finished);

/// <summary>
/// Compares finished answers of two models at matched length: the shorter has at least four fifths of the longer one's tokens. What is left of a difference in
/// length is taken off by the slope of score over length (matching with a bias correction, Abadie and Imbens 2011).
/// </summary>
internal static class LengthMatching
{
    private sealed record Prompt(LearnedAnswer[] Sft, LearnedAnswer[] Ppo);

    /// <summary>The gain; null where no finished answers of both are of similar length.</summary>
    public static MatchedGain? Of(IReadOnlyList<LearnedAnswer> sft, IReadOnlyList<LearnedAnswer> ppo)
    {
        var before = sft.Where(static answer => answer.Finished).ToLookup(static answer => answer.Prompt);
        var after = ppo.Where(static answer => answer.Finished).ToLookup(static answer => answer.Prompt);
        var numbers = ppo.Select(static answer => answer.Prompt).Distinct().Order();
        Prompt[] prompts = [.. numbers.Select(prompt => new Prompt([.. before[prompt]], [.. after[prompt]]))];
        return Intervals.Bootstrap(prompts, static prompt => prompt.Ppo.Length, static drawn => GainOf(drawn).Mean) is { } gain
            ? new MatchedGain(gain, GainOf(prompts).Answers, (int)gain.Count)
            : null;
    }

    private static (double? Mean, int Answers) GainOf(IReadOnlyCollection<Prompt> prompts)
    {
        LearnedAnswer[] sft = [.. prompts.SelectMany(static prompt => prompt.Sft).OrderBy(static answer => answer.Tokens)];
        LearnedAnswer[] ppo = [.. prompts.SelectMany(static prompt => prompt.Ppo)];
        var slope = Slope(sft, ppo);
        // What a score is beside the line of its length, summed up to each of SFT's answers.
        double Beside(LearnedAnswer answer) => answer.Score - (slope * answer.Tokens);
        var sums = new double[sft.Length + 1];
        for (var i = 0; i < sft.Length; i++)
        {
            sums[i + 1] = sums[i] + Beside(sft[i]);
        }

        var (sum, answers) = (0.0, 0);
        foreach (var answer in ppo)
        {
            var first = CountOf(sft, other => other < TrustReport.SimilarLength * answer.Tokens);
            var end = CountOf(sft, other => TrustReport.SimilarLength * other <= answer.Tokens);
            if (end > first)
            {
                sum += Beside(answer) - ((sums[end] - sums[first]) / (end - first));
                answers++;
            }
        }

        return (answers > 0 ? sum / answers : null, answers);
    }

    // Of score over length within each model's answers; 0 where no two lengths differ.
    private static double Slope(params LearnedAnswer[][] models)
    {
        var (products, squares) = (0.0, 0.0);
        foreach (var answers in models.Where(static answers => answers.Length > 0))
        {
            var (tokens, score) = (answers.Average(static answer => answer.Tokens), answers.Average(static answer => answer.Score));
            products += answers.Sum(answer => (answer.Tokens - tokens) * (answer.Score - score));
            squares += answers.Sum(answer => (answer.Tokens - tokens) * (answer.Tokens - tokens));
        }

        return squares > 0 ? products / squares : 0;
    }

    // How many come first, in the order of their lengths, that are short enough.
    private static int CountOf(LearnedAnswer[] sorted, Func<int, bool> isShort)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = isShort(sorted[middle].Tokens) ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
