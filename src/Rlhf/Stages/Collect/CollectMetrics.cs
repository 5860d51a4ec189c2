namespace Rlhf.Stages.Collect;

/// <summary>What the collect stage sums up.</summary>
internal static class CollectMetrics
{
    public static readonly Metric SampledTokens = new("sampled_tokens", "tokens sampled", "Tokens of the sampled answers together.");

    public static readonly Metric Pairs = new("pairs", "pairs", "Pairs of answers of which the labeler preferred one.");

    public static readonly Metric Ties = new("ties", "ties", "Pairs of answers that the labeler put at the same place.");

    public static readonly Metric Answers = new("answers", "answers", "Answers sampled.");

    public static readonly Metric Prompts = new("prompts", "prompts", "Prompts answered.");

    public static readonly Metric Rankings = new("rankings", "rankings", "Rankings that the reward model can learn from.");
}
