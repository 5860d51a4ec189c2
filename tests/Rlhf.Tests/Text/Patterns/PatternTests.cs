using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Text;
using Rlhf.Text.Patterns;

namespace Rlhf.Tests.Text.Patterns;

/// <summary>Split patterns and pre-tokenizers beside Hugging Face's own library.</summary>
public sealed class PatternTests
{
    private const int RandomTexts = 200;

    public static TheoryData<string> Patterns() =>
    [
        // Possessive quantifiers, as cl100k and o200k are written for tiktoken.
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s", @"a++b|a*+a|[ab]?+b",
        @"\d{2}+", @"\d{2}?x", @"\w{,2}",

        // Scripts and properties.
        @"[\p{Han}]+", @"\p{Han}+|\p{Hiragana}+|\p{Katakana}+", @"\P{Han}", @"\p{^Greek}+", @"[^\p{Arabic}\p{Hebrew}]+", @"\p{Thai}|\p{Devanagari}{2}",
        @"\p{Cyrillic}\p{Latin}*", @"\p{Lu}\p{Ll}*", @"[\p{M}]", @"\p{Alphabetic}+", @"\p{White_Space}", @"\p{Sc}|\p{So}+|\p{Sm}", @"\p{Nd}+|\p{Nl}|\p{No}",

        // Classes: intersections, POSIX names, nesting, negation.
        @"[\p{L}&&[^\p{Latin}]]+", @"[a-z&&[^aeiou]]+", @"[^a-z&&\p{L}]", @"[[:alpha:]]+", @"[[:^alnum:]]+", @"[[:punct:][:space:]]", @"[[:digit:][a-f]]+",
        @"[^[a-m][n-z]]+", @"[\-\]\\^&]", @"[]a]|[a-]", @"[\p{Han}&&[\x{4E00}-\x{4E7F}]]+", @"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        @"[\x{20000}-\x{200FF}]", @"[\x{1F300}-\x{1F64F}]+", "[𝐀-𝟿]+",

        // Groups, looking around, places, flags.
        @"(?i)straSSe|i'M", @"(?i:[k-s]+)", @"a(?i)b|C", @"(?<=\p{L})\p{N}", @"(?<!\s)\s(?!\s)", @"(?>\s+)\S", @"(?<word>\w+)(?=\W)", @"\b\w", @"\B.",
        @"^\S+", @"\s+$", @"\A.|.\z", @"(?m:.+)", @".+", @"\R", @"\h+", @"\S+|\s+(?#words)",

        // Patterns of public tokenizers.
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @" ?[^(\s|[.,!?…。，、।۔،])]+", @"\s?\p{L}+|\s?\p{P}+|[一-龥ࠀ-一가-퟿]+|\p{N}",
    ];

    public static TheoryData<string> PreTokenizers() =>
    [
        """{"type": "Punctuation"}""",
        """{"type": "Punctuation", "behavior": "Contiguous"}""",
        """{"type": "Punctuation", "behavior": "Removed"}""",
        """{"type": "Whitespace"}""",
        """{"type": "WhitespaceSplit"}""",
        """{"type": "BertPreTokenizer"}""",
        """{"type": "CharDelimiterSplit", "delimiter": "e"}""",
        """{"type": "Digits", "individual_digits": true}""",
        """{"type": "Digits", "individual_digits": false}""",
        """{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "MergedWithPrevious"}, {"type": "Digits", "individual_digits": false}]}""",
    ];

    // Falcon's: steps behind ByteLevel see its characters, of which ² and ½ are digits.
    public static TheoryData<string> ByteLevels() =>
    [
        """{"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Contiguous"}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}, {"type": "Digits", "individual_digits": false}, {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": false}]}""",
        """{"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}, {"type": "Split", "pattern": {"String": "Ġ"}, "behavior": "Removed", "invert": false}]}""",
    ];

    [Theory]
    [MemberData(nameof(Patterns))]
    public void A_pattern_matches_what_it_matches_in_the_library(string pattern)
    {
        var regex = new JsonObject { ["Regex"] = pattern };
        JsonObject Split(string behavior) => new() { ["type"] = "Split", ["pattern"] = regex.DeepClone(), ["behavior"] = behavior, ["invert"] = false };

        // What is left shows the matches' characters, the number of words where they begin and end.
        var bytes = JsonNode.Parse("""{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}""");
        Compare(new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray(Split("Removed"), bytes) }, ByteModel());
        Compare(Split("Isolated"), WordModel());
    }

    [Theory]
    [MemberData(nameof(PreTokenizers))]
    public void A_pre_tokenizer_cuts_as_in_the_library(string json) => Compare(JsonNode.Parse(json)!, WordModel());

    [Theory]
    [MemberData(nameof(ByteLevels))]
    public void Steps_behind_ByteLevel_see_its_characters(string json) => Compare(JsonNode.Parse(json)!, ByteModel());

    [Theory]
    [InlineData(@"(a)\1", "back references")]
    [InlineData(@"\p{Klingon}", "the property Klingon is not known")]
    [InlineData(@"[a", "a class is not closed")]
    [InlineData(@"(a", "a group is not closed")]
    [InlineData(@"a)", "a ')' closes nothing")]
    [InlineData(@"*a", "a quantifier follows nothing")]
    [InlineData(@"a{5000}", "from 0 to 1000")]
    [InlineData(@"[z-a]", "two characters in order")]
    [InlineData(@"(?~a)", "this group is not supported")]
    [InlineData(@"\X", @"the escape \X is not supported")]
    [InlineData(@"\x{FFFFFFF}", "hexadecimal")]
    public void What_is_not_supported_is_refused_with_its_place(string pattern, string words)
    {
        var json = PlacedJson.Parse("tokenizer.json", JsonSerializer.SerializeToUtf8Bytes(pattern));
        var message = Assert.Throws<InputException>(() => new RegexPattern(json)).Message;
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.Contains("(at character ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Groups_and_classes_without_end_are_refused_instead_of_followed()
    {
        foreach (var pattern in (string[])[new string('(', 4_000), new string('[', 4_000), string.Concat(Enumerable.Repeat("(?:", 1_300))])
        {
            Assert.Throws<InputException>(() => new RegexPattern(PlacedJson.Parse("tokenizer.json", JsonSerializer.SerializeToUtf8Bytes(pattern))));
        }
    }

    private static void Compare(JsonNode preTokenizer, JsonObject model)
    {
        if (RustTokenizers.WhyNot is not null)
        {
            return;
        }

        using var folder = new TestFolder();
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = preTokenizer,
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = model,
        };
        File.WriteAllText(folder.PathOf("tokenizer.json"), json.ToJsonString());
        var ours = Tokenizer.Load(folder.Path);
        using var theirs = new RustTokenizers(folder.PathOf("tokenizer.json"));
        Assert.All(RustTokenizers.Texts(RandomTexts), text => Assert.Equal(theirs.Encode(text), ours.Encode(text)));
    }

    // A token for each byte.
    private static JsonObject ByteModel() => Model(Enumerable.Range(0, 256).Select(value => ByteAlphabet.CharacterOf((byte)value).ToString()), null);

    // A word is one unknown token, between letters that stand for themselves.
    private static JsonObject WordModel() => Model(["<unk>", "e", "t", " "], "<unk>");

    private static JsonObject Model(IEnumerable<string> tokens, string? unknown) => new()
    {
        ["type"] = "BPE",
        ["dropout"] = null,
        ["unk_token"] = unknown,
        ["continuing_subword_prefix"] = null,
        ["end_of_word_suffix"] = null,
        ["fuse_unk"] = true,
        ["byte_fallback"] = false,
        ["vocab"] = new JsonObject(tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
        ["merges"] = new JsonArray(),
    };
}
