namespace Rlhf.Data.RowForms;

/// <summary>HelpSteer2-preference: <c>response_1</c>, <c>response_2</c> and a strength from -3 (the first is much better) to 3; 0 is a tie.</summary>
internal static class HelpSteerPreference
{
    public static bool Fits(RowFields row) => row.Has("prompt") && row.Has("response_1") && row.Has("response_2") && row.Has("preference_strength");

    public static Ranking Parse(RowFields row)
    {
        var strength = row.ScoreOf(row.Get("preference_strength"));
        row.LeaveOut("preference_statement", "preference_elaboration", "three_most_similar_preferences", "all_preferences_unprocessed");
        var answers = new[] { "response_1", "response_2" }.Select(name => MessageParser.ParseAnswer(row, row.Get(name), name)).ToArray();
        return RankingParser.OfTiers(row, PromptParser.Parse(row), answers, Tiers.ByScore([-strength, strength]));
    }
}
