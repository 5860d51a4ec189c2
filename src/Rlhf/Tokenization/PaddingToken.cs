using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Tokenization;

/// <summary>
/// The token that fills up the shorter rows of a batch in other programs. They take the last token that is another one for a row's end, so it must never end an answer: a
/// chat model's usual choice, its end-of-sequence token, does.
/// </summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">How the vocabulary spells it.</param>
public sealed record PaddingToken(int Id, string Text)
{
    private const string Key = "pad_token";
    private const string AddedTokens = "added_tokens";
    private const string SpecialTokensMap = "special_tokens_map.json";

    // Bytes that no UTF-8 text has; those first whose spelling is the rarest letter.
    private static readonly byte[] NeverInText = [0xFF, 0xFE, 0xFD, 0xF5, 0xC0, 0xC1];

    private static readonly string[] SpareNames = ["reserved", "unused", "placeholder", "extra_id"];
    private static readonly string[] EndNames = ["end", "</s>", "eos", "eot", "eom", "eod"];

    /// <summary>
    /// The tokenizer's own padding token, else a special token made for padding, one that is spare, the unknown token, any other that no text has, or a byte that UTF-8 never has;
    /// null where each of them may end an answer.
    /// </summary>
    /// <param name="tokenizer">Where it is looked for.</param>
    /// <param name="ends">The tokens that end an answer.</param>
    /// <param name="vocabularySize">Rows of the model's embedding.</param>
    public static PaddingToken? For(Tokenizer tokenizer, IReadOnlyList<int> ends, int vocabularySize)
    {
        var files = tokenizer.Files;
        var template = TemplatesOf(files);
        string?[] own = [.. new[] { TokenizerFiles.Config, SpecialTokensMap }.Select(name => SpecialTokens.Content(files.Json(name)[Key]))];
        bool IsFree(int id, string text) => id < vocabularySize && !ends.Contains(id) && id != tokenizer.BeginningOfSequence
            && !template.Contains(text, StringComparison.Ordinal);

        var free = tokenizer.SpecialAddedTokens.Where(token => IsFree(token.Id, token.Content)).OrderByDescending(token => token.Id).ToList();
        var token = free.Find(token => own.Contains(token.Content))
            ?? free.Where(token => !NameHas(token, EndNames)).MinBy(token => NameHas(token, "pad") ? 0 : NameHas(token, SpareNames) ? 1 : NameHas(token, "unk") ? 2 : 3);
        if (token is not null)
        {
            return new PaddingToken(token.Id, token.Content);
        }

        return NeverInText
            .Select(value => tokenizer.IsByteLevel ? ByteAlphabet.CharacterOf(value).ToString() : $"<0x{value:X2}>")
            .Select(text => tokenizer.FindId(text) is { } id && IsFree(id, text) ? new PaddingToken(id, text) : null)
            .FirstOrDefault(token => token is not null);
    }

    /// <summary>A tokenizer's files with this token as their padding token; files that need no change stay as they are.</summary>
    /// <param name="files">Bytes by file name.</param>
    public IReadOnlyDictionary<string, byte[]> NameIn(IReadOnlyDictionary<string, byte[]> files)
    {
        var result = new Dictionary<string, byte[]>(files, StringComparer.Ordinal);
        TokenizerSettings.Change(result, TokenizerFiles.Config, whenAbsent: new JsonObject(), NameIt);
        TokenizerSettings.Change(result, SpecialTokensMap, whenAbsent: null, NameIt);
        TokenizerSettings.Change(result, TokenizerFiles.TokenizerJson, whenAbsent: null, json =>
        {
            if (json["padding"] is JsonObject padding)
            {
                (padding["pad_id"], padding[Key]) = (Id, Text);
            }
        });
        var names = result.ContainsKey(TokenizerFiles.TokenizerJson) ? TokenizerFiles.TokenizerJson : TokenizerFiles.Config;
        TokenizerSettings.Change(result, names, whenAbsent: null, AddIt);
        return result;
    }

    // All of them, unread: a template that is not used here may be one that is not supported.
    private static string TemplatesOf(TokenizerFiles files)
    {
        const string Templates = "chat_template";
        var json = files.Json(TokenizerFiles.Config)[Templates];
        var texts = json.IsNull ? [] : json.Element.ValueKind == JsonValueKind.Array ? json.Items().Select(item => item["template"].Text()) : [json.Text()];
        return string.Concat(texts) + (files.Has(ChatTemplateFile.JinjaFile) ? Encoding.UTF8.GetString(files.Content(ChatTemplateFile.JinjaFile)) : "");
    }

    private void NameIt(JsonObject json)
    {
        var named = json[Key] is JsonObject form ? form["content"] : json[Key];
        if (!JsonNode.DeepEquals(named, Text))
        {
            json[Key] = Text;
        }
    }

    // A byte's spelling is a letter of some language: unless it is a word of its own, the letter must stay one.
    private void AddIt(JsonObject json)
    {
        var isWhole = json.ContainsKey("model");
        if (isWhole && json[AddedTokens] is JsonArray known && known.Any(token => JsonNode.DeepEquals(token?["id"], Id)))
        {
            return;
        }

        var entry = new JsonObject { ["content"] = Text, ["single_word"] = true, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true };
        if (isWhole)
        {
            entry.Insert(0, "id", Id);
            if (json[AddedTokens] is not JsonArray)
            {
                json[AddedTokens] = new JsonArray();
            }

            json[AddedTokens]!.AsArray().Add(entry);
            return;
        }

        const string ById = "added_tokens_decoder";
        if (json[ById] is not JsonObject)
        {
            json[ById] = new JsonObject();
        }

        json[ById]!.AsObject().TryAdd(Id.ToString(System.Globalization.CultureInfo.InvariantCulture), entry);
    }

    private static bool NameHas(AddedToken token, params ReadOnlySpan<string> parts)
    {
        foreach (var part in parts)
        {
            if (token.Content.Contains(part, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
