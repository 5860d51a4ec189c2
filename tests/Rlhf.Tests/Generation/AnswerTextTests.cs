using Rlhf.Generation;
using Rlhf.Tokenization;

namespace Rlhf.Tests.Generation;

public sealed class AnswerTextTests
{
    // Bytes alone: every token is one byte, so characters and stop strings span tokens.
    private static readonly Tokenizer Bytes = BytePairTrainer.Train(
        ["x"], new BytePairTrainerOptions { VocabularySize = 257, SpecialTokens = ["</s>"], EndOfSequence = "</s>" });

    [Theory]
    [InlineData("a fruit: pear", "pear", "a fruit: ")]
    [InlineData("aaab", "ab", "aa")]
    [InlineData("abcd", "abcd|bc", "a")] // bc is complete first
    [InlineData("xabc", "bc|abc", "x")] // both end at once: the longer
    [InlineData("Grüße, 你好!", "好", "Grüße, 你")]
    [InlineData("no end", "ende", "no end")]
    [InlineData("a\n\nHuman: b", "\n\nHuman:", "a")]
    public void A_text_ends_before_the_stop_that_is_complete_first(string text, string stops, string expected)
    {
        var answer = new AnswerText(Bytes, [], stops.Split('|'));
        var pieces = Bytes.Encode(text).Select(answer.Append).ToList();
        pieces.Add(answer.Flush());

        Assert.Equal(expected, string.Concat(pieces));
        Assert.Equal(expected != text, answer.Stopped);
        Assert.Equal(expected.Length, answer.Released);
    }

    [Fact]
    public void Only_what_may_begin_a_stop_is_held_back()
    {
        var answer = new AnswerText(Bytes, [], ["stop"]);
        Assert.Equal(["a", "", "", "stx", "", "", ""], "astxsto".Select(letter => answer.Append(Bytes.Encode(letter.ToString())[0])));
        Assert.Equal("sto", answer.Flush());
    }

    [Fact]
    public void No_piece_ends_within_a_character()
    {
        const string Text = "Füße 😀 你好";
        var answer = new AnswerText(Bytes, [], ["zzz"]);
        var pieces = Bytes.Encode(Text).Select(answer.Append).ToArray();
        Assert.All(pieces, piece => Assert.DoesNotContain('\uFFFD', piece));
        Assert.All(pieces, piece => Assert.False(piece.Length > 0 && char.IsHighSurrogate(piece[^1])));
        Assert.Equal(Text, string.Concat(pieces) + answer.Flush());
    }

    [Fact]
    public void One_space_that_joins_the_answer_to_its_prompt_is_left_out()
    {
        var answer = new AnswerText(Bytes, Bytes.Encode("Q:"), [], withoutLeadingSpace: true);
        Assert.Equal(" a b", string.Concat(Bytes.Encode("  a b").Select(answer.Append)) + answer.Flush());
    }
}
