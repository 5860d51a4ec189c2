using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Text;

/// <summary>Writes what training found as the files that Hugging Face's libraries read, and reads them back as a tokenizer.</summary>
internal static class TrainedTokenizerFiles
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Tokenizer Create(TrainedMerges trained, BytePairTrainerOptions options) =>
        Tokenizer.FromFiles(new TokenizerFiles("trained tokenizer", new Dictionary<string, byte[]>
        {
            [TokenizerFiles.TokenizerJson] = Bytes(Definition(trained, options)),
            [TokenizerFiles.Config] = Bytes(Config(options)),
        }));

    private static JsonObject Definition(TrainedMerges trained, BytePairTrainerOptions options) => new()
    {
        ["version"] = "1.0",
        ["truncation"] = null,
        ["padding"] = null,
        ["added_tokens"] = new JsonArray([.. options.SpecialTokens.Select(SpecialToken)]),
        ["normalizer"] = null,
        ["pre_tokenizer"] = ByteLevel(),
        ["post_processor"] = null,
        ["decoder"] = ByteLevel(),
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = null,
            ["continuing_subword_prefix"] = null,
            ["end_of_word_suffix"] = null,
            ["fuse_unk"] = false,
            ["byte_fallback"] = false,
            ["ignore_merges"] = false,
            ["vocab"] = new JsonObject(trained.Tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
            ["merges"] = new JsonArray([.. trained.Merges.Select(pair => new JsonArray(trained.Tokens[pair.Left], trained.Tokens[pair.Right]))]),
        },
    };

    private static JsonObject Config(BytePairTrainerOptions options)
    {
        var config = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["bos_token"] = options.BeginningOfSequence,
            ["eos_token"] = options.EndOfSequence,
            ["clean_up_tokenization_spaces"] = false,
        };
        if (options.ChatTemplate is not null)
        {
            config["chat_template"] = options.ChatTemplate;
        }

        return config;
    }

    private static JsonObject ByteLevel() => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };

    private static JsonObject SpecialToken(string content, int id) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    private static byte[] Bytes(JsonObject json) => JsonSerializer.SerializeToUtf8Bytes(json, Readable);
}
