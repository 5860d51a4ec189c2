namespace Rlhf.Tokenization;

/// <summary>
/// Decodes ids one at a time. The pieces joined, with <see cref="Flush"/> last, are exactly what <see cref="Tokenizer.Decode"/> gives;
/// no piece ends within a character.
/// </summary>
public sealed class StreamingDecoder
{
    internal StreamingDecoder()
    {
    }

    /// <summary>Takes the next id and returns the text that is certain now; maybe empty.</summary>
    public string Append(int id) => throw new NotImplementedException();

    /// <summary>Ends the sequence and returns what was held back.</summary>
    public string Flush() => throw new NotImplementedException();
}
