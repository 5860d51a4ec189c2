using System.Text.Json.Nodes;
using Rlhf.Cli;

namespace Rlhf.Tests.Cli;

/// <summary>Every file of every public form, also as Parquet: <c>data show --all --json</c> prints what each row means, or refuses it.</summary>
public sealed class DataShowReferenceTests
{
    private const string Expected = "tables/forms/expected.json";

    private static readonly string[] Compared =
    [
        "kind", "messages", "prompt", "answers", "answer", "ranks", "chosen", "rejected", "desirable", "trained_messages", "split_key", "text", "solution", "tools",
    ];

    [CaseFact(Expected)]
    public void Every_row_has_its_meaning_or_is_refused()
    {
        List<string> wrong = [];
        foreach (var (_, form) in JsonNode.Parse(File.ReadAllText(PathOf("expected.json")))!["forms"]!.AsObject())
        {
            foreach (var file in form!["files"]!.AsArray().Select(name => name!.GetValue<string>()))
            {
                wrong.AddRange(Differences(file, form["expected"]!.AsArray()));
            }
        }

        Assert.Empty(wrong);
    }

    private static IEnumerable<string> Differences(string file, JsonArray meanings)
    {
        using StringWriter output = new(), error = new();
        if (Program.Run(["data", "show", PathOf(file), "--all", "--json"], output, error) != ExitCode.Success)
        {
            return [$"{file}: {error}"];
        }

        JsonNode[] found = [.. output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
        return found.Length != meanings.Count
            ? [$"{file}: {found.Length} records, means {meanings.Count}"]
            : found.Zip(meanings).Index().SelectMany(pair => Differences($"{file} row {pair.Index + 1}", pair.Item.First, pair.Item.Second!));
    }

    private static IEnumerable<string> Differences(string place, JsonNode found, JsonNode meaning)
    {
        var refusable = meaning["kind"]!.GetValue<string>().StartsWith("refused", StringComparison.Ordinal) || MayBeRefused(meaning);
        if (found["error"] is { } error)
        {
            return refusable ? [] : [$"{place}: refused: {error}"];
        }

        return Compared.Where(name => !JsonNode.DeepEquals(Plain(found[name]), Plain(meaning[name])))
            .Select(name => $"{place}: {name} is {found[name]?.ToJsonString()}, means {meaning[name]?.ToJsonString()}");
    }

    /// <summary>A conversation that ends with the user, and a row with a judgement that nothing reads: the rules here are to refuse them.</summary>
    private static bool MayBeRefused(JsonNode meaning) =>
        meaning["messages"]?.AsArray()[^1]!["role"]!.GetValue<string>() == "user" || meaning["unused"] is not null;

    /// <summary>A message without content has none, or null; an answer may be a text or a list of one message.</summary>
    private static JsonNode? Plain(JsonNode? node)
    {
        if (node is not JsonArray items)
        {
            return node;
        }

        var copy = items.DeepClone().AsArray();
        foreach (var message in copy.OfType<JsonObject>().Where(item => item.ContainsKey("content") && string.IsNullOrEmpty(item["content"]?.GetValue<string>())))
        {
            message.Remove("content");
        }

        return copy is [JsonObject { Count: 2 } only] && only["role"]?.GetValue<string>() == "assistant" && only["content"] is { } text ? text.DeepClone() : copy;
    }

    private static string PathOf(string file) => ReferenceFiles.CasePathOf("tables", "forms", file);
}
