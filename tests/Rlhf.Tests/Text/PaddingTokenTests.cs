using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Text;

public sealed class PaddingTokenTests
{
    private const string Files = """
        {"added_tokens":[SPECIAL],
         "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
         "decoder":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
         "model":{"type":"BPE","vocab":{"a":0,"b":1,"ÿ":2,"Ã":3,"¿":4},"merges":[]}}
        """;

    [Theory]
    [InlineData("<pad> </s>", """{"eos_token": "</s>", "pad_token": "<pad>"}""", "<pad>")]
    [InlineData("<|a|> <spare> </s>", """{"eos_token": "</s>", "pad_token": "<spare>"}""", "<spare>")] // its own, if it is sound
    [InlineData("<|im_start|> <|im_end|> <unk>", """{"eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}""", "<unk>")]
    [InlineData("<s> </s> <unk> <|fim_pad|> <|reserved_0|>", """{"bos_token": "<s>", "eos_token": "</s>"}""", "<|fim_pad|>")]
    [InlineData("<s> </s> <unk> <|reserved_0|> <|reserved_1|>", """{"bos_token": "<s>", "eos_token": "</s>"}""", "<|reserved_1|>")]
    [InlineData("<s> </s> <|user|> <file>", """{"bos_token": "<s>", "eos_token": "</s>", "chat_template": "<|user|>{{ messages }}"}""",
        "<file>")] // a template's tokens stand in texts
    [InlineData("<s> </s> <|user|>", """{"bos_token": "<s>", "eos_token": "</s>", "chat_template": [{"name": "default", "template": "<|user|>"}]}""", "ÿ")]
    [InlineData("<|endoftext|>", """{"eos_token": "<|endoftext|>"}""", "ÿ")]
    [InlineData("<|endoftext|> <|im_end|>", """{"eos_token": "<|im_end|>"}""", "ÿ")] // it ends texts, if not these
    public void A_token_that_never_ends_an_answer_is_found(string special, string config, string expected)
    {
        var tokenizer = Tokenizer.FromFiles(new TokenizerFiles("test", FilesWith(special, config)));
        var padding = Padding(tokenizer, 100)!;
        Assert.Equal(expected, padding.Text);
        Assert.Equal(tokenizer.FindId(expected), padding.Id);
        Assert.DoesNotContain(padding.Id, tokenizer.EndOfSequenceIds);
    }

    [Fact]
    public void A_token_without_a_row_of_the_models_embedding_is_not_taken()
    {
        var tokenizer = Tokenizer.FromFiles(new TokenizerFiles("test", FilesWith("<pad> </s>", """{"eos_token": "</s>"}""")));
        Assert.Equal("ÿ", Padding(tokenizer, 5)!.Text);
        Assert.Null(Padding(tokenizer, 2));
    }

    [Fact]
    public void A_token_that_only_a_format_ends_turns_with_is_not_taken()
    {
        var tokenizer = Tokenizer.FromFiles(new TokenizerFiles("test", FilesWith("<pad> </s>", """{"eos_token": "</s>", "pad_token": "<pad>"}""")));
        Assert.Equal("ÿ", PaddingToken.For(tokenizer, [.. tokenizer.EndOfSequenceIds, tokenizer.FindId("<pad>")!.Value], 100)!.Text);
    }

    [Fact]
    public void An_end_that_only_the_models_files_name_is_one_too()
    {
        var files = FilesWith("<|endoftext|> <|im_end|> <|x|>", """{"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}""");
        Assert.Equal("<|endoftext|>", Padding(Tokenizer.FromFiles(new TokenizerFiles("test", files)), 100)!.Text);
        files["generation_config.json"] = """{"eos_token_id": [101, 100]}"""u8.ToArray();
        files["tokenizer.json"] =
            Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files["tokenizer.json"]).Replace("\"id\":5,", "\"id\":100,", StringComparison.Ordinal)
                .Replace("\"id\":6,", "\"id\":101,", StringComparison.Ordinal));
        Assert.Equal("<|x|>", Padding(Tokenizer.FromFiles(new TokenizerFiles("test", files)), 200)!.Text);
    }

    [Fact]
    public void All_files_that_name_a_padding_token_name_this_one()
    {
        var files = FilesWith("<|im_end|> <|x|>", """{"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "chat_template": "kept"}""");
        files["special_tokens_map.json"] = """{"pad_token": {"content": "<|im_end|>", "lstrip": false}}"""u8.ToArray();
        files["tokenizer.json"] =
            Encoding.UTF8.GetBytes("{\"padding\": {\"pad_id\": 5, \"pad_token\": \"<|im_end|>\"}," + Encoding.UTF8.GetString(files["tokenizer.json"])[1..]);
        var named = new PaddingToken(6, "<|x|>").NameIn(files);

        Assert.Equal("<|x|>", (string)Json(named, "tokenizer_config.json")["pad_token"]!);
        Assert.Equal("kept", (string)Json(named, "tokenizer_config.json")["chat_template"]!);
        Assert.Equal("<|x|>", (string)Json(named, "special_tokens_map.json")["pad_token"]!);
        Assert.True(JsonNode.DeepEquals(new JsonObject { ["pad_id"] = 6, ["pad_token"] = "<|x|>" }, Json(named, "tokenizer.json")["padding"]));
        Assert.True(Tokenizer.FromFiles(new TokenizerFiles("before", files)).HasSameVocabulary(Tokenizer.FromFiles(new TokenizerFiles("after", new(named)))));
    }

    [Fact]
    public void Files_that_name_it_already_stay_as_they_are()
    {
        var files = FilesWith("<pad> </s>", """{"eos_token":   "</s>", "pad_token": {"content": "<pad>"}}""");
        Assert.All(new PaddingToken(5, "<pad>").NameIn(files), file => Assert.Same(files[file.Key], file.Value));
    }

    [Fact]
    public void A_byte_as_padding_leaves_the_letter_that_spells_it_alone()
    {
        var files = FilesWith("<|endoftext|>", """{"eos_token": "<|endoftext|>"}""");
        var before = Tokenizer.FromFiles(new TokenizerFiles("before", files));
        var after = Tokenizer.FromFiles(new TokenizerFiles("after", new(Padding(before, 100)!.NameIn(files))));

        Assert.Equal([3, 2], before.Encode("aÿb").Where(id => id > 1).ToArray()[..1].Append(2));
        Assert.Equal(before.Encode("aÿb"), after.Encode("aÿb"));
        Assert.True(after.IsSpecial(2));
        Assert.True(before.HasSameVocabulary(after));
    }

    [Fact]
    public void A_tokenizer_of_two_files_gets_its_padding_token_in_a_third()
    {
        var files = new Dictionary<string, byte[]>
        {
            ["vocab.json"] = """{"a": 0, "ÿ": 1, "<|endoftext|>": 2}"""u8.ToArray(),
            ["merges.txt"] = "#version: 0.2\n"u8.ToArray(),
        };
        var before = Tokenizer.FromFiles(new TokenizerFiles("before", files));
        var named = Padding(before, 3)!.NameIn(files);
        var after = Tokenizer.FromFiles(new TokenizerFiles("after", new(named)));

        Assert.Equal("ÿ", (string)Json(named, "tokenizer_config.json")["pad_token"]!);
        Assert.Equal((before.EndOfSequence, before.BeginningOfSequence), (after.EndOfSequence, after.BeginningOfSequence));
        Assert.Equal(before.Encode("a<|endoftext|>aa"), after.Encode("a<|endoftext|>aa"));
        Assert.True(after.IsSpecial(1));
    }

    [DataFact("tokenizers/gpt2")]
    public void Gpt2_gets_a_byte() => CheckReal("gpt2", "ÿ");

    [DataFact("tokenizers/qwen3")]
    public void Qwen3_keeps_its_own() => CheckReal("qwen3", "<|endoftext|>");

    [DataFact("stories260k/tokenizer.json")]
    public void Stories260k_gets_the_unknown_token() => CheckReal("stories260k", "<unk>");

    private static void CheckReal(string name, string expected) => Assert.Equal(expected, Padding(RealTokenizers.Named(name), int.MaxValue)!.Text);

    private static PaddingToken? Padding(Tokenizer tokenizer, int vocabularySize) => PaddingToken.For(tokenizer, tokenizer.EndOfSequenceIds, vocabularySize);

    private static Dictionary<string, byte[]> FilesWith(string special, string config)
    {
        var added = special.Split(' ').Select((content, i) => $$"""{"id":{{i + 5}},"content":{{JsonSerializer.Serialize(content)}},"special":true}""");
        return new Dictionary<string, byte[]>
        {
            ["tokenizer.json"] = Encoding.UTF8.GetBytes(Files.Replace("SPECIAL", string.Join(',', added), StringComparison.Ordinal)),
            ["tokenizer_config.json"] = Encoding.UTF8.GetBytes(config),
        };
    }

    private static JsonObject Json(IReadOnlyDictionary<string, byte[]> files, string name) => JsonNode.Parse(files[name])!.AsObject();
}
