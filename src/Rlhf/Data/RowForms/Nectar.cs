using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>Nectar: a prompt that is a transcript, and <c>answers</c>, each with an <c>answer</c> and a <c>rank</c> from 1; equal ranks are a tie.</summary>
internal static class Nectar
{
    public static bool Fits(RowFields row) =>
        row.Has("prompt") && row.Peek("answers") is { Kind: JsonValueKind.Array } value && value.Items.Any(item => item.Properties.ContainsKey("rank"));

    public static Ranking Parse(RowFields row)
    {
        row.LeaveOut("good_natured");
        List<Message> answers = [];
        List<double> scores = [];
        foreach (var item in row.ItemsOf(row.Get("answers")))
        {
            var answer = row.Nested(item, "answers[]");
            answers.Add(MessageParser.ParseAnswer(answer, answer.Get("answer"), "answer"));
            scores.Add(-answer.ScoreOf(answer.Get("rank")));
        }

        RankingParser.RequireCount(row, row.Get("answers"), answers.Count);
        return RankingParser.OfTiers(row, PromptParser.Parse(row), answers, Tiers.ByScore(scores));
    }
}
