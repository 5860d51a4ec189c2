using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>
/// Argilla's rankings: answers in fields of their own (<c>response-1</c> ...) and <c>ranking</c>, a list of what people said: ranks by the fields' names,
/// counted if submitted.
/// </summary>
internal static class Argilla
{
    public static bool Fits(RowFields row) =>
        row.Has("prompt") && row.Peek("ranking") is { Kind: JsonValueKind.Array } value && value.Items.Any(item => item.Properties.ContainsKey("status"));

    public static Ranking Parse(RowFields row)
    {
        var value = row.Get("ranking");
        var said = row.ItemsOf(value).Select(item => row.Nested(item, "ranking[]")).Where(own => own.TextOf(own.Get("status")) == "submitted").ToList();
        if (said.Count != 1)
        {
            throw row.Wrong(value, FormattableString.Invariant($"expected one submitted ranking, found {said.Count}: write a row for each person"));
        }

        List<(RowValue Field, string Name, double Rank)> ranks = [];
        foreach (var item in row.ItemsOf(said[0].Get("value")))
        {
            var rank = row.Nested(item, "ranking[].value[]");
            var field = rank.Get("value");
            ranks.Add((field, rank.TextOf(field), rank.ScoreOf(rank.Get("rank"))));
        }

        if (ranks.DistinctBy(rank => rank.Name).Count() != ranks.Count)
        {
            throw row.Wrong(value, "expected every answer once in a ranking, found one twice");
        }

        RankingParser.RequireCount(row, value, ranks.Count);
        (RowValue Field, string Name, double Rank)[] inOrder = [.. ranks.OrderBy(rank => rank.Name, StringComparer.Ordinal)];
        var answers =
            inOrder.Select(
                rank => row.Find(rank.Name) is { } answer
                    ? MessageParser.ParseAnswer(row, answer, rank.Name)
                    : throw row.Error(rank.Field, "the name of a field with an answer")).ToList();
        return RankingParser.OfTiers(row, PromptParser.Parse(row), answers, Tiers.ByScore([.. inOrder.Select(rank => -rank.Rank)]));
    }
}
