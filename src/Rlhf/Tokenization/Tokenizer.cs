namespace Rlhf.Tokenization;

/// <summary>Text to token ids and back, as the tokenizer files of a Hugging Face folder say. Safe for use from several threads.</summary>
public sealed class Tokenizer
{
    private Tokenizer()
    {
    }

    /// <summary>Largest id + 1.</summary>
    public int VocabularySize { get; }

    /// <summary>Id of the token in front of a sequence; null when the files name none.</summary>
    public int? BeginningOfSequence { get; }

    /// <summary>Id of the token that ends a sequence; null when the files name none.</summary>
    public int? EndOfSequence { get; }

    /// <summary>Every id that ends a generated sequence: <see cref="EndOfSequence"/> first, then those of generation_config.json and config.json.</summary>
    public IReadOnlyList<int> EndOfSequenceIds { get; } = [];

    /// <summary>The folder's chat template (tokenizer_config.json or chat_template.jinja); null when it has none.</summary>
    public ChatTemplate? ChatTemplate { get; }

    /// <summary>Reads tokenizer.json, or vocab.json + merges.txt, from a model folder.</summary>
    /// <exception cref="InputException">A file is absent, broken or asks for something that is not implemented.</exception>
    public static Tokenizer Load(string folder) => throw new NotImplementedException();

    /// <summary>Token ids of a text; with <paramref name="addSpecialTokens"/> what the post-processor puts around it (such as BOS).</summary>
    public int[] Encode(string text, bool addSpecialTokens = false) => throw new NotImplementedException();

    /// <summary>Text of token ids; ids without a token are skipped.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => throw new NotImplementedException();

    /// <summary>How one token is shown to a person.</summary>
    public string TokenText(int id) => throw new NotImplementedException();

    /// <summary>Id of an entry of the vocabulary (as the file spells it) or of an added token; null when there is none.</summary>
    public int? FindId(string token) => throw new NotImplementedException();

    /// <summary>Whether this id is a special token (left out when decoding for people).</summary>
    public bool IsSpecial(int id) => throw new NotImplementedException();

    /// <summary>A decoder that is fed one id at a time.</summary>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => throw new NotImplementedException();

    /// <summary>Writes the tokenizer's files into a folder: byte for byte as they were read; a trained one as tokenizer.json and tokenizer_config.json.</summary>
    public void Save(string folder) => throw new NotImplementedException();
}
