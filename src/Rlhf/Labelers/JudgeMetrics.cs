using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>What a judge took, and how it was.</summary>
internal static class JudgeMetrics
{
    public static readonly Metric JudgeCalls = new("judge_calls", "judge: calls", "Replies received from the judge.");

    public static readonly Metric JudgeRetries = new("judge_retries", "judge: retries", "Requests that failed and were sent again.");

    public static readonly Metric JudgeUnclear = new(
        "judge_unclear", "judge: unclear",
        "Questions whose reply was none of the words asked for, also when asked again; they count as ties.");

    public static readonly Metric JudgePromptTokens = new("judge_prompt_tokens", "judge: tokens sent", "As the server counts them.");

    public static readonly Metric JudgeReplyTokens = new("judge_reply_tokens", "judge: tokens received", "As the server counts them.");

    public static readonly Metric JudgeCost = new("judge_cost", "judge: cost", "Tokens times their prices, in the currency of the recipe's prices.");

    public static readonly Metric JudgeDisagreement = new(
        "judge_disagreement", "judge: disagreement with itself",
        "Share of pairs of which the judge said different things in the two orders, or nothing readable; they count as ties.");

    public static readonly Metric JudgeFirstChosen = new(
        "judge_first_chosen", "judge: first answer chosen",
        "Share of the judge's choices that fell on the answer that stood first; 50 % without a bias of position.");

    /// <summary>What the judging took.</summary>
    /// <param name="answered">Every question once.</param>
    /// <param name="options">The prices.</param>
    /// <param name="unclear">What the questions are called whose reply cannot be read.</param>
    /// <param name="unclearCount">How many there are.</param>
    public static FigureTable FiguresOf(IReadOnlyList<IAnswered> answered, ChatOptions options, Metric unclear, long unclearCount)
    {
        var (sent, received) = (answered.Sum(static item => item.PromptTokens), answered.Sum(static item => item.ReplyTokens));
        return new FigureTable
        {
            [JudgeCalls] = new(answered.Sum(static item => (long)item.Calls)),
            [JudgeRetries] = new(answered.Sum(static item => (long)item.Retries)),
            [unclear] = new(unclearCount),
            [JudgePromptTokens] = new(sent, Unit: "tokens"),
            [JudgeReplyTokens] = new(received, Unit: "tokens"),
            [JudgeCost] = new(((sent * options.PromptPrice) + (received * options.ReplyPrice)) / 1e6),
        };
    }
}
