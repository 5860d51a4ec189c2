using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Rlhf.Data;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Cli;

/// <summary>How a conversation in the terminal looks.</summary>
/// <param name="IsInteractive">Whether a person types: then there is a prompt, and control characters of the model are made visible.</param>
/// <param name="HasColor">Whether the prompt is coloured.</param>
/// <param name="Editor">Where a person types, with a history of lines.</param>
internal sealed record ChatLook(bool IsInteractive, bool HasColor, LineEditor? Editor = null);

/// <summary>A conversation with a model, line by line: a line that begins with a slash is a command, every other one is a turn of the user.</summary>
internal sealed class ChatSession(Tokenizer tokenizer, SequenceEncoder encoder, GenerationWorker worker, ChatSettings settings, ChatLook look,
    TextReader input, TextWriter output, TextWriter notes)
{
    private const string Help = """
        /reset            forgets the conversation
        /system [TEXT]    sets the system message, or removes it; forgets the conversation
        /set [NAME VALUE] changes temperature, top_p, top_k, min_p, repetition_penalty, max_tokens or seed; alone, shows them
        /regen            answers the last message anew
        /save FILE        writes the conversation as a row of messages (JSON)
        /quit             leaves
        The arrow keys go through what was typed before and through the line.
        When the model's context is full, the oldest turns are left out; /save still writes them.
        Ctrl-C stops an answer; at the prompt twice, it leaves.
        """;

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<Message> _messages = [];
    private readonly object _gate = new();
    private ChatSettings _settings = settings;
    private string? _system = settings.System;
    private GenerationJob? _answering;
    private uint _answers;
    private int _leftOut;

    /// <summary>Talks until the input ends or the user leaves.</summary>
    public void Run()
    {
        while (ReadLine() is { } line)
        {
            if (line.Trim() is "/quit" or "/exit")
            {
                return;
            }

            try
            {
                Take(line);
            }
            catch (InputException exception)
            {
                notes.WriteLine(exception.Message);
            }
        }
    }

    /// <summary>Stops the answer that is being written; false where there is none.</summary>
    public bool Interrupt()
    {
        lock (_gate)
        {
            _answering?.Cancel();
            return _answering is not null;
        }
    }

    private string? ReadLine()
    {
        if (!look.IsInteractive)
        {
            return input.ReadLine();
        }

        var prompt = look.HasColor ? "\e[1;32m>\e[0m " : "> ";
        if (look.Editor is { } editor)
        {
            return editor.ReadLine(prompt);
        }

        output.Write(prompt);
        output.Flush();
        return input.ReadLine();
    }

    private void Take(string line)
    {
        if (line.StartsWith('/'))
        {
            var (name, rest) = line.Split(' ', 2, StringSplitOptions.TrimEntries) is [var first, var second] ? (first, second) : (line.Trim(), "");
            Obey(name, rest);
        }
        else if (line.Trim().Length > 0)
        {
            _messages.Add(new Message("user", line));
            Answer();
        }
    }

    private void Obey(string name, string rest)
    {
        switch (name)
        {
            case "/help":
                notes.WriteLine(Help);
                break;
            case "/reset":
                _messages.Clear();
                break;
            case "/system":
                _system = rest.Length > 0 ? rest : null;
                _messages.Clear();
                break;
            case "/set" when rest.Length == 0:
                notes.WriteLine(_settings.ToText());
                break;
            case "/set":
                _settings = _settings.With(rest);
                break;
            case "/regen":
                Regenerate();
                break;
            case "/save":
                Save(rest);
                break;
            default:
                throw new InputException($"There is no command {name}; /help shows all.");
        }
    }

    private void Regenerate()
    {
        if (_messages.FindLastIndex(message => message.Role == "user") is var last and >= 0)
        {
            _messages.RemoveRange(last + 1, _messages.Count - last - 1);
            Answer();
            return;
        }

        throw new InputException("There is nothing to answer yet.");
    }

    private void Answer()
    {
        GenerationRequest request;
        try
        {
            request = RequestFor(Conversation());
        }
        catch (InputException)
        {
            _messages.RemoveAt(_messages.Count - 1);
            throw;
        }

        var text = new AnswerText(tokenizer, request.Prompt, _settings.Stops, withoutLeadingSpace: true);
        lock (_gate)
        {
            _answering = worker.TrySubmit([request])![0];
        }

        try
        {
            _messages.Add(new Message("assistant", Write(_answering, text)));
        }
        finally
        {
            lock (_gate)
            {
                _answering = null;
            }

            output.WriteLine();
            output.Flush();
        }
    }

    /// <summary>Writes the answer as it comes; of one that is interrupted, what there is.</summary>
    private string Write(GenerationJob job, AnswerText text)
    {
        var whole = new System.Text.StringBuilder();
        void Show(string piece)
        {
            whole.Append(piece);
            output.Write(look.IsInteractive ? VisibleText.Plain(piece) : piece);
            output.Flush();
        }

        try
        {
            while (job.Tokens.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (job.Tokens.TryRead(out var token))
                {
                    Show(token.Ends ? "" : text.Append(token.Id));
                    if (text.Stopped)
                    {
                        job.Cancel();
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // By Ctrl-C or a stop string.
        }

        Show(text.Flush());
        return whole.ToString();
    }

    private Message[] Conversation() => _system is null ? [.. _messages] : [new Message("system", _system), .. _messages];

    private GenerationRequest RequestFor(IReadOnlyList<Message> messages)
    {
        var limit = _settings.MaxTokens ?? ConversationWindow.AnswerLimit(worker.Capacity);
        var (leftOut, prompt) = ConversationWindow.Fit(messages, TokensOf, worker.Capacity, limit);
        var room = worker.Capacity - prompt.Length;
        if (room <= 0)
        {
            throw new InputException(
                string.Create(CultureInfo.InvariantCulture,
                $"The message is too long: with it the prompt has {prompt.Length} tokens, and the model's context is {worker.Capacity}. Shorten it."));
        }

        TellOfLeftOut(leftOut);
        return new GenerationRequest
        {
            Prompt = prompt,
            Sampling = _settings.Sampling,
            MaxNewTokens = Math.Min(room, limit),
            EndIds = encoder.EndIds,
            Seed = _settings.Seed,
            Row = _answers++,
        };
    }

    private int[] TokensOf(IReadOnlyList<Message> messages) =>
        encoder.Encode(new PromptRecord("chat", Prompt.FromConversation(messages), new RowPosition("chat", 1, 1)))!.Tokens;

    private void TellOfLeftOut(int count)
    {
        if (count > _leftOut)
        {
            notes.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture, $"(the model no longer sees the first {count} messages: its context of {worker.Capacity} tokens is full)"));
        }

        _leftOut = count;
    }

    private void Save(string file)
    {
        if (file.Length == 0)
        {
            throw new InputException("/save needs the name of a file.");
        }

        try
        {
            using var stream = new StreamWriter(new FileStream(file, FileMode.CreateNew));
            stream.WriteLine(
                JsonSerializer.Serialize(new { messages = Conversation().Select(message => new { role = message.Role, content = message.Content }) }, Json));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{file}: cannot be written: {FailureText.Of(exception, file)}.", exception);
        }
    }
}
