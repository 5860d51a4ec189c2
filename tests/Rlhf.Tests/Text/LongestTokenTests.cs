using System.Text;
using System.Text.Json.Nodes;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Text;

/// <summary>How many characters a token can stand for: what is refused unread by that bound could never have fitted.</summary>
public class LongestTokenTests
{
    private static readonly Tokenizer Words = BytePairTrainer.Train(["an apple, an apple, an apple"], new BytePairTrainerOptions { VocabularySize = 270 });

    [Fact]
    public void The_bound_is_the_longest_entry_of_the_vocabulary()
    {
        var longest = Enumerable.Range(0, Words.VocabularySize).Max(id => Words.TokenText(id).Length);
        Assert.True(Words.LongestToken >= longest);
        Assert.True(Words.LongestToken < 40);
    }

    [Fact]
    public void A_text_is_encoded_whole_up_to_the_limit_and_refused_beyond_it()
    {
        var text = string.Concat(Enumerable.Repeat("an apple", 50));
        var ids = Words.Encode(text);
        Assert.Equal(ids, Words.Encode(text, ids.Length));
        Assert.Throws<TooManyTokensException>(() => Words.Encode(text, ids.Length - 1));
    }

    [Fact]
    public void A_text_that_cannot_fit_is_refused_before_it_is_encoded()
    {
        var text = new string('a', 4_000_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<TooManyTokensException>(() => Words.Encode(text, 512));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Theory]
    [InlineData("""{"normalizer": {"type": "Strip", "strip_left": true, "strip_right": true}}""", false)]
    [InlineData("""{"normalizer": {"type": "Replace", "pattern": {"String": "ab"}, "content": "c"}}""", false)]
    [InlineData("""{"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "bc"}}""", true)]
    [InlineData("""{"normalizer": {"type": "NFC"}}""", true)]
    [InlineData("""{"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip", "strip_left": true, "strip_right": false}]}}""", false)]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "Removed", "invert": false}}""", false)]
    [InlineData("""{"added_tokens": [{"id": 300, "content": "<m>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true}]}""", false)]
    public void There_is_no_bound_where_characters_can_vanish(string change, bool bounded)
    {
        using var folder = new TestFolder();
        Words.Save(folder.Path);
        var path = Path.Combine(folder.Path, "tokenizer.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
        {
            json[name] = value!.DeepClone();
        }

        File.WriteAllText(path, json.ToJsonString(), new UTF8Encoding(false));
        Assert.Equal(bounded, Tokenizer.Load(folder.Path).LongestToken is not null);
    }
}
