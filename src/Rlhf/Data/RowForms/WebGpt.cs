namespace Rlhf.Data.RowForms;

/// <summary>WebGPT comparisons: <c>question: {full_text}</c> and two answers with scores; equal scores are a tie.</summary>
internal static class WebGpt
{
    public static bool Fits(RowFields row) => row.Has("question") && row.Has("answer_0") && row.Has("answer_1") && row.Has("score_0") && row.Has("score_1");

    public static Ranking Parse(RowFields row)
    {
        var value = row.Get("question");
        var question = row.Nested(value, "question");
        var text = question.Get("full_text");
        var answers = new[] { "answer_0", "answer_1" }.Select(name => MessageParser.ParseAnswer(row, row.Get(name), name)).ToArray();
        double[] scores = [row.ScoreOf(row.Get("score_0")), row.ScoreOf(row.Get("score_1"))];
        var prompt = PromptParser.FromText(row, text, question.TextOf(text)) with { Group = question.FindName("id") };
        return RankingParser.OfTiers(row, prompt, answers, Tiers.ByScore(scores));
    }
}
