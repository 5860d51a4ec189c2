using System.Text.Json;
using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>The steps that a text goes through: normalizer, pre-tokenizer and decoder.</summary>
internal static partial class GgufTokenizerFiles
{
    private static void SentencePieceSteps(Utf8JsonWriter json, GgufVocabulary vocabulary)
    {
        Steps(json, "normalizer", "normalizers", () =>
        {
            if (vocabulary.AddsSpace)
            {
                Step(json, "Prepend", ("prepend", Space));
            }

            Replacement(json, " ", Space);
        });
        json.WriteNull("pre_tokenizer");
        Steps(json, "decoder", "decoders", () =>
        {
            Replacement(json, Space, " ");
            Step(json, "ByteFallback");
            Step(json, "Fuse");
            if (vocabulary.AddsSpace)
            {
                json.WriteStartObject();
                json.WriteString("type", "Strip");
                json.WriteString("content", " ");
                json.WriteNumber("start", 1);
                json.WriteNumber("stop", 0);
                json.WriteEndObject();
            }
        });
    }

    private static void PreTokenizer(Utf8JsonWriter json, string[] patterns) => Steps(json, "pre_tokenizer", "pretokenizers", () =>
    {
        var endsWithGpt2 = patterns[^1] == SplitPattern.Gpt2;
        foreach (var pattern in endsWithGpt2 ? patterns[..^1] : patterns)
        {
            json.WriteStartObject();
            json.WriteString("type", pattern == GgufSplits.Digit ? "Digits" : "Split");
            if (pattern == GgufSplits.Digit)
            {
                json.WriteBoolean("individual_digits", true);
            }
            else
            {
                json.WriteStartObject("pattern");
                json.WriteString("Regex", pattern);
                json.WriteEndObject();
                json.WriteString("behavior", "Isolated");
                json.WriteBoolean("invert", false);
            }

            json.WriteEndObject();
        }

        ByteLevel(json, name: null, endsWithGpt2);
    });

    private static void Steps(Utf8JsonWriter json, string name, string list, Action write)
    {
        json.WriteStartObject(name);
        json.WriteString("type", "Sequence");
        json.WriteStartArray(list);
        write();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Step(Utf8JsonWriter json, string type, params (string Key, string Value)[] members)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        foreach (var (key, value) in members)
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void Replacement(Utf8JsonWriter json, string pattern, string content)
    {
        json.WriteStartObject();
        json.WriteString("type", "Replace");
        json.WriteStartObject("pattern");
        json.WriteString("String", pattern);
        json.WriteEndObject();
        json.WriteString("content", content);
        json.WriteEndObject();
    }

    private static void ByteLevel(Utf8JsonWriter json, string? name, bool usesPattern)
    {
        if (name is null)
        {
            json.WriteStartObject();
        }
        else
        {
            json.WriteStartObject(name);
        }

        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", usesPattern);
        json.WriteEndObject();
    }
}
