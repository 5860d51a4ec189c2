using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Text.Templates;

public sealed class SequenceEncoderTests : IDisposable
{
    private const int Begin = 0, End = 1;

    /// <summary>One token a byte: ids 2 to 257, after the two special ones.</summary>
    private static readonly Tokenizer Bytes = BytePairTrainer.Train([], new BytePairTrainerOptions
    {
        VocabularySize = 258,
        SpecialTokens = ["<s>", "</s>"],
        BeginningOfSequence = "<s>",
        EndOfSequence = "</s>",
    });

    private static readonly Tokenizer Chat = BytePairTrainer.Train(
        [], new BytePairTrainerOptions { VocabularySize = 258, SpecialTokens = ["<|im_start|>", "<|im_end|>"], EndOfSequence = "<|im_end|>" });

    private const string Conversation =
        """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"bb"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}""";

    private static readonly FormatOptions WithBegin = new() { AddBos = BeginningOfSequence.True };

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_demonstration_is_prompt_then_response_then_end()
    {
        var sequence = Encoder(WithBegin).Encode(Demonstration("Q", "A")).Single();
        Assert.Equal([Begin, .. Bytes.Encode("Q A"), End], sequence.Tokens);
        Assert.Equal((2, 3, false, "rows.jsonl:1"), (sequence.PromptLength, sequence.ResponseLength, sequence.Truncated, sequence.RowId));
        Assert.Null(sequence.TrainOn);
    }

    [Fact]
    public void Begin_and_end_are_added_only_where_wanted_and_once()
    {
        Assert.Equal(Bytes.Encode("Q A"), Encoder(new FormatOptions { AddEos = false }).Encode(Demonstration("Q", "A")).Single().Tokens);
        Assert.Equal([Begin, .. Bytes.Encode("Q A"), End], Encoder(WithBegin).Encode(Demonstration("<s>Q", "A</s>")).Single().Tokens);
    }

    [Fact]
    public void Each_turn_of_the_assistant_is_trained_with_its_end()
    {
        var sequences = Encoder(new FormatOptions()).Encode(_folder.Demonstrations(Conversation).Single());
        Assert.Equal(
            [[.. Bytes.Encode("\n\nHuman: a\n\nAssistant: bb"), End], [.. Bytes.Encode("\n\nHuman: a\n\nAssistant: bb\n\nHuman: c\n\nAssistant: d"), End]],
            sequences.Select(sequence => sequence.Tokens));
        Assert.Equal([4, 3], sequences.Select(sequence => sequence.TrainedTokens));
        Assert.All(sequences, sequence => Assert.Null(sequence.TrainOn));
    }

    [Fact]
    public void Turns_that_stand_in_the_next_ones_prompt_are_one_sequence_with_the_same_trained_tokens()
    {
        var encoder = new SequenceEncoder(Chat, new FormatOptions { Template = FormatTemplate.Chatml }, new EncodingOptions(), _folder.Ledger);
        var row = _folder.Demonstrations(Conversation).Single();
        var sequence = encoder.Encode(row).Single();
        var prompt = Chat.Encode("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n").Length;
        var between = Chat.Encode("\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n").Length;
        Assert.Equal(prompt, sequence.PromptLength);
        Assert.Equal([.. Enumerable.Repeat(true, 3), .. Enumerable.Repeat(false, between), .. Enumerable.Repeat(true, 2)], sequence.TrainOn!);
        var apart = encoder.EncodeTurns(row);
        Assert.Equal(apart[^1].Tokens, sequence.Tokens);
        Assert.Equal(apart.Sum(turn => turn.TrainedTokens), sequence.TrainedTokens);
    }

    [Fact]
    public void A_chat_templates_own_end_is_not_doubled()
    {
        var format = new FormatOptions { Template = FormatTemplate.Chatml };
        var sequence = new SequenceEncoder(Chat, format, new EncodingOptions(), _folder.Ledger).Encode(Demonstration("Q", "A")).Single();
        Assert.Equal(Chat.Encode("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>"), sequence.Tokens);
        Assert.Equal(2, sequence.ResponseLength);

        // A tokenizer that does not know ChatML's marks would train them as text.
        Assert.Contains("<|im_end|>", Assert.Throws<InputException>(() => Encoder(format)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_end_in_the_answers_own_text_cuts_it_there_and_is_named()
    {
        var sequence = Encoder(WithBegin).Encode(Demonstration("Q", "A</s> and more")).Single();
        Assert.Equal([Begin, .. Bytes.Encode("Q A"), End], sequence.Tokens);
        Assert.Contains("the answer holds the end-of-turn token </s> and is cut there", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_of_which_no_turn_is_trained_is_dropped_and_counted()
    {
        var row = Demonstration("Q", "A");
        Assert.Empty(Encoder(WithBegin).Encode(row with { Answer = row.Answer with { IsTrained = false } }));
        Assert.Equal(1, _folder.Ledger.DroppedByReason["no turn is trained"]);
    }

    [Fact]
    public void With_train_on_prompt_every_token_but_the_first_counts()
    {
        var sequence = Encoder(WithBegin).Encode(Demonstration("Q", "A"), trainOnPrompt: true).Single();
        Assert.Equal((1, 4), (sequence.PromptLength, sequence.TrainedTokens));
    }

    [Fact]
    public void Turns_of_a_conversation_that_is_too_long_in_one_sequence_stay_apart()
    {
        var apart = new SequenceEncoder(
            Chat, new FormatOptions { Template = FormatTemplate.Chatml }, new EncodingOptions { MaxResponseTokens = 5 }, _folder.Ledger)
            .Encode(_folder.Demonstrations(Conversation).Single());
        Assert.Equal([3, 2], apart.Select(sequence => sequence.ResponseLength));
        Assert.All(apart, sequence => Assert.Null(sequence.TrainOn));
    }

    [Fact]
    public void Overlong_rows_end_the_run_unless_the_policy_says_otherwise()
    {
        var error = Assert.Throws<InputException>(() => Encoder(WithBegin, new EncodingOptions { MaxPromptTokens = 3 }).Encode(Demonstration("long", "A")));
        Assert.Equal("rows.jsonl:1:1: prompt has 5 tokens, more than max_prompt_tokens 3; raise it, or set on_overlong to drop or truncate.", error.Message);
    }

    [Theory]
    [InlineData(4, null, null, "prompt over max_prompt_tokens")]
    [InlineData(null, 3, null, "response over max_response_tokens")]
    [InlineData(null, null, 8, "prompt and response over max_tokens")]
    public void Overlong_rows_are_dropped_and_counted(int? prompt, int? response, int? all, string reason)
    {
        var limits = new EncodingOptions { MaxPromptTokens = prompt, MaxResponseTokens = response, MaxTokens = all, OnOverlong = OverlongPolicy.Drop };
        Assert.Empty(Encoder(WithBegin, limits).Encode(Demonstration("long", "AB"))); // 5 and 4 tokens
        Assert.Equal(1, _folder.Ledger.DroppedByReason[reason]);
        Assert.Single(
            Encoder(WithBegin, new EncodingOptions { MaxPromptTokens = 5, MaxResponseTokens = 4, MaxTokens = 9 }).Encode(Demonstration("long", "AB")));
    }

    [Theory]
    [InlineData(3, null, null, "<s>ng| AB</s>", 2)]
    [InlineData(1, null, null, "<s>| AB</s>", 4)]
    [InlineData(null, 3, null, "<s>long| AB", 1)]
    [InlineData(null, 1, null, "<s>long| ", 3)]
    [InlineData(null, null, 8, "<s>ong| AB</s>", 1)]
    [InlineData(null, null, 6, "<s>ng| AB", 3)]
    [InlineData(null, null, 2, "<s>| ", 7)]
    [InlineData(3, 2, 10, "<s>ng| A", 4)]
    public void Cutting_keeps_the_prompts_end_and_the_responses_beginning(int? prompt, int? response, int? all, string kept, int cut)
    {
        var limits = new EncodingOptions { MaxPromptTokens = prompt, MaxResponseTokens = response, MaxTokens = all, OnOverlong = OverlongPolicy.Truncate };
        var sequence = Encoder(WithBegin, limits).Encode(Demonstration("long", "AB")).Single();
        Assert.Equal(kept,
            Bytes.Decode(sequence.Tokens.AsSpan(0, sequence.PromptLength), false) + "|" + Bytes.Decode(sequence.Tokens.AsSpan(sequence.PromptLength), false));
        Assert.True(sequence.Truncated);
        Assert.Equal((1, cut), (_folder.Ledger.RowsTruncated, _folder.Ledger.TokensCut));
    }

    [Fact]
    public void The_answers_of_a_ranking_follow_the_same_prompt_also_when_it_is_cut()
    {
        var limits = new EncodingOptions { MaxTokens = 8, OnOverlong = OverlongPolicy.Truncate };
        var ranking = _folder.Rankings("""{"prompt":"long","responses":["A","BCD","E"],"ranking":[[1],[0,2]],"labeler":"x","weight":2}""").Single();
        var encoded = Encoder(WithBegin, limits).Encode(ranking)!;
        Assert.Equal(["<s>ong A</s>", "<s>ong BCD", "<s>ong E</s>"], encoded.Answers.Select(answer => Bytes.Decode(answer.Tokens, false)));
        Assert.All(encoded.Answers, answer => Assert.Equal(4, answer.PromptLength));
        Assert.Equal([(1, 0), (1, 2)], encoded.Pairs);
        Assert.Equal([(0, 2)], encoded.Ties);
        Assert.Equal(("long", 2.0, "x"), (encoded.PromptText, encoded.Weight, encoded.Labeler));
        Assert.Equal((1, 2), (_folder.Ledger.RowsTruncated, _folder.Ledger.TokensCut));
    }

    [Fact]
    public void A_prompt_for_generation_leaves_room_for_a_token()
    {
        var prompt = new PromptRecord("p", Prompt.FromText("long"), new RowPosition("f", 1, 1));
        Assert.Equal([Begin, .. Bytes.Encode("long")], Encoder(WithBegin, new EncodingOptions { MaxTokens = 6 }).Encode(prompt)!.Tokens);
        var cut = Encoder(WithBegin, new EncodingOptions { MaxTokens = 5, OnOverlong = OverlongPolicy.Truncate }).Encode(prompt)!;
        Assert.Equal([Begin, .. Bytes.Encode("ong")], cut.Tokens);
        Assert.True(cut.Truncated);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(100)]
    public void Text_is_cut_into_pieces_that_predict_every_token_once(int size)
    {
        var pieces =
            Encoder(WithBegin, new EncodingOptions { MaxTokens = size }).Encode(new TextDocument("t", "abcdefgh", new RowPosition("f", 1, 1))).ToList();
        int[] all = [Begin, .. Bytes.Encode("abcdefgh"), End];
        Assert.Equal(all[1..], pieces.SelectMany(piece => piece.Tokens[piece.PromptLength..]));
        Assert.All(pieces, piece => Assert.InRange(piece.Tokens.Length, 2, size));
        Assert.Equal(all[0], pieces[0].Tokens[0]);
        Assert.All(pieces.Zip(pieces.Skip(1)), pair => Assert.Equal(pair.First.Tokens[^1], pair.Second.Tokens[0]));
    }

    [Fact]
    public void Text_of_one_token_has_nothing_to_predict_and_is_counted()
    {
        Assert.Empty(Encoder(new FormatOptions { AddEos = false }).Encode(new TextDocument("t", "a", new RowPosition("f", 1, 1))));
        Assert.Equal(1, _folder.Ledger.DroppedByReason["fewer than two tokens"]);
    }

    [Fact]
    public void What_the_tokenizer_lacks_is_an_error()
    {
        var bare = BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 256 });
        Assert.Contains(
            "add_eos", Assert.Throws<InputException>(() => new SequenceEncoder(bare, new FormatOptions(), new EncodingOptions(), _folder.Ledger)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "add_bos", Assert.Throws<InputException>(
                () => new SequenceEncoder(bare, WithBegin with { AddEos = false }, new EncodingOptions(), _folder.Ledger)).Message, StringComparison.Ordinal);
        Assert.Contains("chat template", Assert.Throws<InputException>(() => Encoder(new FormatOptions { Template = FormatTemplate.Tokenizer })).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "max_tokens", Assert.Throws<InputException>(() => Encoder(WithBegin, new EncodingOptions { MaxTokens = 1 })).Message, StringComparison.Ordinal);
    }

    private SequenceEncoder Encoder(FormatOptions format, EncodingOptions? limits = null) =>
        new(Bytes, format, limits ?? new EncodingOptions(), _folder.Ledger);

    private Demonstration Demonstration(string prompt, string response) =>
        _folder.Demonstrations($$"""{"prompt":"{{prompt}}","response":"{{response}}"}""").Single();
}
