using Rlhf.Tokenization;

namespace Rlhf.Tests.Tokenization;

/// <summary>What Hugging Face's tokenizers give, id by id; see Reference/tokenizers/README.md.</summary>
public class TokenizerFixtureTests
{
    [DataFact("tokenizers/gpt2")]
    public void Gpt2_texts_get_the_reference_ids_and_come_back() => CheckTexts("gpt2");

    [DataFact("tokenizers/qwen3")]
    public void Qwen3_texts_get_the_reference_ids_and_come_back() => CheckTexts("qwen3");

    [DataFact("stories260k/tokenizer.json")]
    public void Stories260k_texts_get_the_reference_ids_and_come_back() => CheckTexts("stories260k");

    [DataFact("tokenizers/gpt2")]
    public void Gpt2_ids_decode_as_in_the_reference() => CheckDecoding("gpt2");

    [DataFact("tokenizers/qwen3")]
    public void Qwen3_ids_decode_as_in_the_reference() => CheckDecoding("qwen3");

    [DataFact("stories260k/tokenizer.json")]
    public void Stories260k_ids_decode_as_in_the_reference() => CheckDecoding("stories260k");

    private static void CheckTexts(string name)
    {
        var tokenizer = RealTokenizers.Named(name);
        var cases = 0;
        foreach (var item in RealTokenizers.Fixture($"{name}.json").EnumerateArray())
        {
            var label = item.GetProperty("name").GetString()!;
            var text = item.GetProperty("text").GetString()!;
            var withSpecial = RealTokenizers.Ids(item.GetProperty("ids_with_special"));
            AssertSame(label, withSpecial, tokenizer.Encode(text, addSpecialTokens: true));
            AssertSame(label, RealTokenizers.Ids(item.GetProperty("ids_without_special")), tokenizer.Encode(text));
            Assert.Equal((label, item.GetProperty("decoded_skip_special").GetString()), (label, tokenizer.Decode(withSpecial)));
            Assert.Equal(tokenizer.Decode(withSpecial, skipSpecialTokens: false), Stream(tokenizer, withSpecial, skipSpecialTokens: false));
            cases++;
        }

        Assert.True(cases > 100);
    }

    private static void CheckDecoding(string name)
    {
        var tokenizer = RealTokenizers.Named(name);
        foreach (var item in RealTokenizers.Fixture("decode.json").GetProperty(name).EnumerateArray())
        {
            var label = item.GetProperty("name").GetString();
            var ids = RealTokenizers.Ids(item.GetProperty("ids"));
            var skip = item.GetProperty("skip_special_tokens").GetBoolean();
            var decoded = item.GetProperty("decoded").GetString();
            Assert.Equal((label, decoded), (label, tokenizer.Decode(ids, skip)));
            Assert.Equal((label, decoded), (label, Stream(tokenizer, ids, skip)));
        }
    }

    private static string Stream(Tokenizer tokenizer, int[] ids, bool skipSpecialTokens)
    {
        var decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens);
        var pieces = ids.Select(decoder.Append).ToList();
        pieces.Add(decoder.Flush());
        Assert.All(pieces, piece => Assert.True(piece.Length == 0 || (!char.IsLowSurrogate(piece[0]) && !char.IsHighSurrogate(piece[^1]))));
        return string.Concat(pieces);
    }

    private static void AssertSame(string label, int[] expected, int[] actual) =>
        Assert.Equal($"{label}: {string.Join(' ', expected)}", $"{label}: {string.Join(' ', actual)}");
}
