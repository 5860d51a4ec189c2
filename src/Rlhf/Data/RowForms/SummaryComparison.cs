namespace Rlhf.Data.RowForms;

/// <summary>
/// Comparisons of summaries (Stiennon 2020, TL;DR): <c>info</c> with the post, two <c>summaries</c> and <c>choice</c>, the number of the better one. A summary
/// keeps the
/// space that it begins with.
/// </summary>
internal static class SummaryComparison
{
    public static bool Fits(RowFields row) => row.Has("info") && row.Has("summaries") && row.Has("choice");

    public static Ranking Parse(RowFields row)
    {
        var info = row.Nested(row.Get("info"), "info");
        var summaries = row.Get("summaries");
        var answers = row.ItemsOf(summaries).Select(item => row.Nested(item, "summaries[]"))
            .Select(summary => Message.FromAssistant(summary.TextOf(summary.Get("text")))).ToList();
        if (answers.Count != 2)
        {
            throw row.Error(summaries, "two summaries");
        }

        var better = row.IndexOf(row.Get("choice"), answers.Count);
        row.LeaveOut("extra");
        var post = info.Find("post") ?? throw row.Error(
            row.Get("info"), "the post that is summed up (comparisons of news articles have none and are not read)");
        var text = $"SUBREDDIT: r/{info.FindText("subreddit")}\n\nTITLE: {info.FindText("title")}\n\nPOST: {info.TextOf(post)}\n\nTL;DR:";
        var prompt = PromptParser.FromText(row, post, text) with { Group = info.FindName("id") };
        return RankingParser.OfPair(row, prompt, answers[better], answers[1 - better]);
    }
}
