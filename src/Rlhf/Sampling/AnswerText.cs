using System.Text;
using Rlhf.Data;
using Rlhf.Text;

namespace Rlhf.Sampling;

/// <summary>
/// The text of an answer while its tokens come: no piece ends within a character, and text that may be the beginning of a stop string is held back until it is
/// certain.
/// The pieces joined do not depend on how the text was cut into tokens: the answer ends before the stop string that is complete first (of several, the
/// longest).
/// </summary>
public sealed class AnswerText
{
    private readonly StreamingDecoder _decoder;
    private readonly IReadOnlyList<string> _stops;
    private readonly StringBuilder _held = new();
    private bool _atStart;

    /// <summary>An answer to a prompt.</summary>
    /// <param name="tokenizer">Decodes.</param>
    /// <param name="prompt">The tokens that it follows: they decide whether a space that begins it is part of it.</param>
    /// <param name="stops">Texts that end the answer; none of them empty.</param>
    /// <param name="withoutLeadingSpace">Leaves out one space that begins the answer, where the format joins prompt and answer by it.</param>
    public AnswerText(Tokenizer tokenizer, ReadOnlySpan<int> prompt, IReadOnlyList<string> stops, bool withoutLeadingSpace = false)
    {
        if (stops.Any(stop => stop.Length == 0))
        {
            throw new ArgumentException("A stop string is empty.", nameof(stops));
        }

        (_stops, _atStart) = (stops, withoutLeadingSpace);
        _decoder = tokenizer.CreateStreamingDecoderAfter(prompt);
    }

    /// <summary>The text of a whole answer as it goes on from its prompt: a space that begins it stays, an end-of-sequence token does not.</summary>
    public static string Of(Tokenizer tokenizer, Completion completion)
    {
        var answer = new AnswerText(tokenizer, completion.Prompt, []);
        var pieces = completion.ResponseWithoutEnd.ToArray().Select(answer.Append).ToList();
        pieces.Add(answer.Flush());
        return string.Concat(pieces);
    }

    /// <summary>Whether a stop string has ended the answer.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Characters that were given out.</summary>
    public int Released { get; private set; }

    /// <summary>Characters that are known, those that are held back included.</summary>
    public int Known => Released + _held.Length;

    /// <summary>Takes the next token and returns the text that is certain now; maybe empty.</summary>
    public string Append(int token) => Stopped ? "" : Take(_decoder.Append(token), isLast: false);

    /// <summary>Ends the answer and returns what was held back.</summary>
    public string Flush() => Stopped ? "" : Take(_decoder.Flush(), isLast: true);

    private string Take(string text, bool isLast)
    {
        if (_atStart && text.Length > 0)
        {
            text = Transcript.WithoutLeadingSpace(text);
            _atStart = false;
        }

        foreach (var character in text)
        {
            _held.Append(character);
            if (LongestStopAtEnd() is { } length)
            {
                Stopped = true;
                return Release(_held.Length - length);
            }
        }

        return Release(isLast ? _held.Length : _held.Length - LongestBeginningOfAStop());
    }

    private string Release(int count)
    {
        var text = _held.ToString(0, count);
        _held.Remove(0, count);
        Released += count;
        return text;
    }

    private int? LongestStopAtEnd()
    {
        int? longest = null;
        foreach (var stop in _stops)
        {
            if (stop.Length > (longest ?? 0) && EndsWith(stop))
            {
                longest = stop.Length;
            }
        }

        return longest;
    }

    private int LongestBeginningOfAStop()
    {
        var longest = 0;
        foreach (var stop in _stops)
        {
            for (var length = Math.Min(stop.Length - 1, _held.Length); length > longest; length--)
            {
                if (EndsWith(stop.AsSpan(0, length)))
                {
                    longest = length;
                }
            }
        }

        return longest;
    }

    private bool EndsWith(ReadOnlySpan<char> text)
    {
        if (text.Length > _held.Length)
        {
            return false;
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (_held[_held.Length - text.Length + i] != text[i])
            {
                return false;
            }
        }

        return true;
    }
}
