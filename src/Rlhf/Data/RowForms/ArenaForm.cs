namespace Rlhf.Data.RowForms;

/// <summary>Chatbot Arena: two conversations that part at the last answer and a <c>winner</c>; both ties, also that of two bad answers, are ties.</summary>
internal static class ArenaForm
{
    public static bool Fits(RowFields row) => row.Has("conversation_a") && row.Has("conversation_b") && row.Has("winner");

    public static Ranking Parse(RowFields row)
    {
        var winner = row.Get("winner");
        double[] scores = row.TextOf(winner) switch
        {
            "model_a" => [1, 0],
            "model_b" => [0, 1],
            "tie" or "tie (bothbad)" => [0, 0],
            _ => throw row.Error(winner, "model_a, model_b, tie or tie (bothbad)"),
        };
        var (prompt, first, second) = RankingParser.ParseConversations(row, "conversation_a", "conversation_b");
        return RankingParser.OfTiers(row, prompt with { Group = row.FindName("question_id") }, [first, second], Tiers.ByScore(scores));
    }
}
