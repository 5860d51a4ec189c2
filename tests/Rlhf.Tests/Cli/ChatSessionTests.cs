using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

public sealed class ChatSessionTests : IDisposable
{
    private readonly TinyModels _models = new();
    private readonly LoadedModels _loaded = new();
    private readonly Tokenizer _tokenizer;
    private readonly GenerationWorker _worker;

    public ChatSessionTests()
    {
        var folder = _models.Language("model");
        _tokenizer = Tokenizer.Load(folder);
        _worker = new GenerationWorker(_loaded.Language(Checkpoint.Open(folder)), slots: 1, TinyModels.Context, queueLimit: 1);
    }

    public void Dispose()
    {
        _worker.Dispose();
        _loaded.Dispose();
        _models.Dispose();
    }

    [Fact]
    public void Every_piped_line_is_a_turn_with_one_answer()
    {
        var (output, notes) = Talk("Name a fruit.", "", "Name a colour.");
        Assert.Equal(2, Answers(output).Length);
        Assert.Empty(notes);
        Assert.DoesNotContain('\e', output);
    }

    [Fact]
    public void An_answer_depends_on_the_conversation_and_the_seed()
    {
        var first = Answers(Talk("Name a fruit.").Output)[0];
        Assert.Equal(first, Answers(Talk("Name a fruit.").Output)[0]);
        Assert.NotEqual(first, Answers(Talk("/set seed 9", "Name a fruit.").Output)[0]);
        // An untrained model's probabilities differ too little to show at a temperature of 1.
        Assert.NotEqual(Answers(Talk("/set temperature 0.01", "a", "b").Output)[1], Answers(Talk("/set temperature 0.01", "a", "/reset", "b").Output)[1]);
        Assert.NotEqual(Answers(Talk("/set temperature 0.01", "Name a fruit.").Output)[0],
            Answers(Talk("/set temperature 0.01", "/system Be rude.", "Name a fruit.").Output)[0]);
        var again = Answers(Talk("Name a fruit.", "/regen", "/regen").Output);
        Assert.Equal(3, again.Distinct().Count());
    }

    [Fact]
    public void A_conversation_is_saved_as_a_row_that_training_reads()
    {
        var file = Path.Combine(_models.Path, "talk.jsonl");
        var (output, notes) = Talk("/system Be kind.", "Name a fruit.", $"/save {file}", $"/save {file}", "/save");
        Assert.Contains("is there already", notes, StringComparison.Ordinal);
        Assert.Contains("/save needs", notes, StringComparison.Ordinal);
        var messages = JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("messages").EnumerateArray().ToArray();
        Assert.Equal(["system", "user", "assistant"], messages.Select(message => message.GetProperty("role").GetString()));
        Assert.Equal(Answers(output)[0], messages[2].GetProperty("content").GetString());
        Assert.Equal(RecordKind.Demonstration, AnyRecord.Parse(JsonRows.Read(file).Single(), new DataSource()).Kind);
    }

    [Fact]
    public void Wrong_commands_and_values_are_named_and_the_talk_goes_on()
    {
        var (output, notes) =
            Talk("/what", "/set heat 3", "/set top_p 2", "/set", "/regen", new string('x', 500), "/set max_tokens 3", "Name a fruit.", "/quit", "never read");
        foreach (var part in new[]
        {
            "no command /what",
            "no setting 'heat'",
            "top_p is 2",
            "temperature 1",
            "nothing to answer",
            "and the model's context is 96. Shorten it",
        })
        {
            Assert.Contains(part, notes, StringComparison.Ordinal);
        }

        Assert.Single(Answers(output));
    }

    [Fact]
    public void An_interruption_ends_the_answer_and_keeps_what_was_said()
    {
        var first = new CountdownEvent(1);
        ChatSession? session = null;
        using var output = new TellingWriter(() =>
        {
            // In the middle of the answer, between two of its tokens.
            session!.Interrupt();
            if (!first.IsSet)
            {
                first.Signal();
            }
        });
        session = Session(["Name a fruit.", "/set max_tokens 2", "Name a colour."], output, TextWriter.Null, _worker);
        session.Run();
        Assert.True(first.IsSet);
        Assert.False(session.Interrupt());
        Assert.Equal(0, _worker.Live);
    }

    private static string[] Answers(string output) => output.Split("<end>\n")[..^1];

    [Fact]
    public void A_long_conversation_goes_on_without_its_oldest_turns()
    {
        // An untrained model does not end by itself: every answer is cut at half of the context.
        var lines = Enumerable.Range(0, 8).Select(i => $"Name a fruit {i}.").ToArray();
        var file = Path.Combine(_models.Path, "long.jsonl");
        using var output = new StringWriter { NewLine = "<end>\n" };
        using var notes = new StringWriter();
        Session([.. lines, $"/save {file}"], output, notes, _worker, new ChatSettings(new SamplingOptions(), MaxTokens: null, 1, "Be kind.", [])).Run();
        Assert.Equal(8, Answers(output.ToString()).Length);
        Assert.All(Answers(output.ToString()), answer => Assert.NotEqual("", answer));
        Assert.Contains("(the model no longer sees the first 2 messages: its context of 96 tokens is full)", notes.ToString(), StringComparison.Ordinal);
        Assert.Equal(17, JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("messages").GetArrayLength());
    }

    private (string Output, string Notes) Talk(params string[] lines)
    {
        using var output = new StringWriter { NewLine = "<end>\n" };
        using var notes = new StringWriter();
        Session(lines, output, notes, _worker).Run();
        return (output.ToString(), notes.ToString());
    }

    private ChatSession Session(string[] lines, TextWriter output, TextWriter notes, GenerationWorker worker, ChatSettings? settings = null)
    {
        var encoder = new SequenceEncoder(_tokenizer, new FormatOptions(), new EncodingOptions(), new Ledger("chat"));
        return new ChatSession(
            _tokenizer, encoder, worker, settings ?? new ChatSettings(new SamplingOptions(), 12, 1, null, []), new ChatLook(false, false),
            new StringReader(string.Join('\n', lines)), output, notes);
    }

    /// <summary>Tells when text is written.</summary>
    private sealed class TellingWriter(Action told) : StringWriter
    {
        public override void Write(string? value)
        {
            base.Write(value);
            if (value?.Length > 0)
            {
                told();
            }
        }
    }
}
