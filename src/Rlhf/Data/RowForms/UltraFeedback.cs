using System.Globalization;
using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>UltraFeedback: an <c>instruction</c> and <c>completions</c>, each with a <c>response</c> and an <c>overall_score</c>; equal scores are a
/// tie.</summary>
internal static class UltraFeedback
{
    public static bool Fits(RowFields row) => row.Has("instruction") && row.Peek("completions") is { Kind: JsonValueKind.Array } value
        && value.Items.Any(item => item.Properties.ContainsKey("overall_score"));

    public static Ranking Parse(RowFields row)
    {
        row.LeaveOut("correct_answers", "incorrect_answers");
        List<Message> answers = [];
        List<double> scores = [];
        foreach (var item in row.ItemsOf(row.Get("completions")))
        {
            var completion = row.Nested(item, "completions[]");
            completion.LeaveOut("annotations", "critique", "fine-grained_score", "custom_system_prompt", "principle");
            answers.Add(MessageParser.ParseAnswer(completion, completion.Get("response"), "response"));
            var score = completion.Get("overall_score");
            scores.Add(score.Kind == JsonValueKind.String && double.TryParse(score.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                && double.IsFinite(number) ? number : completion.ScoreOf(score));
        }

        RankingParser.RequireCount(row, row.Get("completions"), answers.Count);
        var instruction = row.Get("instruction");
        return RankingParser.OfTiers(row, PromptParser.FromText(row, instruction, row.TextOf(instruction)), answers, Tiers.ByScore(scores));
    }
}
