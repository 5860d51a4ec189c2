using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data.RowForms;

namespace Rlhf.Cli;

/// <summary>What was found in files of rows: form, repeats, scripts, and which stages can use them.</summary>
internal static class DataFindingsText
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Lines for people.</summary>
    public static void Write(TextWriter output, DataFindings found)
    {
        if (found.Kinds.Count == 0)
        {
            return; // the ledger has said why nothing is kept
        }

        output.WriteLine($"form: {(found.Forms.Count > 0 ? string.Join(", ", found.Forms) : "none that is known")}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"repeated rows: {found.Repeats.Same}, and {found.Repeats.NearlySame} but for case and white space"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"prompts that differ in case alone and fall on both sides of a split (held_out 0.1): {found.Repeats.OnBothSides}"));
        if (found.Pairs > 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pairs that an earlier row contradicts: {found.Repeats.Contradictions}"));
        }

        output.WriteLine($"scripts: {string.Join(", ", found.Scripts.Select(script => FormattableString.Invariant($"{script.Key} {script.Value}")))}");
        if (found.SplitBy is { } split)
        {
            split.Values.Write(output, split.Field);
        }

        foreach (var (kind, use) in Uses(found))
        {
            output.WriteLine($"use of each {SnakeCase.Of(kind)}: {use}");
        }
    }

    /// <summary>The same as one object, with lengths and the ledger.</summary>
    public static string Json(DataFindings found) => new JsonObject
    {
        ["forms"] = Texts(found.Forms),
        ["kinds"] = new JsonObject(found.Kinds.Select(kind => KeyValuePair.Create(SnakeCase.Of(kind.Key), (JsonNode?)kind.Value))),
        ["uses"] = new JsonObject(Uses(found).Select(use => KeyValuePair.Create(SnakeCase.Of(use.Kind), (JsonNode?)use.Use))),
        ["pairs"] = found.Pairs,
        ["ties"] = found.Ties,
        ["repeated"] = found.Repeats.Same,
        ["nearly_repeated"] = found.Repeats.NearlySame,
        ["prompts_on_both_sides"] = found.Repeats.OnBothSides,
        ["contradicted_pairs"] = found.Repeats.Contradictions,
        ["split_by"] = found.SplitBy is { } split ? split.Values.Json(split.Field) : null,
        ["scripts"] = new JsonObject(found.Scripts.Select(script => KeyValuePair.Create(script.Key, (JsonNode?)script.Value))),
        ["prompt_characters"] = Lengths(found.PromptCharacters),
        ["response_characters"] = Lengths(found.ResponseCharacters),
        ["ledger"] = found.Ledger.ToJson(),
    }.ToJsonString(Indented);

    private static IEnumerable<(RecordKind Kind, string Use)> Uses(DataFindings found) => found.Kinds.Keys.Select(kind => (kind, kind switch
    {
        RecordKind.Demonstration => "sft (data.demonstrations); its prompts for collect and ppo (data.prompts)",
        RecordKind.Ranking => "reward and dpo (data.comparisons); sft with take; its prompts for collect and ppo (data.prompts)",
        RecordKind.Labeled => "dpo with loss: kto (data.labeled)",
        RecordKind.Prompt => "collect and ppo (data.prompts, data.evaluation_prompts)",
        _ => "pretrain and ppo.ptx (data.text)",
    }));

    private static JsonNode? Lengths(IReadOnlyList<int> lengths)
    {
        if (lengths.Count == 0)
        {
            return null;
        }

        int[] sorted = [.. lengths.Order()];
        return new JsonObject
        {
            ["minimum"] = sorted[0],
            ["median"] = sorted[(int)Math.Round(0.5 * (sorted.Length - 1))],
            ["95%"] = sorted[(int)Math.Round(0.95 * (sorted.Length - 1))],
            ["maximum"] = sorted[^1],
        };
    }

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => JsonValue.Create(text))]);
}
