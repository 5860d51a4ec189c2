using Rlhf.Sampling;
using Rlhf.Tests.Text;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Sampling;

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

    [Fact]
    public void The_token_that_ended_an_answer_is_no_part_of_its_text_special_or_not()
    {
        var letters = Bytes.Encode("ab.");
        Assert.Equal("ab", AnswerText.Of(Bytes, new Completion([], letters, [], Finished: true)));
        Assert.Equal("ab", Bytes.Decode(new Completion([], letters, [], Finished: true).ResponseWithoutEnd));
        Assert.Equal("ab.", Bytes.Decode(new Completion([], letters, [], Finished: false).ResponseWithoutEnd));
    }

    [Fact]
    public void A_trained_tokenizers_answers_hold_their_own_tokens_alone() => CheckAnswersAfterEachByte(Bytes);

    [DataFact("tokenizers/gpt2")]
    public void Gpt2s_answers_hold_their_own_tokens_alone() => CheckAnswersAfterEachByte(RealTokenizers.Named("gpt2"));

    [DataFact("tokenizers/qwen3")]
    public void Qwen3s_answers_hold_their_own_tokens_alone() => CheckAnswersAfterEachByte(RealTokenizers.Named("qwen3"));

    [DataFact("stories260k/tokenizer.json")]
    public void Stories260ks_answers_hold_their_own_tokens_alone() => CheckAnswersAfterEachByte(RealTokenizers.Named("stories260k"));

    [DataFact("stories260k/tokenizer.json")]
    public void A_prompt_that_ends_in_a_stop_does_not_stop_its_answer()
    {
        var stories = RealTokenizers.Named("stories260k");
        var prompt = stories.Encode("Once upon a time.\n");
        var answer = new AnswerText(stories, prompt, ["\n"]);
        Assert.Equal("One day", string.Concat(stories.Encode("Once upon a time.\nOne day").Skip(prompt.Length).Select(answer.Append)) + answer.Flush());
        Assert.False(answer.Stopped);
    }

    // text(prompt + answer) = text(prompt) + pieces, but where a character begins in the prompt and ends in the answer: that one is neither's.
    private static void CheckAnswersAfterEachByte(Tokenizer tokenizer)
    {
        string[] answers = [" One day, a", "One", "\n\nHuman:", "é", "😀 and 你好", "  two spaces", "\t", "\0"];
        var ends = Enumerable.Range(0, 256).Select(value => ByteTokens(tokenizer, (byte)value));
        foreach (var end in ends.Append(ByteTokens(tokenizer, 0xF0, 0x9F, 0x98)).Append([]))
        {
            foreach (var before in (int[][])[[], tokenizer.Encode("Hi"), tokenizer.Encode("Füße 😀"), [.. FirstOf(tokenizer), .. tokenizer.Encode("Hi ")]])
            {
                int[] prompt = [.. before, .. end];
                foreach (var answer in answers)
                {
                    CheckAnswer(tokenizer, prompt, tokenizer.Encode(answer));
                }
            }
        }

        var middle = new AnswerText(tokenizer, ByteTokens(tokenizer, 0xF0, 0x9F), []);
        var pieces = string.Concat(ByteTokens(tokenizer, 0x98, 0x80, (byte)'A').Select(middle.Append)) + middle.Flush();
        Assert.Equal("\uFFFD\uFFFDA", pieces);
    }

    private static void CheckAnswer(Tokenizer tokenizer, int[] prompt, int[] answer)
    {
        var text = new AnswerText(tokenizer, prompt, []);
        var pieces = string.Concat(answer.Select(text.Append)) + text.Flush();
        Assert.Equal(tokenizer.Decode([.. prompt, .. answer]), tokenizer.Decode(prompt) + pieces);
        Assert.Equal(pieces, AnswerText.Of(tokenizer, new Completion(prompt, answer, [], Finished: false)));
    }

    private static int[] FirstOf(Tokenizer tokenizer) => tokenizer.BeginningOfSequence is { } first ? [first] : [];

    private static int[] ByteTokens(Tokenizer tokenizer, params byte[] bytes) =>
        [.. bytes.Select(value => tokenizer.FindId($"<0x{value:X2}>") ?? tokenizer.FindId(ByteAlphabet.CharacterOf(value).ToString())!.Value)];
}
