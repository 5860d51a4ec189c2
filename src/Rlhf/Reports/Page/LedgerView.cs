using System.Globalization;
using System.Text.Json;

namespace Rlhf.Reports.Page;

/// <summary>A stage's ledger: what became of the rows of each file, and every reason with its places.</summary>
internal static class LedgerView
{
    private static readonly string[] Counts = ["rows_in", "kept", "dropped", "truncated", "tokens_cut"];
    private static readonly (string Key, string Title)[] Reasons = [("dropped_by_reason", "dropped"), ("truncated_by_reason", "cut"), ("notes", "note")];

    public static Markup Draw(JsonElement ledger) =>
        ledger.ValueKind == JsonValueKind.Object && ledger.TryGetProperty("files", out var files) && files.ValueKind == JsonValueKind.Array
            ? Markup.Of($"{Table(files)}{files.EnumerateArray().SelectMany(ReasonsOf)}")
            : JsonView.Draw(ledger);

    private static Markup Table(JsonElement files) => Markup.Of(
        $"""
        <div class="wide" tabindex="0" role="group" aria-label="Rows by file"><table><thead><tr><th scope="col">file</th>{Counts.Select(name => Markup.Of($"""<th scope="col">{name.Replace('_', ' ')}</th>"""))}</tr></thead><tbody>
        {files.EnumerateArray().Select(file => Markup.Of($"<tr><td>{FileName(Text(file, "file"))}</td>{Counts.Select(name => Count(file, name))}</tr>"))}</tbody></table></div>
        """);

    private static Markup Count(JsonElement file, string name) => Markup.Of($"""<td class="number">{Whole(file, name)}</td>""");

    private static IEnumerable<Markup> ReasonsOf(JsonElement file) =>
        from kind in Reasons
        where file.ValueKind == JsonValueKind.Object && file.TryGetProperty(kind.Key, out var list) && list.ValueKind == JsonValueKind.Array
        from reason in file.GetProperty(kind.Key).EnumerateArray()
        select Markup.Of(
            $"""
            <details><summary>{kind.Title}: {PathText.Shorten(Text(reason, "reason"))} ({Whole(reason, "count")})</summary>
            <p class="note">{string.Join(", ", Places(reason))}</p></details>
            """);

    private static IEnumerable<string> Places(JsonElement reason) =>
        reason.ValueKind == JsonValueKind.Object && reason.TryGetProperty("examples", out var examples) && examples.ValueKind == JsonValueKind.Array
            ? examples.EnumerateArray().Select(place => FileName(place.ToString()))
            : [];

    // Whole paths of the files stand in the recipe below.
    private static string FileName(string path) => path[(path.LastIndexOfAny(['/', '\\']) + 1)..];

    private static string Text(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var text) ? text.ToString() : "";

    private static string Whole(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var number) && number.ValueKind == JsonValueKind.Number
            && number.TryGetInt64(out var whole) ? whole.ToString("#,0", CultureInfo.InvariantCulture) : "–";
}
