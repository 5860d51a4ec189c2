using Rlhf.Data;

namespace Rlhf.Text.Templates;

/// <summary>
/// Turns records into token ids within limits; what is cut, dropped or left out is counted in the ledger. A turn's prompt has the ids that the sampler is
/// given. Its answer has the ids
/// of the whole text behind them; where a token would lie over the border, the answer is encoded by itself, as a continuation. What is trained ends with the
/// first end-of-turn token.
/// Safe for use from several threads.
/// </summary>
public sealed class SequenceEncoder
{
    private readonly Tokenizer _tokenizer;
    private readonly Format _format;
    private readonly LengthLimits _limits;
    private readonly Ledger _ledger;
    private readonly int? _beginning;
    private readonly int? _end;

    /// <summary>Creates an encoder for a tokenizer, a format and limits.</summary>
    /// <exception cref="InputException">The format needs what the tokenizer lacks (a chat template, a beginning- or end-of-sequence token), or a limit is too
    /// small.</exception>
    public SequenceEncoder(Tokenizer tokenizer, FormatOptions format, EncodingOptions limits, Ledger ledger)
    {
        _tokenizer = tokenizer;
        _format = new Format(format, tokenizer.ChatTemplate);
        _limits = new LengthLimits(limits);
        _ledger = ledger;
        _beginning = BeginningOf(tokenizer, format.AddBos, _format.Template);
        _end = !format.AddEos ? null : tokenizer.EndOfSequence ?? throw new InputException(
            "format.add_eos: the tokenizer names no end-of-sequence token; set it to false, or name the token in tokenizer_config.json.");
        if (format.Template == FormatTemplate.Chatml && tokenizer.FindId(BuiltInTemplates.ChatMlEnd) is null)
        {
            throw new InputException(
                $"format.template: chatml ends a turn with {BuiltInTemplates.ChatMlEnd}, and the tokenizer has no such token: it would be trained and sampled as plain text. Choose plain, human_assistant or custom, or add the token.");
        }

        EndIds = EndOfTurn.Of(_format, tokenizer);
    }

    /// <summary>Tokens of a prompt or of a turn beyond which encoding stops with <see cref="TooManyTokensException"/>.</summary>
    public int MostTokens { get; init; } = int.MaxValue;

    /// <summary>The form in use: never <c>auto</c>.</summary>
    public FormatTemplate Template => _format.Template;

    /// <summary>The tokens that end an answer: the model's end-of-sequence tokens and the one that ends a turn in the chat template.</summary>
    public IReadOnlyList<int> EndIds { get; }

    /// <summary>
    /// The training examples of a demonstration, one for each trained turn. Turns whose tokens all stand in the next one's prompt are one sequence: the same
    /// losses in one pass. Empty where
    /// the limits dropped the row or none of its turns is trained, which is counted.
    /// </summary>
    /// <param name="demonstration">The row.</param>
    /// <param name="which">Which turns are trained.</param>
    /// <param name="trainOnPrompt">Whether the tokens in front of a turn count in the loss, too.</param>
    public IReadOnlyList<EncodedSequence> Encode(Demonstration demonstration, TrainedTurns which = TrainedTurns.All, bool trainOnPrompt = false)
    {
        var where = demonstration.Position;
        var turns = Turns(demonstration, which);
        if (turns.Count == 0)
        {
            _ledger.Drop(where, "no turn is trained");
            return [];
        }

        List<Joined> joined = [];
        foreach (var turn in turns)
        {
            if (joined.Count == 0 || !joined[^1].TryAppend(turn, _limits))
            {
                joined.Add(new Joined(turn));
            }
        }

        var cut = new Cut();
        List<EncodedSequence> sequences = [];
        foreach (var sequence in joined)
        {
            if (_limits.Fit(sequence.PromptLength, sequence.Tokens.Count - sequence.PromptLength, where, out var reason) is { } fit)
            {
                sequences.Add(Fitted(sequence, fit, demonstration.Id, trainOnPrompt, cut));
            }
            else if (joined.Count == 1)
            {
                _ledger.Drop(where, reason!);
                return [];
            }
            else
            {
                _ledger.Note(where, $"turn left out: {reason}");
            }
        }

        Count(cut, where);
        if (sequences.Count == 0)
        {
            _ledger.Drop(where, "every turn over the limits");
        }

        return sequences;
    }

    /// <summary>A prompt with its answer, which alone counts; null when the limits dropped it.</summary>
    public EncodedSequence? EncodeAnswer(Demonstration demonstration) =>
        Encode(demonstration with { TrainOnAllTurns = false, Answer = demonstration.Answer with { IsTrained = true } }) is [var only] ? only : null;

    /// <summary>Each trained turn of a demonstration as a sequence of its own, without limits: what <c>data show</c> prints.</summary>
    public IReadOnlyList<EncodedSequence> EncodeTurns(Demonstration demonstration, TrainedTurns which = TrainedTurns.All) =>
        [.. Turns(demonstration, which)
            .Select(turn => new EncodedSequence([.. turn.Prompt, .. turn.Answer], turn.Prompt.Length, null, demonstration.Id, false))];

    /// <summary>A prompt with its K answers; null when the limits dropped it. Answers whose header depends on them (a thought that the template opens) have
    /// prompts of their own.</summary>
    public EncodedRanking? Encode(Ranking ranking)
    {
        var where = ranking.Position;
        List<TurnTokens> answers = [];
        for (var i = 0; i < ranking.Responses.Count; i++)
        {
            if (_format.Turn(ranking.Prompt, ranking.Answer(i), where.ToString()) is not { } turn)
            {
                _ledger.Drop(where, NotMarked);
                return null;
            }

            answers.Add(TokensOf(turn, where));
        }

        if (_limits.Fit(answers.Max(answer => answer.Prompt.Length), answers.Max(answer => answer.Answer.Length), where, out var reason) is not { } fit)
        {
            _ledger.Drop(where, reason!);
            return null;
        }

        var cut = new Cut();
        EncodedSequence[] sequences = [.. answers.Select(answer => Fitted(new Joined(answer), fit, ranking.Id, trainOnPrompt: false, cut))];
        cut.PromptTokens /= sequences.Length; // the same prompt in each
        Count(cut, where);
        return new EncodedRanking(ranking.Id, _format.PromptText(ranking.Prompt, where.ToString()), sequences, ranking.Pairs, ranking.Ties, ranking.Weight,
            ranking.Labeler, ranking.Margins)
        {
            SplitKey = ranking.Prompt.SplitKey,
        };
    }

    /// <summary>A prompt for generation; null when the limits dropped it.</summary>
    public EncodedPrompt? Encode(PromptRecord prompt)
    {
        var text = _format.PromptText(prompt.Prompt, prompt.Position.ToString());
        var tokens = EncodePromptText(text);
        CheckPrompt(tokens.Length, prompt.Position);
        if (_limits.Fit(tokens.Length, 1, prompt.Position, out var reason) is not { } fit)
        {
            _ledger.Drop(prompt.Position, reason!);
            return null;
        }

        var kept = CutPrompt(tokens, fit.Prompt);
        Count(new Cut { PromptTokens = tokens.Length - kept.Length }, prompt.Position);
        return new EncodedPrompt(prompt.Id, text, kept, kept.Length < tokens.Length);
    }

    /// <summary>A conversation to its end, without what a chat template writes in front of an answer.</summary>
    /// <exception cref="InputException">The format has no chat template, or the template refuses the conversation.</exception>
    public int[] EncodeTold(Prompt prompt) => EncodePromptText(_format.ToldText(prompt, "messages"));

    /// <summary>A prompt with the beginning of its answer, which is to go on: the ids that training would give both, without what ends a turn.</summary>
    /// <exception cref="InputException">The template changes the answer, or refuses the conversation.</exception>
    public int[] EncodeUnfinished(Prompt prompt, Message answer)
    {
        if (answer.Content.Length == 0)
        {
            return EncodePromptText(_format.PromptText(prompt, "messages"));
        }

        var turn = _format.Turn(prompt, answer, "messages");
        foreach (var content in (string[])[answer.Content, answer.Content.TrimEnd(), answer.Content.Trim()])
        {
            if (turn?.Answer.LastIndexOf(content, StringComparison.Ordinal) is { } at and >= 0 && content.Length > 0)
            {
                var tokens = EncodePromptText(turn.Prompt);
                return [.. tokens, .. AnswerIds(tokens, turn.Prompt, turn.Answer[..(at + content.Length)])];
            }
        }

        throw new InputException("The chat template does not write the last message as it is, so there is nothing to go on with.");
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

    private const string NotMarked = "turn without a generation block";

    private static int? BeginningOf(Tokenizer tokenizer, BeginningOfSequence add, FormatTemplate template)
    {
        // A chat template writes the token itself where its model wants one.
        var wanted = add == BeginningOfSequence.True || (add == BeginningOfSequence.Auto && template != FormatTemplate.Tokenizer
            && tokenizer.BeginningOfSequence is { } id && tokenizer.Encode("", addSpecialTokens: true) is [var first, ..] && first == id);
        return !wanted ? null : tokenizer.BeginningOfSequence ?? throw new InputException(
            "format.add_bos: the tokenizer names no beginning-of-sequence token; set it to false or auto.");
    }

    private int[] EncodePromptText(string text) => WithBeginning(_tokenizer.Encode(text, MostTokens));

    private int[] WithBeginning(int[] tokens) =>
        _beginning is { } beginning && (tokens.Length == 0 || tokens[0] != beginning) ? [beginning, .. tokens] : tokens;

    private int[] EndToken() => _end is { } end ? [end] : [];

    private List<TurnTokens> Turns(Demonstration demonstration, TrainedTurns which)
    {
        var where = demonstration.Position;
        var turns = _format.Turns(demonstration, which, where.ToString(), out var unmarked);
        if (unmarked > 0)
        {
            _ledger.Note(where, NotMarked);
        }

        return [.. turns.Select(turn => TokensOf(turn, where))];
    }

    private TurnTokens TokensOf(AssistantTurn turn, RowPosition where)
    {
        var prompt = EncodePromptText(turn.Prompt);
        CheckPrompt(prompt.Length, where);
        var answer = AnswerIds(prompt, turn.Prompt, turn.Answer);
        var end = Array.FindIndex(answer, EndIds.Contains);
        if (end >= 0)
        {
            answer = answer[..(end + 1)];
            NoteEndWithin(turn.Content, _tokenizer.TokenText(answer[end]), where);
        }
        else
        {
            var tail = turn.TailLength();
            answer = [.. tail == 0 ? answer : AnswerIds(prompt, turn.Prompt, turn.Answer[..Math.Max(0, turn.Answer.Length - tail)]),
                .. turn.EndsElsewhere ? [] : EndToken()];
        }

        if (turn.DroppedShare > 0)
        {
            _ledger.Note(where, "the chat template leaves out a part of the answer",
                FormattableString.Invariant($"{where} ({Math.Max(1, Math.Round(100 * turn.DroppedShare))} %)"));
        }

        if (turn.LostRole is { } role)
        {
            _ledger.Note(where, $"the chat template leaves out what the {role} said, or a part of it");
        }

        return answer.Length > 0 ? new TurnTokens(prompt, answer) : throw NothingToTrain(where);
    }

    private int[] AnswerIds(int[] prompt, string promptText, string answerText)
    {
        var whole = WithBeginning(_tokenizer.Encode(promptText + answerText, MostTokens));
        return whole.AsSpan().StartsWith(prompt) ? whole[prompt.Length..] : _tokenizer.EncodeContinuation(answerText);
    }

    private void NoteEndWithin(string content, string end, RowPosition where)
    {
        var at = content.IndexOf(end, StringComparison.Ordinal);
        if (at >= 0 && !string.IsNullOrWhiteSpace(content[(at + end.Length)..]))
        {
            _ledger.Note(where, $"the answer holds the end-of-turn token {end} and is cut there");
        }
    }

    private EncodedSequence Fitted(Joined sequence, (int Prompt, int Response) fit, string id, bool trainOnPrompt, Cut cut)
    {
        int[] tokens = [.. sequence.Tokens];
        var prompt = CutPrompt(tokens.AsSpan(0, sequence.PromptLength), fit.Prompt);
        var length = Math.Min(tokens.Length - sequence.PromptLength, fit.Response);
        var (promptCut, responseCut) = (sequence.PromptLength - prompt.Length, tokens.Length - sequence.PromptLength - length);
        cut.PromptTokens += promptCut;
        cut.ResponseTokens += responseCut;
        bool[] trained = [.. sequence.Trained.Take(length)];
        int[] kept = [.. prompt, .. tokens.AsSpan(sequence.PromptLength, length)];
        return trainOnPrompt
            ? new EncodedSequence(kept, 1, null, id, promptCut + responseCut > 0)
            : new EncodedSequence(kept, prompt.Length, trained.Contains(false) ? trained : null, id, promptCut + responseCut > 0);
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

    private void Count(Cut cut, RowPosition where)
    {
        if (cut.PromptTokens + cut.ResponseTokens > 0)
        {
            _ledger.Truncate(
                where, cut.ResponseTokens == 0 ? "prompt cut" : cut.PromptTokens == 0 ? "response cut" : "prompt and response cut",
                cut.PromptTokens + cut.ResponseTokens);
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

    /// <summary>One turn: its prompt and what is trained.</summary>
    private readonly record struct TurnTokens(int[] Prompt, int[] Answer);

    /// <summary>Tokens that a row lost.</summary>
    private sealed class Cut
    {
        public int PromptTokens { get; set; }

        public int ResponseTokens { get; set; }
    }

    /// <summary>Turns of one conversation in one sequence, as long as each one's prompt begins with the tokens before it.</summary>
    private sealed class Joined(TurnTokens first)
    {
        public int PromptLength { get; } = first.Prompt.Length;

        public List<int> Tokens { get; } = [.. first.Prompt, .. first.Answer];

        /// <summary>For each token behind the first prompt.</summary>
        public List<bool> Trained { get; } = [.. Enumerable.Repeat(true, first.Answer.Length)];

        public bool TryAppend(TurnTokens turn, LengthLimits limits)
        {
            if (turn.Prompt.Length < Tokens.Count || !limits.Allow(PromptLength, turn.Prompt.Length + turn.Answer.Length - PromptLength)
                || !turn.Prompt.AsSpan().StartsWith(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(Tokens)))
            {
                return false;
            }

            Trained.AddRange(Enumerable.Repeat(false, turn.Prompt.Length - Tokens.Count));
            Trained.AddRange(Enumerable.Repeat(true, turn.Answer.Length));
            Tokens.AddRange(turn.Prompt.Skip(Tokens.Count));
            Tokens.AddRange(turn.Answer);
            return true;
        }
    }
}
