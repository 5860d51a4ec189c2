using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Text;

/// <summary>Writes a tokenizer of a GGUF file as the files that Hugging Face's libraries read. It is then read from these, so that a model that is saved again
/// has the tokenizer it was used with.</summary>
internal static partial class GgufTokenizerFiles
{
    private const string Space = "\u2581";

    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>The files by name.</summary>
    public static Dictionary<string, byte[]> Create(GgufVocabulary vocabulary)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            [TokenizerFiles.TokenizerJson] = Json(json => Definition(json, vocabulary)),
            [TokenizerFiles.Config] = Json(json => Config(json, vocabulary)),
        };
        if (vocabulary is { End: { } end, EndOfTurn: { } turn } && end != turn)
        {
            files["generation_config.json"] = Json(json => Ends(json, vocabulary.Beginning, end, turn));
        }

        return files;
    }

    private static void Definition(Utf8JsonWriter json, GgufVocabulary vocabulary)
    {
        var isSentencePiece = vocabulary.Kind == GgufVocabulary.SentencePiece;
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        AddedTokens(json, vocabulary);
        if (isSentencePiece)
        {
            SentencePieceSteps(json, vocabulary);
        }
        else
        {
            json.WriteNull("normalizer");
            PreTokenizer(json, GgufSplits.Find(vocabulary.Pre)!.Patterns);
        }

        PostProcessor(json, vocabulary);
        if (!isSentencePiece)
        {
            ByteLevel(json, "decoder", usesPattern: true);
        }

        Model(json, vocabulary, isSentencePiece);
    }

    private static void AddedTokens(Utf8JsonWriter json, GgufVocabulary vocabulary)
    {
        json.WriteStartArray("added_tokens");
        for (var id = 0; id < vocabulary.Tokens.Length; id++)
        {
            var type = vocabulary.TypeOf(id);
            if (type is GgufVocabulary.Control or GgufVocabulary.UserDefined or GgufVocabulary.UnknownType && vocabulary.Tokens[id].Length > 0)
            {
                json.WriteStartObject();
                json.WriteNumber("id", id);
                json.WriteString("content", vocabulary.Tokens[id]);
                foreach (var flag in (string[])["single_word", "lstrip", "rstrip", "normalized"])
                {
                    json.WriteBoolean(flag, false);
                }

                json.WriteBoolean("special", type != GgufVocabulary.UserDefined);
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
    }

    private static void PostProcessor(Utf8JsonWriter json, GgufVocabulary vocabulary)
    {
        int?[] around = [vocabulary.AddsBeginning ? vocabulary.Beginning : null, vocabulary.AddsEnd ? vocabulary.End : null];
        if (around is [null, null])
        {
            json.WriteNull("post_processor");
            return;
        }

        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        Template(json, "single", vocabulary, around, ["A"]);
        Template(json, "pair", vocabulary, around, ["A", "B"]);
        json.WriteStartObject("special_tokens");
        foreach (var id in around.OfType<int>().Distinct())
        {
            json.WriteStartObject(vocabulary.Tokens[id]);
            json.WriteString("id", vocabulary.Tokens[id]);
            json.WriteStartArray("ids");
            json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            json.WriteStringValue(vocabulary.Tokens[id]);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Template(Utf8JsonWriter json, string name, GgufVocabulary vocabulary, int?[] around, string[] sequences)
    {
        json.WriteStartArray(name);
        for (var i = 0; i < sequences.Length; i++)
        {
            TemplateItem(json, "SpecialToken", around[0] is { } first ? vocabulary.Tokens[first] : null, i);
            TemplateItem(json, "Sequence", sequences[i], i);
            TemplateItem(json, "SpecialToken", around[1] is { } last ? vocabulary.Tokens[last] : null, i);
        }

        json.WriteEndArray();
    }

    private static void TemplateItem(Utf8JsonWriter json, string kind, string? id, int type)
    {
        if (id is not null)
        {
            json.WriteStartObject();
            json.WriteStartObject(kind);
            json.WriteString("id", id);
            json.WriteNumber("type_id", type);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    private static void Model(Utf8JsonWriter json, GgufVocabulary vocabulary, bool isSentencePiece)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", isSentencePiece && vocabulary.Unknown is { } unknown ? vocabulary.Tokens[unknown] : null);
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", isSentencePiece);
        json.WriteBoolean("byte_fallback", isSentencePiece);
        json.WriteBoolean("ignore_merges", !isSentencePiece && GgufSplits.Find(vocabulary.Pre)!.IgnoresMerges);
        json.WriteStartObject("vocab");
        for (var id = 0; id < vocabulary.Tokens.Length; id++)
        {
            // Rows without a spelling have one nobody writes, as each must differ.
            json.WriteNumber(vocabulary.Tokens[id] is { Length: > 0 } token ? token : FormattableString.Invariant($"[EMPTY_{id}]"), id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var merge in isSentencePiece ? SentencePieceMerges.Of(vocabulary) : vocabulary.Merges)
        {
            json.WriteStringValue(merge);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Config(Utf8JsonWriter json, GgufVocabulary vocabulary)
    {
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        foreach (var (name, id) in (ReadOnlySpan<(string, int?)>)[("bos_token", vocabulary.Beginning), ("eos_token", vocabulary.End),
            ("unk_token", vocabulary.Unknown), ("pad_token", vocabulary.Padding)])
        {
            json.WriteString(name, id is { } known ? vocabulary.Tokens[known] : null);
        }

        json.WriteBoolean("add_bos_token", vocabulary.AddsBeginning);
        json.WriteBoolean("add_eos_token", vocabulary.AddsEnd);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        if (vocabulary.ChatTemplate is { } template)
        {
            json.WriteString("chat_template", template);
        }
    }

    private static void Ends(Utf8JsonWriter json, int? beginning, int end, int turn)
    {
        json.WriteBoolean("_from_model_config", true);
        if (beginning is { } id)
        {
            json.WriteNumber("bos_token_id", id);
        }

        json.WriteStartArray("eos_token_id");
        json.WriteNumberValue(end);
        json.WriteNumberValue(turn);
        json.WriteEndArray();
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
