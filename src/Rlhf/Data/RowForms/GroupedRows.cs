using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data.Tables;

namespace Rlhf.Data.RowForms;

/// <summary>
/// The rows of a file, where one row may mean several records or several rows one: trees of messages (OASST) become rankings of the answers to one message and
/// demonstrations of each path, answers with scores in rows of their own (HelpSteer2) become rankings. What comes of them is written as rows of our own
/// forms. The first row of a file says which form it has.
/// </summary>
public static class GroupedRows
{
    /// <summary>The rows of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Its name in positions.</param>
    /// <param name="most">The most rows that are read of it.</param>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public static IEnumerable<JsonRow> Read(string path, string? name = null, int most = int.MaxValue) => Grouped(DataRows.Read(path, name).Take(most));

    private static IEnumerable<JsonRow> Grouped(IEnumerable<JsonRow> rows)
    {
        using var all = rows.GetEnumerator();
        if (!all.MoveNext())
        {
            return [];
        }

        var first = all.Current;
        return (Value(first)?.Properties switch
        {
            { } fields when fields.ContainsKey("message_tree_id") && fields.ContainsKey("prompt") => rows.SelectMany(MessageTrees.OfTree),
            { } fields when fields.ContainsKey("message_tree_id") && fields.ContainsKey("parent_id") && fields.ContainsKey("text") => MessageTrees.OfMessages(rows),
            { } fields when IsScored(fields) => ScoredTogether(rows),
            _ => rows,
        })!;
    }

    internal static RowValue? Value(JsonRow row)
    {
        try
        {
            return row.Parse();
        }
        catch (InputException)
        {
            return null; // The reader of the row says what is wrong with it.
        }
    }

    internal static JsonRow Written(JsonRow origin, JsonObject row) =>
        new(origin.Position, 0, JsonSerializer.SerializeToUtf8Bytes(row)) { IsWritten = true };

    internal static JsonArray Tiers(IReadOnlyList<double> scores) =>
        new([.. Data.Tiers.ByScore(scores).Select(tier => new JsonArray([.. tier.Select(index => JsonValue.Create(index))]))]);

    private static bool IsScored(IReadOnlyDictionary<string, RowValue> fields) =>
        fields.ContainsKey("helpfulness") && fields.ContainsKey("correctness") && fields.ContainsKey("response") && fields.ContainsKey("prompt");

    /// <summary>Answers to one prompt in consecutive rows are ranked by their helpfulness; an answer that stands alone stays the row that it is.</summary>
    private static IEnumerable<JsonRow> ScoredTogether(IEnumerable<JsonRow> rows)
    {
        List<(JsonRow Row, RowValue? Value)> together = [];
        foreach (var row in rows)
        {
            var value = Value(row);
            if (together.Count > 0 && (PromptOf(together[0].Value) is not { } prompt || PromptOf(value) != prompt))
            {
                yield return Ranked(together);
                together.Clear();
            }

            together.Add((row, value));
        }

        if (together.Count > 0)
        {
            yield return Ranked(together);
        }
    }

    private static string? PromptOf(RowValue? value) =>
        value?.Properties is { } fields && IsScored(fields) && fields["helpfulness"].Kind == JsonValueKind.Number && fields["response"].Kind == JsonValueKind.String
        && fields["prompt"].Kind == JsonValueKind.String ? fields["prompt"].Text : null;

    private static JsonRow Ranked(List<(JsonRow Row, RowValue? Value)> together)
    {
        if (together.Count < 2)
        {
            return together[0].Row;
        }

        var scores = together.Select(one => double.Parse(one.Value!.Properties["helpfulness"].Text, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        return Written(together[0].Row, new JsonObject
        {
            ["prompt"] = together[0].Value!.Properties["prompt"].Text,
            ["responses"] = new JsonArray([.. together.Select(one => JsonValue.Create(one.Value!.Properties["response"].Text))]),
            ["ranking"] = Tiers(scores),
        });
    }
}
