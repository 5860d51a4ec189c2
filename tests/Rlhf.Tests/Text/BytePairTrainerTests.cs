using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Text;

public class BytePairTrainerTests
{
    [Fact]
    public void The_reference_corpus_gives_the_reference_merges_counts_and_ids()
    {
        var fixture = RealTokenizers.Fixture("bpe_training.json");
        var corpus = fixture.GetProperty("corpus").EnumerateArray().Select(text => text.GetString()!).ToList();
        foreach (var item in fixture.GetProperty("cases").EnumerateArray())
        {
            var options = new BytePairTrainerOptions
            {
                VocabularySize = item.GetProperty("vocab_size").GetInt32(),
                MinimumFrequency = item.GetProperty("min_frequency").GetInt32(),
                SpecialTokens = [.. item.GetProperty("special_tokens").EnumerateArray().Select(token => token.GetString()!)],
            };
            CheckMerges(item, BytePairTrainer.FindMerges(corpus, options));
            var tokenizer = BytePairTrainer.Train(corpus, options);
            Assert.Equal(item.GetProperty("actual_vocab_size").GetInt32(), tokenizer.VocabularySize);
            Assert.All(item.GetProperty("vocab").EnumerateObject(), entry => Assert.Equal(entry.Value.GetInt32(), tokenizer.FindId(entry.Name)));
            foreach (var encoding in item.GetProperty("encodings").EnumerateArray())
            {
                Assert.Equal(RealTokenizers.Ids(encoding.GetProperty("ids")), tokenizer.Encode(encoding.GetProperty("text").GetString()!));
            }
        }
    }

    [Fact]
    public void Texts_come_back_whatever_they_hold()
    {
        var tokenizer = BytePairTrainer.Train(["abc abc ab abc bc bc bcd abcd"], new BytePairTrainerOptions { VocabularySize = 280, MinimumFrequency = 1 });
        Prop.ForAll<string?>(text => tokenizer.Decode(tokenizer.Encode(text ?? "")) == WellFormed(text ?? "")).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_trained_tokenizer_is_the_same_after_saving_and_loading()
    {
        using var folder = new TestFolder();
        var trained = BytePairTrainer.Train(["a rose is a rose is a rose"], new BytePairTrainerOptions
        {
            VocabularySize = 300,
            SpecialTokens = ["<bos>", "<eos>"],
            BeginningOfSequence = "<bos>",
            EndOfSequence = "<eos>",
            ChatTemplate = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}",
        });
        trained.Save(folder.Path);
        var loaded = Tokenizer.Load(folder.Path);
        Assert.Equal(trained.VocabularySize, loaded.VocabularySize);
        Assert.Equal((0, 1), (loaded.BeginningOfSequence, loaded.EndOfSequence));
        Assert.True(loaded.IsSpecial(1));
        Assert.Equal(trained.Encode("<bos>a rose\u00e9 \U0001F600<eos>"), loaded.Encode("<bos>a rose\u00e9 \U0001F600<eos>"));
        using var again = new TestFolder();
        loaded.Save(again.Path);
        foreach (var name in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            Assert.Equal(File.ReadAllBytes(folder.PathOf(name)), File.ReadAllBytes(again.PathOf(name)));
        }
    }

    [Fact]
    public void Training_stops_when_no_pair_is_frequent_enough()
    {
        var trained = BytePairTrainer.FindMerges(["ab ab cd"], new BytePairTrainerOptions { VocabularySize = 1000, MinimumFrequency = 2 });
        Assert.Equal(["ab"], trained.Tokens.Skip(256));
        Assert.Equal([2L], trained.Counts);
    }

    [Theory]
    [InlineData(255, "<eos>", "<eos>")]
    [InlineData(400, "<eos>", "<end>")]
    [InlineData(400, "a", null)]
    public void Options_that_do_not_fit_together_are_refused(int size, string special, string? end) =>
        Assert.Throws<InputException>(
            () => BytePairTrainer.Train(["a"], new BytePairTrainerOptions { VocabularySize = size, SpecialTokens = [special], EndOfSequence = end }));

    private static void CheckMerges(JsonElement expected, TrainedMerges actual)
    {
        var merges = expected.GetProperty("merges").EnumerateArray().Select(pair => (pair[0].GetString()!, pair[1].GetString()!));
        Assert.Equal(merges, actual.Merges.Select(pair => (actual.Tokens[pair.Left], actual.Tokens[pair.Right])));
        Assert.Equal(expected.GetProperty("merge_counts").EnumerateArray().Select(count => count.GetInt64()), actual.Counts);
    }

    private static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
