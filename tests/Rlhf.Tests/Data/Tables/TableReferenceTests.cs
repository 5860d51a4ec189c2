using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Data.Tables;

namespace Rlhf.Tests.Data.Tables;

/// <summary>The same rows in many containers come out the same from each; damaged files are refused with a sentence.</summary>
public sealed class TableReferenceTests
{
    private const string Containers = "tables/containers/expected.json";
    private const string Damaged = "tables/damaged/index.json";

    [CaseFact(Containers)]
    public void The_same_rows_come_out_the_same_from_every_container()
    {
        List<string> wrong = [];
        foreach (var (_, set) in Json(Containers).AsObject())
        {
            var rows = set!["rows"]!.AsArray();
            foreach (var file in set["files"]!.AsArray().Select(name => name!.GetValue<string>()))
            {
                wrong.AddRange(Differences(file, rows, Read("containers", file)));
            }
        }

        Assert.Empty(wrong);
    }

    [CaseFact(Containers)]
    public void What_need_not_be_read_is_read_rightly_or_refused_with_a_sentence()
    {
        List<string> wrong = [];
        foreach (var (_, set) in Json(Containers).AsObject())
        {
            foreach (var file in set!["optional"]!.AsObject().Select(entry => entry.Key))
            {
                try
                {
                    wrong.AddRange(Differences(file, set["rows"]!.AsArray(), Read("containers", file)));
                }
                catch (InputException e)
                {
                    Assert.Contains(file, e.Message, StringComparison.Ordinal);
                }
            }
        }

        Assert.Empty(wrong);
    }

    [CaseFact("tables/containers/shards")]
    public void A_folder_of_shards_is_its_files_in_the_order_of_their_names()
    {
        var files = DataFiles.Resolve([Folder("containers", "shards")], ".");
        Assert.Equal(files.Select(file => file.Name).Order(StringComparer.Ordinal), files.Select(file => file.Name));
        var rows = files.SelectMany(file => DataRows.Read(file.FullPath)).ToList();
        Assert.Empty(Differences("shards", Json(Containers)["chat"]!["rows"]!.AsArray(), rows));
    }

    [CaseFact(Damaged)]
    public void A_damaged_file_is_refused_with_its_name_and_place()
    {
        List<string> wrong = [];
        foreach (var entry in Json(Damaged)["files"]!.AsArray())
        {
            var file = entry!["file"]!.GetValue<string>();
            var source = new DataSource { Path = [Folder("damaged", file)] };
            var before = GC.GetTotalAllocatedBytes();
            foreach (var kind in new RecordKind?[] { null, RecordKind.Demonstration, RecordKind.Ranking, RecordKind.Prompt, RecordKind.Text })
            {
                var e = Record.Exception(() => DataReader.Read(source, ".", new Ledger("test"), kind).Count());
                if (e is not InputException || !e.Message.Contains(file, StringComparison.Ordinal)
                    || (kind is null && !HasPlace(e.Message, entry["at"]?.GetValue<string>())))
                {
                    wrong.Add($"{file} as {kind}: {e?.GetType().Name ?? "read"}: {e?.Message}");
                }
            }

            Assert.True(GC.GetTotalAllocatedBytes() - before < 256 << 20, $"{file} takes {GC.GetTotalAllocatedBytes() - before} bytes");
        }

        Assert.Empty(wrong);
    }

    private static bool HasPlace(string message, string? at) => at is null
        || (at.StartsWith("line ", StringComparison.Ordinal) && message.Contains($":{at[5..]}:", StringComparison.Ordinal))
        || message.Contains(at, StringComparison.Ordinal);

    private static IEnumerable<string> Differences(string file, JsonArray expected, IReadOnlyList<JsonRow> rows)
    {
        if (rows.Count != expected.Count)
        {
            return [$"{file}: {rows.Count} rows"];
        }

        return rows.Index().Where(row => !Same(expected[row.Index], JsonNode.Parse(RowJson.Of(row.Item.Parse())), row.Item.CellsAreTexts))
            .Select(row => $"{file} row {row.Index + 1}: {RowJson.Of(row.Item.Parse())}");
    }

    private static bool Same(JsonNode? expected, JsonNode? found, bool texts) => (expected, found) switch
    {
        (JsonObject a, JsonObject b) => a.Select(field => field.Key).Union(b.Select(field => field.Key)).All(key => Same(a[key], b[key], texts)),
        (JsonArray a, JsonArray b) => a.Count == b.Count && a.Zip(b).All(pair => Same(pair.First, pair.Second, texts)),
        (null, JsonValue value) when texts => value.GetValue<string>().Length == 0,
        (JsonValue a, JsonValue b) when texts && a.GetValueKind() == JsonValueKind.Number =>
            Number(a) == double.Parse(b.GetValue<string>(), CultureInfo.InvariantCulture),
        (JsonValue a, JsonValue b) when a.GetValueKind() == JsonValueKind.Number => b.GetValueKind() == JsonValueKind.Number && Number(a) == Number(b),
        _ => JsonNode.DeepEquals(expected, found),
    };

    private static double Number(JsonValue value) => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);

    private static JsonNode Json(string path) => JsonNode.Parse(File.ReadAllText(ReferenceFiles.CasePathOf(path.Split('/'))))!;

    private static string Folder(params string[] parts) => ReferenceFiles.CasePathOf(["tables", .. parts]);

    private static List<JsonRow> Read(params string[] parts) => [.. DataRows.Read(Folder(parts))];
}
