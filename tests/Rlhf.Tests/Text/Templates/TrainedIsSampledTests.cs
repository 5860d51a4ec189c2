using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Text.Templates;

/// <summary>What is trained is what the sampler is asked for, and what it draws until it stops: prompt ids + sampled answer ids = trained ids.</summary>
public sealed class TrainedIsSampledTests : IDisposable
{
    private static readonly string[] Words =
        ["", " ", "\n", "\n\n", "An apple.", "  room ", "<think>", "</think>", "<thi", "assistant", "user: ", "é", "🎉", "<|im_end|", "\t{{ x }}"];

    /// <summary>Templates with one difficulty each; the end of sequence is <c>&lt;/s></c>, <c>&lt;|im_end|></c> a special token.</summary>
    public static TheoryData<string> Templates { get; } =
    [
        // plain turns; the header always; the end of sequence behind the conversation; no line ends
        "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}",
        "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor -%}{{ '<|im_start|>assistant\n' }}",
        "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- else -%}{{ eos_token }}{%- endif -%}",
        "{{ bos_token }}{%- for m in messages -%}{{ '[' + m.role + ']' + m.content + eos_token }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '[assistant]' }}{%- endif -%}",
        // no end of turn; a tail behind everything; a header that ends in a space
        "{%- for m in messages -%}{{ m.role + ':' + m.content + '\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}",
        "{%- for m in messages -%}{{ m.role + ':' + m.content + '\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- else -%}{{ '--- the end ---' }}{%- endif -%}",
        "{%- for m in messages -%}{{ m.role + ': ' + m.content + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant: ' }}{%- endif -%}",
        // earlier thoughts are dropped
        "{%- for m in messages -%}{%- set c = m.content -%}{%- if m.role == 'assistant' and not loop.last and '</think>' in c -%}{%- set c = c.split('</think>')[-1].strip() -%}{%- endif -%}{{ '<|im_start|>' + m.role + '\n' + c + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}",
        // marked with generation blocks, some of them too wide
        "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' }}{%- if m.role == 'assistant' -%}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{%- else -%}{{ m.content + '<|im_end|>' }}{%- endif -%}{{ '\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}",
        "{%- for m in messages -%}{{ '<|im_start|>' + m.role }}{%- if m.role == 'assistant' -%}{% generation %}{{ '\n' + m.content + '<|im_end|>\n' }}{% endgeneration %}{%- else -%}{{ '\n' + m.content + '<|im_end|>\n' }}{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}",
        // the day, a thought that is opened and rendered
        "{{ strftime_now('%d %b') + '\n' }}{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + ('<think>\n' if m.role == 'assistant' and loop.last else '') + m.content + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n<think>\n' }}{%- endif -%}",
    ];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Templates))]
    public void The_prompt_has_the_samplers_ids_and_the_answer_ends_where_the_sampler_stops(string template)
    {
        var (tokenizer, encoder) = Create(template);
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var messages = Conversation(random);
            var turns = encoder.EncodeTurns(
                new Demonstration("", Prompt.FromConversation([.. messages.SkipLast(1)]) with { Messages = [.. messages.SkipLast(1)] }, messages[^1], true,
                new RowPosition("f", 1, 1)));
            int[] answers = [.. Enumerable.Range(0, messages.Count).Where(i => messages[i].Role == "assistant")];
            Assert.Equal(answers.Length, turns.Count);
            foreach (var (turn, at) in turns.Zip(answers))
            {
                Message[] before = [.. messages.Take(at)];
                var asked = encoder.Encode(
                    new PromptRecord("", Prompt.FromConversation(before) with { Messages = before }, new RowPosition("f", 1, 1)))!.Tokens;
                Assert.Equal(asked, turn.Tokens[..turn.PromptLength]);
                var trained = turn.Tokens[turn.PromptLength..];
                Assert.Contains(trained[^1], encoder.EndIds);
                Assert.DoesNotContain(trained[..^1], id => encoder.EndIds.Contains(id));
                Assert.Equal(messages[at].Content, tokenizer.Decode(trained.AsSpan(0, trained.Length - 1), skipSpecialTokens: false));
            }
        }
    }

    [Fact]
    public void A_template_that_writes_an_earlier_answer_otherwise_is_trained_behind_its_header()
    {
        var (tokenizer, encoder) = Create(
            "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + (m.content[:1] if m.role == 'assistant' and loop.revindex > 2 else m.content) + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}");
        var row = _folder.Demonstrations(
            """{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"first"},{"role":"user","content":"R"},{"role":"assistant","content":"second"}]}""").Single();
        var turn = encoder.EncodeTurns(row)[1];
        Assert.Equal(
            tokenizer.Encode("<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nf<|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n"),
            turn.Tokens[..turn.PromptLength]);
        Assert.Equal(tokenizer.Encode("second<|im_end|>"), turn.Tokens[turn.PromptLength..]);
    }

    [Fact]
    public void A_template_that_counts_messages_is_trained_behind_its_header()
    {
        var (tokenizer, encoder) = Create(
            "{{ messages | length }} messages\n{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}");
        var turn = encoder.EncodeTurns(
            _folder.Demonstrations("""{"messages":[{"role":"user","content":"assistant\n"},{"role":"assistant","content":"<|im_start|>assistant\nA"}]}""")
                .Single()).Single();
        Assert.Equal(tokenizer.Encode("2 messages<|im_start|>user\nassistant\n<|im_end|>\n<|im_start|>assistant\n"), turn.Tokens[..turn.PromptLength]);
        Assert.Equal(tokenizer.Encode("<|im_start|>assistant\nA<|im_end|>"), turn.Tokens[turn.PromptLength..]);
    }

    [Fact]
    public void What_a_template_drops_of_what_was_asked_stays_in_the_prompt()
    {
        var (tokenizer, encoder) = Create(
            "{%- for m in messages -%}{%- if m.role == 'user' -%}{{ '[' + (messages[0].content + ' ' if loop.last and messages[0].role == 'system' else '') + m.content + ']' }}{%- elif m.role == 'assistant' -%}{{ m.content + eos_token }}{%- endif -%}{%- endfor -%}");
        var turn = encoder.EncodeTurns(
            _folder.Demonstrations(
                """{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}""").Single())
                    .Single();
        Assert.Equal(tokenizer.Encode("[Be brief. Q]"), turn.Tokens[..turn.PromptLength]);
        Assert.Equal(tokenizer.Encode("A</s>"), turn.Tokens[turn.PromptLength..]);
    }

    [Fact]
    public void Thoughts_that_a_template_leaves_out_are_named_with_their_share()
    {
        var (_, encoder) = Create(
            "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n<think>\n' }}{%- endif -%}");
        var turn = encoder.EncodeTurns(
            _folder.Demonstrations("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"<think>12345</think>1234567"}]}""").Single())
                .Single();
        Assert.Equal("1234567<|im_end|>".Length, turn.ResponseLength + "<|im_end|>".Length - 1);
        Assert.Contains("the chat template leaves out a part of the answer (rows.jsonl:1:1 (74 %))", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_call_that_a_template_does_not_write_is_refused_and_a_message_that_it_leaves_out_is_named()
    {
        var (_, encoder) =
            Create("{%- for m in messages if m.role != 'system' -%}{{ m.role + ':' + m.content + eos_token }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}");
        var row = _folder.Demonstrations(
            """{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}""").Single();
        Assert.Single(encoder.EncodeTurns(row));
        Assert.Contains("the chat template leaves out what the system said", _folder.Ledger.ToText(), StringComparison.Ordinal);
        var calls = row.Answer with { OtherFields = """{"tool_calls":[{"type":"function","function":{"name":"weather","arguments":{}}}]}""" };
        Assert.Contains(
            "call of weather", Assert.Throws<InputException>(() => encoder.EncodeTurns(row with { Answer = calls })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_turn_that_a_template_does_not_mark_is_left_out_and_counted()
    {
        var (_, encoder) = Create(
            "{%- for m in messages -%}{{ m.role + ':' }}{%- if m.role == 'assistant' and 'good' in m.content -%}{% generation %}{{ m.content + eos_token }}{% endgeneration %}{%- else -%}{{ m.content + eos_token }}{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant:' }}{%- endif -%}");
        var row = _folder.Demonstrations(
            """{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"good"},{"role":"user","content":"Q"},{"role":"assistant","content":"bad"}]}""").Single();
        Assert.Single(encoder.EncodeTurns(row));
        Assert.Contains("turn without a generation block", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_sampler_stops_at_the_token_that_ends_a_turn_of_the_template()
    {
        var (tokenizer, encoder) = Create(
            "{%- for m in messages -%}{{ m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ 'assistant\n' }}{%- endif -%}");
        Assert.Equal([tokenizer.FindId("</s>")!.Value, tokenizer.FindId("<|im_end|>")!.Value], encoder.EndIds);
    }

    private (Tokenizer Tokenizer, SequenceEncoder Encoder) Create(string template)
    {
        var folder = Path.Combine(_folder.Path, "model");
        Directory.CreateDirectory(folder);
        BytePairTrainer.Train(
            [], new BytePairTrainerOptions
            {
                VocabularySize = 260,
                SpecialTokens = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"],
                BeginningOfSequence = "<s>",
                EndOfSequence = "</s>",
            }).Save(folder);
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), template.Replace("\r", "", StringComparison.Ordinal));
        var tokenizer = Tokenizer.Load(folder);
        return (tokenizer, new SequenceEncoder(
            tokenizer, new FormatOptions { Template = FormatTemplate.Tokenizer, Date = "2024-07-26" }, new EncodingOptions(), _folder.Ledger));
    }

    private static List<Message> Conversation(Random random)
    {
        string Text() => string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Words[random.Next(Words.Length)]));
        List<Message> messages = random.Next(2) == 0 ? [] : [new Message("system", Text())];
        for (var turns = random.Next(1, 4); turns > 0; turns--)
        {
            messages.Add(new Message("user", Text()));
            messages.Add(Message.FromAssistant(Text()));
        }

        return messages;
    }
}
