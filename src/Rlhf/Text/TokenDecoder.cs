using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Rlhf.Text;

/// <summary>Takes pieces of decoded text, one token after the other.</summary>
internal interface ITextSink
{
    /// <summary>The next piece.</summary>
    void Add(string piece);

    /// <summary>What is held back is given out as at the end, but the text goes on: a character cannot span this place.</summary>
    void Cut();

    /// <summary>No piece comes after this.</summary>
    void End();
}

/// <summary>
/// The <c>decoder</c> of a tokenizer.json, as steps that pieces are pushed through. Whole texts and streams are decoded by the same steps,
/// so they cannot differ.
/// </summary>
internal sealed class TokenDecoder
{
    private readonly List<Func<ITextSink, ITextSink>> _steps = [];
    // Behind Fuse and ByteLevel the pieces are parts of one text; in front of them each is a token of its own.
    private bool _isFused;
    // A step between ByteFallback and Fuse would see the characters of a run one by one instead of the run.
    private bool _keepsRuns;
    private bool _hasByteFallback;

    private TokenDecoder()
    {
    }

    /// <summary>The decoder of byte-level tokenizers.</summary>
    public static TokenDecoder CreateByteLevel()
    {
        var decoder = new TokenDecoder();
        decoder.AddByteLevel();
        return decoder;
    }

    /// <summary>Reads a decoder; without one the tokens are joined with spaces.</summary>
    public static TokenDecoder FromJson(PlacedJson json)
    {
        var decoder = new TokenDecoder();
        if (json.IsNull)
        {
            decoder._steps.Add(next => new SpaceBetween(next));
        }
        else
        {
            decoder.AddStep(json);
        }

        return decoder;
    }

    /// <summary>Starts decoding into a sink.</summary>
    public ITextSink Start(ITextSink result)
    {
        for (var i = _steps.Count - 1; i >= 0; i--)
        {
            result = _steps[i](result);
        }

        return result;
    }

    private void AddStep(PlacedJson json)
    {
        var type = json.Type();
        if (_isFused && type is not ("Fuse" or "Strip" or "Sequence"))
        {
            throw json.Refuse($"the decoder {type} behind Fuse or ByteLevel is not supported");
        }

        _keepsRuns |= _hasByteFallback && !_isFused && type is not ("Fuse" or "Sequence");
        switch (type)
        {
            case "Sequence":
                json.AllowOnly("type", "decoders");
                foreach (var step in json["decoders"].Items())
                {
                    AddStep(step);
                }

                break;
            case "ByteLevel":
                json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
                AddByteLevel();
                break;
            case "ByteFallback":
                json.AllowOnly("type");
                _hasByteFallback = true;
                _steps.Add(next => new ByteFallback(next, _keepsRuns));
                break;
            case "Fuse":
                json.AllowOnly("type");
                _isFused = true;
                break;
            case "Replace":
                json.AllowOnly("type", "pattern", "content");
                json["pattern"].AllowOnly("String");
                var (pattern, content) = (json["pattern"]["String"].Text(), json["content"].Text());
                if (pattern.Length == 0)
                {
                    throw json.Refuse("the pattern is empty");
                }

                json["content"].RequireShort(content, Limits.TokenizerPattern);
                _steps.Add(next => new Mapping(next, (piece, _) => Short(piece.Replace(pattern, content, StringComparison.Ordinal), json)));
                break;
            case "Strip":
                AddStrip(json);
                break;
            case "Metaspace":
                var replacement = MetaspacePreTokenizer.Replacement(json);
                var dropsFirst = MetaspacePreTokenizer.Scheme(json) != PrependScheme.Never;
                _steps.Add(next => new Mapping(next, (piece, isFirst) => isFirst && dropsFirst
                    ? piece.Replace(replacement.ToString(), "", StringComparison.Ordinal)
                    : piece.Replace(replacement, ' ')));
                break;
            default:
                throw json.Refuse($"the decoder {type} is not supported (supported: Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace)");
        }
    }

    private void AddByteLevel()
    {
        _steps.Add(next => new ByteLevel(next));
        _isFused = true;
    }

    private static string Short(string piece, PlacedJson json) => piece.Length <= Limits.DecodedToken ? piece
        : throw json.Refuse(FormattableString.Invariant($"the decoder makes more than {Limits.DecodedToken} characters of a token"));

    private void AddStrip(PlacedJson json)
    {
        json.AllowOnly("type", "content", "start", "stop");
        var content = json["content"].Text();
        if (content.Length != 1)
        {
            throw json["content"].Refuse("expected one character");
        }

        var (start, stop) = (json["start"].Integer(1000), json["stop"].Integer(1000));
        if (_isFused)
        {
            _steps.Add(next => new StripText(next, content[0], start, stop));
        }
        else
        {
            _steps.Add(next => new Mapping(next, (piece, _) => StripPiece(piece, content[0], start, stop)));
        }
    }

    private static string StripPiece(string piece, char content, int start, int stop)
    {
        var (first, end) = (0, piece.Length);
        while (first < end && first < start && piece[first] == content)
        {
            first++;
        }

        while (end > first && piece.Length - end < stop && piece[end - 1] == content)
        {
            end--;
        }

        return piece[first..end];
    }

    private sealed class Mapping(ITextSink next, Func<string, bool, string> map) : ITextSink
    {
        private bool _isFirst = true;

        public void Add(string piece)
        {
            next.Add(map(piece, _isFirst));
            _isFirst = false;
        }

        public void Cut() => next.Cut();

        public void End() => next.End();
    }

    private sealed class SpaceBetween(ITextSink next) : ITextSink
    {
        private bool _isFirst = true;

        public void Add(string piece)
        {
            next.Add(_isFirst ? piece : " " + piece);
            _isFirst = false;
        }

        public void Cut() => next.Cut();

        public void End() => next.End();
    }

    /// <summary>Joins the bytes of all tokens as UTF-8; each maximal broken part becomes U+FFFD.</summary>
    private sealed class ByteLevel(ITextSink next) : ITextSink
    {
        private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

        public void Add(string piece) => Decode(ByteAlphabet.BytesOf(piece), flush: false);

        public void Cut()
        {
            Decode([], flush: true);
            next.Cut();
        }

        public void End()
        {
            Decode([], flush: true);
            next.End();
        }

        private void Decode(byte[] bytes, bool flush)
        {
            var characters = new char[_decoder.GetCharCount(bytes, flush)];
            next.Add(new string(characters, 0, _decoder.GetChars(bytes, characters, flush)));
        }
    }

    /// <summary>
    /// Decodes runs of <c>&lt;0xNN&gt;</c> tokens as UTF-8: complete characters stay, and each byte that belongs to none becomes one U+FFFD.
    /// Rust's decoder gives up the whole run instead, complete characters too.
    /// </summary>
    /// <param name="next">The next step.</param>
    /// <param name="keepsRuns">Whether a run is one piece for it, not each character.</param>
    private sealed class ByteFallback(ITextSink next, bool keepsRuns) : ITextSink
    {
        private readonly List<byte> _bytes = [];

        public void Add(string piece)
        {
            if (TryByte(piece, out var value))
            {
                _bytes.Add(value);
                if (!keepsRuns)
                {
                    Decode(runEnds: false);
                }

                return;
            }

            Decode(runEnds: true);
            next.Add(piece);
        }

        public void Cut()
        {
            Decode(runEnds: true);
            next.Cut();
        }

        public void End()
        {
            Decode(runEnds: true);
            next.End();
        }

        private void Decode(bool runEnds)
        {
            if (_bytes.Count == 0)
            {
                return;
            }

            var text = new StringBuilder();
            var rest = (ReadOnlySpan<byte>)CollectionsMarshal.AsSpan(_bytes);
            while (!rest.IsEmpty)
            {
                var status = Rune.DecodeFromUtf8(rest, out var rune, out var length);
                if (status == OperationStatus.NeedMoreData && !runEnds)
                {
                    break;
                }

                if (status == OperationStatus.Done)
                {
                    text.Append(rune.ToString());
                }
                else
                {
                    text.Append('\uFFFD', length);
                }

                rest = rest[length..];
            }

            _bytes.RemoveRange(0, _bytes.Count - rest.Length);
            if (text.Length > 0)
            {
                next.Add(text.ToString());
            }
        }

        private static bool TryByte(string piece, out byte value)
        {
            value = 0;
            return piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
                && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        }
    }

    /// <summary>Takes up to some characters off both ends of the whole text; what may be the end is held back.</summary>
    private sealed class StripText(ITextSink next, char content, int start, int stop) : ITextSink
    {
        private int _toSkip = start;
        private string _held = "";

        public void Add(string piece)
        {
            var first = 0;
            while (first < piece.Length && _toSkip > 0)
            {
                if (piece[first] == content)
                {
                    (first, _toSkip) = (first + 1, _toSkip - 1);
                }
                else
                {
                    _toSkip = 0;
                }
            }

            var text = _held + piece[first..];
            var end = text.Length;
            while (end > 0 && text.Length - end < stop && text[end - 1] == content)
            {
                end--;
            }

            _held = text[end..];
            next.Add(text[..end]);
        }

        public void Cut()
        {
            _held = "";
            next.Cut();
        }

        public void End() => next.End();
    }
}
