using System.Text.Json;

namespace Rlhf.Text;

/// <summary>The ids that begin and end sequences, from the files that name them.</summary>
/// <param name="Beginning">Id in front of a sequence; null for none.</param>
/// <param name="BeginningText">Its spelling.</param>
/// <param name="Ends">Ids that end a sequence, the tokenizer's own first.</param>
/// <param name="EndText">Spelling of the tokenizer's own.</param>
internal sealed record SpecialTokens(int? Beginning, string? BeginningText, IReadOnlyList<int> Ends, string? EndText)
{
    /// <summary>GPT-2's only special token: it stands in front of and behind documents.</summary>
    public const string Gpt2EndOfText = "<|endoftext|>";

    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];
    private static readonly string[] ConfigFiles = [TokenizerFiles.Config, "special_tokens_map.json"];
    private static readonly string[] ModelFiles = ["generation_config.json", "config.json"];

    /// <summary>Every token that tokenizer_config.json or special_tokens_map.json calls special.</summary>
    public static IReadOnlyList<string> NamedIn(TokenizerFiles files)
    {
        var named = new List<string>();
        foreach (var json in ConfigFiles.Select(files.Json))
        {
            named.AddRange(Names.Select(name => Content(json[name])).OfType<string>());
            var more = json["additional_special_tokens"];
            if (more.Element.ValueKind == JsonValueKind.Array)
            {
                named.AddRange(more.Items().Select(Content).OfType<string>());
            }
        }

        return [.. named.Distinct()];
    }

    /// <summary>
    /// Reads the ids. The end: eos_token of the tokenizer's files, then eos_token_id of generation_config.json and config.json. The beginning:
    /// the first file that has the key decides, also when it says null.
    /// </summary>
    public static SpecialTokens FromFiles(TokenizerFiles files, Vocabulary vocabulary)
    {
        var ends = new List<int>();
        foreach (var json in ConfigFiles.Select(files.Json))
        {
            if (Content(json["eos_token"]) is { } end)
            {
                ends.Add(IdOf(end, json["eos_token"], vocabulary));
            }
        }

        foreach (var json in ModelFiles.Select(files.Json))
        {
            ends.AddRange(Ids(json["eos_token_id"]));
        }

        int? beginning = null;
        var decided = false;
        foreach (var (json, key) in ConfigFiles.Select(file => (files.Json(file), "bos_token"))
            .Concat(ModelFiles.Select(file => (files.Json(file), "bos_token_id"))))
        {
            if (decided || !json.Element.TryGetProperty(key, out _))
            {
                continue;
            }

            decided = true;
            if (key == "bos_token_id")
            {
                beginning = Ids(json[key]).Select(id => (int?)id).FirstOrDefault();
            }
            else if (Content(json[key]) is { } text)
            {
                beginning = IdOf(text, json[key], vocabulary);
            }
        }

        if (!files.Has(TokenizerFiles.TokenizerJson) && vocabulary.Find(Gpt2EndOfText) is { } both)
        {
            if (!decided)
            {
                beginning = both;
            }

            if (ends.Count == 0)
            {
                ends.Add(both);
            }
        }

        return new SpecialTokens(
            beginning, beginning is { } b ? vocabulary[b] : null, [.. ends.Distinct()], ends.Count > 0 ? vocabulary[ends[0]] : null);
    }

    /// <summary>A token given as a string, or as an object with <c>content</c>.</summary>
    public static string? Content(PlacedJson token) =>
        token.IsNull ? null : token.Element.ValueKind == JsonValueKind.Object ? token["content"].OptionalText() : token.Text();

    private static int IdOf(string token, PlacedJson where, Vocabulary vocabulary) =>
        vocabulary.Find(token) ?? throw where.Refuse($"the tokenizer has no token \"{token}\"");

    private static IEnumerable<int> Ids(PlacedJson json) =>
        json.IsNull
            ? []
            : json.Element.ValueKind == JsonValueKind.Array ? json.Items().Select(id => id.Integer(Limits.TokenId))
            : [json.Integer(Limits.TokenId)];
}
