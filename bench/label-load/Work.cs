using Rlhf.Labelers.Store;

namespace LabelLoad;

/// <summary>What a labeler says of a task of any kind, and the same in words that do not depend on the order in which answers were shown.</summary>
internal static class Work
{
    /// <summary>A judgement as the page sends it, and its words.</summary>
    public static (object Judgement, string Said) Of(string kind, string[] responses, Random random)
    {
        if (random.Next(20) == 0)
        {
            return (new { cannot_judge = "no idea" }, "skipped");
        }

        int[] order = [.. Enumerable.Range(0, responses.Length)];
        random.Shuffle(order);
        var (tiers, ranked) = (order.Select(answer => new[] { answer }).ToArray(), string.Join(" > ", order.Select(answer => responses[answer])));
        var text = $"text {random.Next()}";
        return kind switch
        {
            "rank" => (new { tiers }, ranked),
            "write" => (new { written = text }, text),
            "rank_correct" => (new { tiers, written = text, corrected = order[0] }, $"{ranked} | {responses[order[0]]} | {text}"),
            "review" => random.Next(3) switch
            {
                0 => (new { verdict = "edit", written = text }, $"edit {text}"),
                1 => (new { verdict = "accept" }, "accept "),
                _ => (new { verdict = "reject" }, "reject "),
            },
            "prompt" => (new { written = text, use_case = "chat" }, $"{text} for chat"),
            _ => throw new InvalidOperationException($"A task of the kind {kind} is not expected."),
        };
    }

    /// <summary>The words of what stands in the store.</summary>
    public static string SaidOf(Judgement judgement, IReadOnlyList<string> responses)
    {
        var ranked = judgement.Tiers is { } tiers ? string.Join(" > ", tiers.Select(tier => responses[tier[0]])) : "";
        return judgement switch
        {
            { CannotJudge: not null } => "skipped",
            { Corrected: { } corrected } => $"{ranked} | {responses[corrected]} | {judgement.Written}",
            { Tiers: not null } => ranked,
            { Verdict: { } verdict } => $"{verdict} {judgement.Written}",
            { UseCase: { } use } => $"{judgement.Written} for {use}",
            _ => judgement.Written!,
        };
    }
}
