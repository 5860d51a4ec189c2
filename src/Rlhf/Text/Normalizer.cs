using System.Text;
using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>The <c>normalizer</c> of a tokenizer.json: rewrites the text before it is split.</summary>
internal abstract class Normalizer
{
    /// <summary>Rewrites a text without lone surrogates.</summary>
    public abstract string Normalize(string text);

    /// <summary>Rewrites a text that goes on from another one: its beginning gets nothing in front and keeps its spaces.</summary>
    public virtual string NormalizeContinuation(string text) => Normalize(text);

    /// <summary>How many characters of the text can become one; null where any number can vanish.</summary>
    public abstract int? MostBecomeOne { get; }

    /// <summary>Reads a normalizer; null for none.</summary>
    public static Normalizer? FromJson(PlacedJson json)
    {
        if (json.IsNull)
        {
            return null;
        }

        switch (json.Type())
        {
            case "Sequence":
                json.AllowOnly("type", "normalizers");
                return new SequenceNormalizer([.. json["normalizers"].Items().Select(FromJson).OfType<Normalizer>()]);
            case "Prepend":
                json.AllowOnly("type", "prepend");
                var prefix = json["prepend"].Text();
                json["prepend"].RequireShort(prefix, Limits.TokenizerPattern);
                return new FunctionNormalizer(text => text.Length == 0 ? text : prefix + text, 1, text => text);
            case "Replace":
                json.AllowOnly("type", "pattern", "content");
                return Replacement(SplitPattern.FromJson(json["pattern"]), json["content"]);
            case "Strip":
                json.AllowOnly("type", "strip_left", "strip_right");
                return Strip(json["strip_left"].Boolean(true), json["strip_right"].Boolean(true));
            case "Lowercase":
                json.AllowOnly("type");
                // U+0130 is the only character whose lower case is two.
                return new FunctionNormalizer(text => text.ToLowerInvariant().Replace("\u0130", "i\u0307", StringComparison.Ordinal), 1);
            case "NFC" or "NFD" or "NFKC" or "NFKD":
                json.AllowOnly("type");
                var form = json.Type();
                // No character decomposes into more than four units by its canonical mapping, so no more are composed.
                return new FunctionNormalizer(text => UnicodeNormalization.Normalize(text, form.Contains('K'), form.EndsWith('C')), form.EndsWith('C') ? 4 : 1);
            case var other:
                throw json.Refuse($"the normalizer {other} is not supported (supported: Sequence, Prepend, Replace, Strip, Lowercase, NFC, NFD, NFKC, NFKD)");
        }
    }

    private static FunctionNormalizer Replacement(SplitPattern pattern, PlacedJson json)
    {
        var content = json.Text();
        json.RequireShort(content, Limits.TokenizerPattern);
        return new(text => Replaced(text, pattern, content, json), pattern is LiteralPattern literal && content.Length >= literal.Length ? 1 : null);
    }

    private static string Replaced(string text, SplitPattern pattern, string content, PlacedJson json)
    {
        var matches = new List<(int Start, int Length)>();
        pattern.FindAll(text, matches);
        if (matches.Count == 0)
        {
            return text;
        }

        if (text.Length + (long)matches.Count * content.Length > Limits.NormalizedText)
        {
            throw json.Refuse(FormattableString.Invariant($"the normalizer makes a text of more than {Limits.NormalizedText} characters"));
        }

        var result = new StringBuilder(text.Length);
        var end = 0;
        foreach (var (start, length) in matches)
        {
            result.Append(text, end, start - end).Append(content);
            end = start + length;
        }

        return result.Append(text, end, text.Length - end).ToString();
    }

    private static FunctionNormalizer Strip(bool left, bool right) =>
        new(text => (left, right) switch
        {
            (true, true) => text.Trim(),
            (true, false) => text.TrimStart(),
            (false, true) => text.TrimEnd(),
            _ => text,
        }, null, text => right ? text.TrimEnd() : text);

    private sealed class FunctionNormalizer(Func<string, string> function, int? mostBecomeOne, Func<string, string>? continuation = null) : Normalizer
    {
        public override int? MostBecomeOne => mostBecomeOne;

        public override string Normalize(string text) => function(text);

        public override string NormalizeContinuation(string text) => (continuation ?? function)(text);
    }

    private sealed class SequenceNormalizer(Normalizer[] steps) : Normalizer
    {
        public override int? MostBecomeOne =>
            steps.Aggregate((int?)1, static (most, step) => most * step.MostBecomeOne is > 0 and < 1000 and var product ? product : null);

        public override string Normalize(string text)
        {
            foreach (var step in steps)
            {
                text = step.Normalize(text);
            }

            return text;
        }

        public override string NormalizeContinuation(string text)
        {
            foreach (var step in steps)
            {
                text = step.NormalizeContinuation(text);
            }

            return text;
        }
    }
}
