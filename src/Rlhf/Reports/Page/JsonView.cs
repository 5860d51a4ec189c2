using System.Globalization;
using System.Text.Json;

namespace Rlhf.Reports.Page;

/// <summary>Any JSON as tables: an object as names and values, a list of objects as rows. Empty parts are left out.</summary>
internal static class JsonView
{
    public static Markup Draw(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => Object(value),
        JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object) => Rows(value),
        JsonValueKind.Array => List(value),
        JsonValueKind.Number => Markup.Of($"{Number(value)}"),
        JsonValueKind.String => Markup.Of($"""<span dir="auto">{PathText.Shorten(value.GetString()!)}</span>"""),
        JsonValueKind.True => Markup.Literal("yes"),
        JsonValueKind.False => Markup.Literal("no"),
        _ => Markup.Literal("–"),
    };

    private static Markup Object(JsonElement value) => Markup.Of(
        $"""
        <table class="facts">{value.EnumerateObject().Where(property => !IsEmpty(property.Value)).Select(property => Markup.Of(
            $"""<tr><th scope="row">{Name(property.Name)}</th><td>{Draw(property.Value)}</td></tr>"""))}</table>
        """);

    private static Markup Rows(JsonElement rows)
    {
        var names = rows.EnumerateArray().SelectMany(row => row.EnumerateObject()).Where(property => !IsEmpty(property.Value))
            .Select(property => property.Name).Distinct(StringComparer.Ordinal).ToArray();
        return Markup.Of(
            $"""
            <div class="wide" tabindex="0" role="group" aria-label="Table"><table><thead><tr>{names.Select(name => Markup.Of($"""<th scope="col">{Name(name)}</th>"""))}</tr></thead><tbody>
            {rows.EnumerateArray().Select(row => Markup.Of($"<tr>{names.Select(name => Cell(row, name))}</tr>"))}</tbody></table></div>
            """);
    }

    private static Markup Cell(JsonElement row, string name) => row.TryGetProperty(name, out var value)
        ? Markup.Of($"""<td{(value.ValueKind == JsonValueKind.Number ? Markup.Literal(" class=\"number\"") : Markup.Empty)}>{Draw(value)}</td>""")
        : Markup.Literal("<td></td>");

    private static Markup List(JsonElement list) =>
        Markup.Of($"""{list.EnumerateArray().Select((item, i) => Markup.Of($"{(i == 0 ? "" : ", ")}{Draw(item)}"))}""");

    private static string Number(JsonElement value) => value.TryGetInt64(out var whole)
        ? whole.ToString("#,0", CultureInfo.InvariantCulture)
        : NumberText.Short(value.GetDouble());

    private static string Name(string name) => name.Replace('_', ' ');

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };
}
