using System.Text;

namespace Rlhf.Text;

/// <summary>
/// Decodes ids one at a time. The pieces joined, with <see cref="Flush"/> last, are exactly what <see cref="Tokenizer.Decode"/> gives;
/// no piece ends within a character. For one sequence; not safe for use from several threads.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Func<int, string?> _pieceOf;
    private readonly Collector _certain = new();
    private readonly ITextSink _steps;
    private bool _ended;

    /// <summary>Starts a sequence; <paramref name="pieceOf"/> gives null for ids that are left out.</summary>
    internal StreamingDecoder(TokenDecoder decoder, Func<int, string?> pieceOf)
    {
        _pieceOf = pieceOf;
        _steps = decoder.Start(_certain);
    }

    /// <summary>Takes the next id and returns the text that is certain now; maybe empty.</summary>
    public string Append(int id)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        Feed(id);
        return _certain.Take();
    }

    /// <summary>Ends the sequence and returns what was held back. Nothing can be appended afterwards.</summary>
    public string Flush()
    {
        if (!_ended)
        {
            _steps.End();
        }

        _ended = true;
        return _certain.Take();
    }

    /// <summary>
    /// Takes the ids in front of the sequence, whose text is not given out. Of a character that begins in them and ends in the sequence, each has its own
    /// bytes, which are
    /// no character.
    /// </summary>
    internal void Precede(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            Feed(id);
        }

        _steps.Cut();
        _certain.Take();
    }

    /// <summary>Takes the next id without asking for text yet.</summary>
    internal void Feed(int id)
    {
        if (_pieceOf(id) is { } piece)
        {
            _steps.Add(piece);
        }
    }

    private sealed class Collector : ITextSink
    {
        private readonly StringBuilder _text = new();

        public void Add(string piece) => _text.Append(piece);

        public void Cut()
        {
        }

        public void End()
        {
        }

        public string Take()
        {
            var text = _text.ToString();
            _text.Clear();
            return text;
        }
    }
}
