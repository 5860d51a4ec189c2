using System.Text;

namespace Rlhf.Text;

/// <summary>Text to token ids and back, as the tokenizer files of a Hugging Face folder say. Safe for use from several threads.</summary>
public sealed class Tokenizer
{
    private readonly TokenizerFiles _files;
    private readonly TokenizerDefinition _definition;
    private readonly Dictionary<int, AddedToken> _addedById;
    private readonly AddedTokenMatcher _rawTokens;
    private readonly AddedTokenMatcher _normalizedTokens;
    private readonly Lazy<ChatTemplate?> _chatTemplate;
    private readonly Lazy<int?> _longestToken;

    private Tokenizer(TokenizerFiles files)
    {
        _files = files;
        _definition = TokenizerDefinition.FromFiles(files);
        _addedById = _definition.AddedTokens.GroupBy(token => token.Id).ToDictionary(group => group.Key, group => group.First());
        _rawTokens = new AddedTokenMatcher(_definition.AddedTokens.Where(token => !token.IsNormalized), content => content);
        _normalizedTokens = new AddedTokenMatcher(_definition.AddedTokens.Where(token => token.IsNormalized), Normalize);
        _longestToken = new Lazy<int?>(_definition.LongestToken);
        var special = SpecialTokens.FromFiles(files, _definition.Vocabulary);
        BeginningOfSequence = special.Beginning;
        EndOfSequenceIds = special.Ends;
        _chatTemplate = new Lazy<ChatTemplate?>(() => ChatTemplateFile.Read(files, special));
    }

    /// <summary>Characters of a text that a token stands for at most; null where any number can vanish in one.</summary>
    internal int? LongestToken => _longestToken.Value;

    /// <summary>Largest id + 1.</summary>
    public int VocabularySize => _definition.Vocabulary.Size;

    /// <summary>Id of the token in front of a sequence; null when the files name none.</summary>
    public int? BeginningOfSequence { get; }

    /// <summary>Id of the token that ends a sequence; null when the files name none.</summary>
    public int? EndOfSequence => EndOfSequenceIds.Count > 0 ? EndOfSequenceIds[0] : null;

    /// <summary>Every id that ends a generated sequence: <see cref="EndOfSequence"/> first, then those of generation_config.json and config.json.</summary>
    public IReadOnlyList<int> EndOfSequenceIds { get; }

    /// <summary>The folder's chat template (chat_template.jinja or tokenizer_config.json); null when it has none. Parsed at the first use.</summary>
    /// <exception cref="InputException">The template is not supported; with line and column.</exception>
    public ChatTemplate? ChatTemplate => _chatTemplate.Value;

    /// <summary>The files that it was read from.</summary>
    internal TokenizerFiles Files => _files;

    /// <summary>What the files say.</summary>
    internal TokenizerDefinition Definition => _definition;

    /// <summary>Whether tokens are spelled byte by byte.</summary>
    internal bool IsByteLevel => _definition.PreTokenizer?.IsByteLevel == true;

    /// <summary>The tokens that are cut out of texts and left out for people.</summary>
    internal IEnumerable<AddedToken> SpecialAddedTokens => _addedById.Values.Where(token => token.IsSpecial);

    /// <summary>Reads tokenizer.json, or vocab.json + merges.txt, from a model folder.</summary>
    /// <exception cref="InputException">A file is absent, broken or asks for something that is not implemented.</exception>
    public static Tokenizer Load(string folder) => new(TokenizerFiles.Read(folder));

    /// <summary>Takes the files from memory.</summary>
    internal static Tokenizer FromFiles(TokenizerFiles files) => new(files);

    /// <summary>
    /// Token ids of a text; with <paramref name="addSpecialTokens"/> what the post-processor puts around it (such as BOS). Half of a
    /// surrogate pair counts as U+FFFD.
    /// </summary>
    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        var ids = new List<int>(text.Length / 3 + 8);
        if (addSpecialTokens)
        {
            ids.AddRange(_definition.Prefix);
        }

        EncodeInto(ids, text, continues: false);
        if (addSpecialTokens)
        {
            ids.AddRange(_definition.Suffix);
        }

        return [.. ids];
    }

    /// <summary>Token ids of a text that may have only so many: work stops where it has more, before it begins where the characters alone say so.</summary>
    /// <exception cref="TooManyTokensException">There are more.</exception>
    internal int[] Encode(string text, int most)
    {
        if (LongestToken is { } longest && text.Length > (long)longest * most)
        {
            throw new TooManyTokensException(most);
        }

        var ids = new List<int>((int)Math.Min(text.Length / 3 + 8L, most));
        EncodeInto(ids, text, continues: false, most);
        return [.. ids];
    }

    /// <summary>Token ids of a text that goes on from another one: nothing is put in front that the text does not have (no space of sentencepiece's).</summary>
    public int[] EncodeContinuation(string text)
    {
        var ids = new List<int>(text.Length / 3 + 8);
        EncodeInto(ids, text, continues: true);
        return [.. ids];
    }

    /// <summary>Text of token ids; ids without a token are skipped.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var decoder = CreateStreamingDecoder(skipSpecialTokens);
        foreach (var id in ids)
        {
            decoder.Feed(id);
        }

        return decoder.Flush();
    }

    /// <summary>How one token is shown to a person: its text, line breaks and tabs as escapes, bytes that are no character as <c>&lt;0xNN&gt;</c>.</summary>
    public string TokenText(int id)
    {
        if (_definition.Vocabulary[id] is not { } piece)
        {
            return FormattableString.Invariant($"<no token {id}>");
        }

        if (_addedById.ContainsKey(id))
        {
            return piece;
        }

        var text = IsByteLevel ? BytesShown(ByteAlphabet.BytesOf(piece)) : piece.Replace('\u2581', ' ');
        return text.Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal)
            .Replace("\t", "\\t", StringComparison.Ordinal);
    }

    /// <summary>The UTF-8 bytes that one token stands for within a text, which may be a part of a character; none for ids without a token.</summary>
    public byte[] TokenBytes(int id)
    {
        if (_definition.Vocabulary[id] is not { } piece)
        {
            return [];
        }

        if (_addedById.ContainsKey(id))
        {
            return Encoding.UTF8.GetBytes(piece);
        }

        if (IsByteLevel)
        {
            return ByteAlphabet.BytesOf(piece);
        }

        return piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal)
            && byte.TryParse(piece.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value)
            ? [value]
            : Encoding.UTF8.GetBytes(piece.Replace('\u2581', ' '));
    }

    /// <summary>Id of an entry of the vocabulary (as the file spells it) or of an added token; null when there is none.</summary>
    public int? FindId(string token) => _definition.Vocabulary.Find(token);

    /// <summary>Whether every id is the same entry of the vocabulary here and there, special or not.</summary>
    public bool HasSameVocabulary(Tokenizer other) => VocabularySize == other.VocabularySize
        && Enumerable.Range(0, VocabularySize).All(id => _definition.Vocabulary[id] == other._definition.Vocabulary[id]);

    /// <summary>Whether this id is a special token (left out when decoding for people).</summary>
    public bool IsSpecial(int id) => _addedById.TryGetValue(id, out var token) && token.IsSpecial;

    /// <summary>A decoder that is fed one id at a time.</summary>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) =>
        new(_definition.Decoder, id => skipSpecialTokens && IsSpecial(id) ? null : _definition.Vocabulary[id]);

    /// <summary>
    /// A decoder of what follows other ids: it gives the text of its own ids alone, as they go on from those before. A space that begins it therefore stays
    /// where a text's first
    /// space is left out.
    /// </summary>
    /// <param name="previous">The ids before.</param>
    public StreamingDecoder CreateStreamingDecoderAfter(ReadOnlySpan<int> previous)
    {
        var decoder = CreateStreamingDecoder();
        decoder.Precede(previous);
        return decoder;
    }

    /// <summary>Writes the tokenizer's files into a folder: byte for byte as they were read; a trained one as tokenizer.json and
    /// tokenizer_config.json.</summary>
    public void Save(string folder) => _files.Write(folder);

    private void EncodeInto(List<int> ids, string text, bool continues, int most = int.MaxValue)
    {
        text = WithoutLoneSurrogates(text);
        var words = new List<TextPart>();
        foreach (var (start, length, token) in _rawTokens.Cut(text))
        {
            if (token is not null)
            {
                ids.Add(token.Id);
                RequireFew(ids, most);
                continue;
            }

            var part = length == text.Length ? text : text.Substring(start, length);
            var place = start > 0 ? TextPlace.Within : continues ? TextPlace.Continuation : TextPlace.Beginning;
            EncodeBetween(place == TextPlace.Continuation ? NormalizeContinuation(part) : Normalize(part), place, words, ids, most);
        }
    }

    private void EncodeBetween(string text, TextPlace place, List<TextPart> words, List<int> ids, int most)
    {
        foreach (var (start, length, token) in _normalizedTokens.Cut(text))
        {
            if (token is not null)
            {
                ids.Add(token.Id);
                RequireFew(ids, most);
                continue;
            }

            var part = new TextPart(text.AsMemory(start, length), start == 0 ? place : TextPlace.Within);
            words.Clear();
            if (_definition.PreTokenizer is { } preTokenizer)
            {
                preTokenizer.Split(part, words);
            }
            else
            {
                words.Add(part);
            }

            foreach (var word in words)
            {
                _definition.Model.Encode(word.Text.Span, ids);
                RequireFew(ids, most);
            }
        }
    }

    private static void RequireFew(List<int> ids, int most)
    {
        if (ids.Count > most)
        {
            throw new TooManyTokensException(most);
        }
    }

    private string Normalize(string text) => _definition.Normalizer?.Normalize(text) ?? text;

    private string NormalizeContinuation(string text) => _definition.Normalizer?.NormalizeContinuation(text) ?? text;

    private static string WithoutLoneSurrogates(string text)
    {
        // EnumerateRunes gives U+FFFD for a lone surrogate.
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        foreach (var rune in text.EnumerateRunes())
        {
            clean.Append(units[..rune.EncodeToUtf16(units)]);
        }

        return clean.ToString();
    }

    private static string BytesShown(ReadOnlySpan<byte> bytes)
    {
        var shown = new StringBuilder();
        while (!bytes.IsEmpty)
        {
            var isCharacter = Rune.DecodeFromUtf8(bytes, out var rune, out var length) == System.Buffers.OperationStatus.Done;
            shown.Append(isCharacter ? rune.ToString() : FormattableString.Invariant($"<0x{bytes[0]:X2}>"));
            bytes = bytes[(isCharacter ? length : 1)..];
        }

        return shown.ToString();
    }
}
