namespace Rlhf.Stages.Rejection;

/// <summary>What the rejection stage sums up.</summary>
internal static class RejectionMetrics
{
    public static readonly Metric Prompts = new("rejection_prompts", "prompts answered", "Prompts to which answers were sampled.");

    public static readonly Metric AnswersPerPrompt = new("rejection_answers", "answers to a prompt", "Answers that were sampled to each prompt.");

    public static readonly Metric SampledTokens = new("rejection_tokens", "tokens sampled", "Tokens of all sampled answers together.");

    public static readonly Metric Chosen = new("rejection_chosen", "answers chosen", "Best answers that were trained on.");

    public static readonly Metric WithoutEnd = new("rejection_without_end", "prompts without an ended answer", "Prompts none of whose answers ended by itself.");

    public static readonly Metric MeanScore = new("rejection_mean_score", "score of all answers", "Mean score of all sampled answers.");

    public static readonly Metric BestScore = new("rejection_best_score", "score of the best answers", "Mean score of the best answer to each prompt.");

    public static readonly Metric ChosenScore = new("rejection_chosen_score", "score of the chosen answers", "Mean score of the answers that were trained on.");

    public static readonly MetricFamily SampledMean = new(
        "rejection_mean.", "number of sampled answers by",
        "Mean number that this source of rewards gave all sampled answers, before normalisation and weight.");

    public static readonly Metric KlBound = new(
        "rejection_kl_bound", "KL bound of the best of n",
        "The most by which the best of n is away from the policy that was sampled: log n - (n - 1) / n.", "nats per answer");
}
