using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>Stanford Human Preferences: <c>history</c> is what was asked, <c>labels</c> is 1 where <c>human_ref_A</c> is preferred, 0 where <c>human_ref_B</c>
/// is.</summary>
internal static class Shp
{
    public static bool Fits(RowFields row) => row.Has("history") && row.Has("human_ref_A") && row.Has("human_ref_B") && row.Has("labels");

    public static Ranking Parse(RowFields row)
    {
        var history = row.Get("history");
        var label = row.Get("labels");
        var (better, worse) = label switch
        {
            { Kind: JsonValueKind.Number, Text: "1" } => ("human_ref_A", "human_ref_B"),
            { Kind: JsonValueKind.Number, Text: "0" } => ("human_ref_B", "human_ref_A"),
            _ => throw row.Error(label, "1 (human_ref_A is preferred) or 0 (human_ref_B is)"),
        };
        row.LeaveOut("score_A", "score_B", "score_ratio", "upvote_ratio");
        if (row.TextOf(history).Length == 0)
        {
            throw row.Error(history, "a prompt");
        }

        // Not a history in Alpaca's sense, so nothing is read beside it.
        var prompt = new Prompt(history.Text, null, new Dictionary<string, string>(StringComparer.Ordinal) { ["prompt"] = history.Text })
        {
            Group = row.FindName("post_id"),
        };
        return RankingParser.OfPair(
            row, prompt, MessageParser.ParseAnswer(row, row.Get(better), better), MessageParser.ParseAnswer(row, row.Get(worse), worse));
    }
}
