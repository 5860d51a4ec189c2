using System.Diagnostics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Rlhf.Text;
using Rlhf.Text.Patterns;
using Rlhf.World;

namespace Rlhf.Tests.Text;

public class TokenizerTests
{
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";

    [Fact]
    public void Flags_of_added_tokens_are_honoured()
    {
        var tokenizer = Small(added: """
            [{"id":4,"content":"<m>","lstrip":true,"rstrip":true,"special":true},{"id":5,"content":"ab","single_word":true},{"id":6,"content":"<mm>"}]
            """);
        Assert.Equal([0, 4, 1], tokenizer.Encode("a  <m> \n b"));
        Assert.Equal([0, 0, 1, 2, 5, 2, 0], tokenizer.Encode("aab ab a"));
        Assert.Equal([6], tokenizer.Encode("<mm>"));
        Assert.Equal(("a", "a<m>"), (tokenizer.Decode([0, 4]), tokenizer.Decode([0, 4], skipSpecialTokens: false)));
    }

    [Theory]
    [InlineData("", "tokenizer.json:1:1")]
    [InlineData("{\"model\": [}", "tokenizer.json:1:12")]
    [InlineData("""{"model":{"type":"Unigram","vocab":{},"merges":[]}}""", "Unigram")]
    [InlineData("""{"surprise":1,"model":{"vocab":{},"merges":[]}}""", "surprise")]
    [InlineData("""{"model":{"vocab":{"a":0,"b":0},"merges":[]}}""", "two tokens")]
    [InlineData("""{"model":{"vocab":{"a":99999999999},"merges":[]}}""", "model.vocab.a")]
    [InlineData("""{"model":{"vocab":{"a":0,"b":1},"merges":["a b"]}}""", "merges[0]")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":["a z"]}}""", "\"z\"")]
    [InlineData("""{"model":{"vocab":{"\ud800":0},"merges":[]}}""", "surrogate")]
    [InlineData("""{"normalizer":{"type":"Precompiled"},"model":{"vocab":{},"merges":[]}}""", "Precompiled")]
    [InlineData("""{"pre_tokenizer":{"type":"UnicodeScripts"},"model":{"vocab":{},"merges":[]}}""", "UnicodeScripts")]
    [InlineData("""{"decoder":{"type":"WordPiece"},"model":{"vocab":{},"merges":[]}}""", "WordPiece")]
    [InlineData("""{"post_processor":{"type":"RobertaProcessing"},"model":{"vocab":{},"merges":[]}}""", "RobertaProcessing")]
    [InlineData("""{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\p{Klingon}+"},"behavior":"Isolated"},"model":{"vocab":{},"merges":[]}}""", "Klingon")]
    public void A_broken_or_unknown_tokenizer_is_refused_by_name(string json, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => FromJson(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_configuration_may_rename_spare_entries_of_the_vocabulary()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.PathOf("tokenizer.json"), """{"model":{"vocab":{"a":0,"[UNUSED_1]":1,"[UNUSED_2]":2},"merges":[]}}""");
        File.WriteAllText(folder.PathOf("tokenizer_config.json"), """{"added_tokens_decoder":{"1":{"content":"<|im_start|>","special":true}}}""");
        var tokenizer = Tokenizer.Load(folder.Path);
        Assert.Equal([0, 1, 0], tokenizer.Encode("a<|im_start|>a"));
        Assert.Equal((1, null, 2), (tokenizer.FindId("<|im_start|>"), tokenizer.FindId("[UNUSED_1]"), tokenizer.FindId("[UNUSED_2]")));
        Assert.Equal("a a", tokenizer.Decode([0, 1, 0]));
    }

    [Fact]
    public void Spare_keys_of_a_template_change_nothing()
    {
        var tokenizer = FromJson(
            """{"post_processor":{"add_prefix_space":true,"trim_offsets":false,"use_regex":true,"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"b","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"b":{"id":"b","ids":[1],"tokens":["b"]}}},"model":{"vocab":{"a":0,"b":1},"merges":[]}}""");
        Assert.Equal([1, 0], tokenizer.Encode("a", addSpecialTokens: true));
    }

    [Fact]
    public void A_deep_file_is_refused() => Assert.Throws<InputException>(() => FromJson(new string('[', 1_000_000)));

    [Fact]
    public void Other_patterns_see_astral_letters_as_letters()
    {
        var own = BytePairs(
            """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{L}+|[^\\p{L}]+"},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}""");
        Assert.Equal("x\U00010400\U0001D400 \U0001F600", own.Decode(own.Encode("x\U00010400\U0001D400 \U0001F600")));
        var pieces = new List<(int Start, int Length)>();
        SplitPattern.FromJson(PlacedJson.Parse("p", "{\"Regex\":\"\\\\p{L}+|[^\\\\p{L}]+\"}"u8.ToArray())).FindAll("x\U00010400 \U0001F600y", pieces);
        Assert.Equal([(0, 3), (3, 3), (6, 1)], pieces);
    }

    [Theory]
    [InlineData("Metaspace", "\u2581Hi \u2581you", """{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"always","split":true}""", "Hi you")]
    [InlineData("Digits", "a|1|2|b", """{"type":"Digits","individual_digits":true}""", "a12b")]
    public void Pre_tokenizers_cut_as_documented(string name, string expected, string json, string text)
    {
        var pieces = new List<TextPart>();
        PreTokenizer.FromJson(PlacedJson.Parse(name, Encoding.UTF8.GetBytes(json)))!.Split(new TextPart(text.AsMemory(), TextPlace.Beginning), pieces);
        Assert.Equal(expected, string.Join(name == "Digits" ? "|" : " ", pieces.Select(piece => piece.Text.ToString())));
    }

    [Theory]
    [InlineData("e\u0301", "\u00E9", true, false)]
    [InlineData("\u00E9\u1E9B\u0323", "e\u0301\u017F\u0323\u0307", false, false)]
    [InlineData("\u1112\u1161\u11AB", "\uD55C", true, false)]
    [InlineData("\uFB01 \u2460 \uFF21", "fi 1 A", true, true)]
    [InlineData("q\u0307\u0323", "q\u0323\u0307", true, false)]
    [InlineData("\u0958 \u212B", "\u0915\u093C \u00C5", true, false)]
    public void Texts_are_normalized_without_ICU(string text, string expected, bool compose, bool compatibility) =>
        Assert.Equal(expected, UnicodeNormalization.Normalize(text, compatibility, compose));

    [Fact]
    public void A_word_of_20_kB_takes_milliseconds()
    {
        var tokenizer = BytePairTrainer.Train([string.Concat(Enumerable.Repeat("abcdefgh", 50))], new BytePairTrainerOptions { VocabularySize = 300 });
        var word = string.Concat(Enumerable.Repeat("abcdefgh", 2500));
        tokenizer.Encode(word);
        var clock = Stopwatch.StartNew();
        var ids = tokenizer.Encode(word);
        // A quadratic encoder takes seconds; the bound leaves room for a busy machine.
        Assert.True(clock.ElapsedMilliseconds < 500, $"{clock.ElapsedMilliseconds} ms");
        Assert.Equal(word, tokenizer.Decode(ids));
    }

    [DataFact("tokenizers/gpt2")]
    public void Any_text_comes_back_from_gpt2_and_streams_without_half_characters()
    {
        var tokenizer = RealTokenizers.Named("gpt2");
        Prop.ForAll<string?>(text =>
        {
            var ids = tokenizer.Encode(text ?? "");
            var decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens: false);
            var streamed = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
            var expected = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? ""));
            return streamed == expected && tokenizer.Decode(ids, skipSpecialTokens: false) == expected;
        }).QuickCheckThrowOnFailure();
    }

    [DataFact("tokenizers/gpt2")]
    public void Tokens_are_shown_as_text_and_special_ids_are_known()
    {
        var tokenizer = RealTokenizers.Named("gpt2");
        Assert.Equal((50257, 50256, 50256), (tokenizer.VocabularySize, tokenizer.BeginningOfSequence, tokenizer.EndOfSequence));
        Assert.Equal((" the", "\\n", "<0xC3>", "<|endoftext|>"),
            (tokenizer.TokenText(262), tokenizer.TokenText(198), tokenizer.TokenText(127), tokenizer.TokenText(50256)));
        Assert.Equal("<no token 60000>", tokenizer.TokenText(60000));
    }

    private static Tokenizer BytePairs(string preTokenizer)
    {
        using var folder = new TestFolder();
        BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 256 }).Save(folder.Path);
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(folder.PathOf("tokenizer.json")))!;
        json["pre_tokenizer"] = System.Text.Json.Nodes.JsonNode.Parse(preTokenizer);
        return FromJson(json.ToJsonString());
    }

    private static Tokenizer Small(string added) => FromJson(
        $$"""{"added_tokens":{{added}},"pre_tokenizer":{{ByteLevel}},"decoder":{{ByteLevel}},"model":{"type":"BPE","vocab":{"a":0,"b":1,"\u0120":2,"\u010a":3},"merges":[]} }""");

    private static Tokenizer FromJson(string json) =>
        Tokenizer.FromFiles(new TokenizerFiles("", new Dictionary<string, byte[]> { ["tokenizer.json"] = Encoding.UTF8.GetBytes(json) }));

    [Fact]
    public void A_value_that_is_not_UTF8_is_refused_like_any_other_of_a_wrong_kind()
    {
        var json = PlacedJson.Parse("vocab.json", [.. "{\"a\":\"x"u8, 0x80, .. "\"}"u8]);
        Assert.Contains("vocab.json", Assert.Throws<InputException>(() => json["a"].Integer(10)).Message, StringComparison.Ordinal);
        Assert.Contains("vocab.json", Assert.Throws<InputException>(() => json["a"].Boolean(false)).Message, StringComparison.Ordinal);
    }
}
