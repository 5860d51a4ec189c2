using Rlhf.Data;

namespace Rlhf.Tokenization;

/// <summary>
/// Turns records into token ids within limits; what is cut or dropped is counted in the ledger. Prompt and response are encoded apart, so that the
/// response's tokens follow the very ids that generation starts from. A tokenizer that puts a space in front of every text is not given the space
/// that joins a response to its prompt as well.
/// </summary>
public sealed class SequenceEncoder
{
    private readonly Tokenizer _tokenizer;
    private readonly Format _format;
    private readonly LengthLimits _limits;
    private readonly Ledger _ledger;
    private readonly int? _beginning;
    private readonly int? _end;
    private readonly bool _prependsSpace;

    /// <summary>Creates an encoder for a tokenizer, a format and limits.</summary>
    /// <exception cref="InputException">The format needs what the tokenizer lacks (a chat template, a beginning- or end-of-sequence token), or a limit is too small.</exception>
    public SequenceEncoder(Tokenizer tokenizer, FormatOptions format, EncodingOptions limits, Ledger ledger)
    {
        _tokenizer = tokenizer;
        _format = new Format(format, tokenizer.ChatTemplate);
        _limits = new LengthLimits(limits);
        _ledger = ledger;
        _beginning = BeginningOf(tokenizer, format);
        _end = !format.AddEos ? null : tokenizer.EndOfSequence ?? throw new InputException(
            "format.add_eos: the tokenizer names no end-of-sequence token; set it to false, or name the token in tokenizer_config.json.");
        _prependsSpace = tokenizer.Decode([.. tokenizer.Encode("a"), .. tokenizer.Encode("a")]) == "a a";
    }

    /// <summary>A prompt with its response; null when the limits dropped it.</summary>
    public EncodedSequence? Encode(Demonstration demonstration)
    {
        var where = demonstration.Position;
        var (tokens, trained) = EncodeSegments(_format.Segments(demonstration), where);
        var promptLength = Array.IndexOf(trained, true);
        CheckPrompt(promptLength, where);
        if (_limits.Fit(promptLength, tokens.Length - promptLength, where, _ledger) is not { } fit)
        {
            return null;
        }

        var prompt = CutPrompt(tokens.AsSpan(0, promptLength), fit.Prompt);
        var responseLength = Math.Min(tokens.Length - promptLength, fit.Response);
        var trainOn = trained.AsSpan(promptLength, responseLength);
        var cut = tokens.Length - prompt.Length - responseLength;
        CountCut(where, promptLength - prompt.Length, cut - (promptLength - prompt.Length));
        return new EncodedSequence(
            [.. prompt, .. tokens.AsSpan(promptLength, responseLength)],
            prompt.Length,
            trainOn.Contains(false) ? trainOn.ToArray() : null,
            demonstration.Id,
            cut > 0);
    }

    /// <summary>A prompt with its K answers, all after the same prompt tokens; null when the limits dropped it.</summary>
    public EncodedRanking? Encode(Ranking ranking)
    {
        var where = ranking.Position;
        var promptText = _format.PromptText(ranking.Prompt, where.ToString());
        var promptTokens = EncodePromptText(promptText);
        CheckPrompt(promptTokens.Length, where);
        var responses = ranking.Responses.Select(response => EncodeResponse(_format.ResponseText(ranking.Prompt, response, where.ToString()))).ToList();
        if (responses.Any(response => response.Length == 0))
        {
            throw NothingToTrain(where);
        }

        if (_limits.Fit(promptTokens.Length, responses.Max(response => response.Length), where, _ledger) is not { } fit)
        {
            return null;
        }

        var prompt = CutPrompt(promptTokens, fit.Prompt);
        var promptCut = promptTokens.Length - prompt.Length;
        CountCut(where, promptCut, responses.Sum(response => Math.Max(0, response.Length - fit.Response)));
        var answers = responses.Select(response => new EncodedSequence(
            [.. prompt, .. response.AsSpan(0, Math.Min(response.Length, fit.Response))],
            prompt.Length,
            null,
            ranking.Id,
            promptCut > 0 || response.Length > fit.Response)).ToArray();
        return new EncodedRanking(ranking.Id, promptText, answers, ranking.Pairs, ranking.Ties, ranking.Weight, ranking.Labeler, ranking.Margins);
    }

    /// <summary>A prompt for generation; null when the limits dropped it.</summary>
    public EncodedPrompt? Encode(PromptRecord prompt)
    {
        var text = _format.PromptText(prompt.Prompt, prompt.Position.ToString());
        var tokens = EncodePromptText(text);
        CheckPrompt(tokens.Length, prompt.Position);
        if (_limits.Fit(tokens.Length, 1, prompt.Position, _ledger) is not { } fit)
        {
            return null;
        }

        var kept = CutPrompt(tokens, fit.Prompt);
        CountCut(prompt.Position, tokens.Length - kept.Length, 0);
        return new EncodedPrompt(prompt.Id, text, kept, kept.Length < tokens.Length);
    }

    /// <summary>
    /// A text in pieces of at most <see cref="EncodingOptions.MaxTokens"/>, each starting with the last token of the one before, so every token but the
    /// first is predicted once. A text of fewer than two tokens is dropped.
    /// </summary>
    public IEnumerable<EncodedSequence> Encode(TextDocument text)
    {
        int[] tokens = [.. WithBeginning(_tokenizer.Encode(text.Text)), .. EndToken()];
        if (tokens.Length < 2)
        {
            _ledger.Drop(text.Position, "fewer than two tokens");
            yield break;
        }

        var size = _limits.MaxTokens ?? tokens.Length;
        for (var start = 0; start < tokens.Length - 1; start += size - 1)
        {
            yield return new EncodedSequence(tokens[start..Math.Min(start + size, tokens.Length)], 1, null, text.Id, false);
        }
    }

    private static int? BeginningOf(Tokenizer tokenizer, FormatOptions format)
    {
        // A chat template writes the token itself where its model wants one.
        var wanted = format.AddBos == BeginningOfSequence.True || (format.AddBos == BeginningOfSequence.Auto && format.Template != FormatTemplate.Tokenizer
            && tokenizer.BeginningOfSequence is { } id && tokenizer.Encode("", addSpecialTokens: true) is [var first, ..] && first == id);
        return !wanted ? null : tokenizer.BeginningOfSequence ?? throw new InputException(
            "format.add_bos: the tokenizer names no beginning-of-sequence token; set it to false or auto.");
    }

    private int[] EncodePromptText(string text) => WithBeginning(_tokenizer.Encode(text));

    private int[] WithBeginning(int[] tokens) =>
        _beginning is { } beginning && (tokens.Length == 0 || tokens[0] != beginning) ? [beginning, .. tokens] : tokens;

    private int[] EndToken() => _end is { } end ? [end] : [];

    private int[] EncodeResponse(string text)
    {
        var tokens = EncodeContinuation(text);
        return tokens.Length > 0 && _tokenizer.EndOfSequenceIds.Contains(tokens[^1]) ? tokens : [.. tokens, .. EndToken()];
    }

    private int[] EncodeContinuation(string text) => _tokenizer.Encode(_prependsSpace ? Transcript.WithoutLeadingSpace(text) : text);

    private (int[] Tokens, bool[] Trained) EncodeSegments(IReadOnlyList<Segment> segments, RowPosition where)
    {
        List<int> tokens = [];
        List<bool> trained = [];
        for (var i = 0; i < segments.Count; i++)
        {
            var ids = i == segments.Count - 1 ? EncodeResponse(segments[i].Text) : i == 0 ? EncodePromptText(segments[i].Text) : EncodeContinuation(segments[i].Text);
            tokens.AddRange(ids);
            trained.AddRange(Enumerable.Repeat(segments[i].Trained, ids.Length));
        }

        return trained.Contains(true) ? ([.. tokens], [.. trained]) : throw NothingToTrain(where);
    }

    /// <summary>The end of a prompt, after its beginning-of-sequence token if it has one.</summary>
    private int[] CutPrompt(ReadOnlySpan<int> prompt, int limit)
    {
        if (prompt.Length <= limit)
        {
            return prompt.ToArray();
        }

        return prompt[0] == _tokenizer.BeginningOfSequence ? [prompt[0], .. prompt[^(limit - 1)..]] : prompt[^limit..].ToArray();
    }

    private void CountCut(RowPosition where, int promptTokens, int responseTokens)
    {
        if (promptTokens + responseTokens > 0)
        {
            _ledger.Truncate(where, responseTokens == 0 ? "prompt cut" : promptTokens == 0 ? "response cut" : "prompt and response cut", promptTokens + responseTokens);
        }
    }

    private static void CheckPrompt(int length, RowPosition where)
    {
        if (length == 0)
        {
            throw new InputException($"{where}: the prompt has no token, so nothing predicts the response's first one; set format.add_bos to true.");
        }
    }

    private static InputException NothingToTrain(RowPosition where) => new($"{where}: the response has no token to train on.");
}
