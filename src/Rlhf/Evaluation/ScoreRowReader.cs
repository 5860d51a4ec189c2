using System.Globalization;
using System.Text.Json;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Data.Tables;
using Rlhf.Model;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Evaluation;

/// <summary>A row that a model is asked about.</summary>
/// <param name="Id">The row's <c>id</c>, or <c>file:line</c>.</param>
/// <param name="Tokens">[T] token ids, all in the model's vocabulary, at most its context.</param>
/// <param name="PromptLength">The response is <c>Tokens[PromptLength..]</c>; T where a row of ids for a reward model does not say.</param>
public sealed record ScoreRow(string Id, int[] Tokens, int PromptLength);

/// <summary>
/// Reads rows to be scored: <c>ids</c> with <c>prompt_length</c>, a prompt with its response, <c>messages</c> that end with the assistant's answer, or
/// comparisons and rankings, of
/// which each answer is scored.
/// Whatever the model cannot take is an error with file:line:column.
/// </summary>
public sealed class ScoreRowReader
{
    private readonly DecoderConfig _config;
    private readonly bool _isReward;
    private readonly FormatOptions _format;
    private readonly SequenceEncoder? _encoder;

    /// <summary>Creates a reader.</summary>
    /// <param name="config">The model that will score; its vocabulary and context are the limits.</param>
    /// <param name="isReward">For a reward model <c>prompt_length</c> may be absent; for a language model at least one token must follow the prompt.</param>
    /// <param name="tokenizer">Encodes rows of text; null where the model's folder has none.</param>
    /// <param name="format">How rows of text are written.</param>
    public ScoreRowReader(DecoderConfig config, bool isReward, Tokenizer? tokenizer, FormatOptions format)
    {
        (_config, _isReward, _format) = (config, isReward, format);
        _encoder = tokenizer is null ? null : new SequenceEncoder(tokenizer, format, new EncodingOptions(), new Ledger("score"));
    }

    /// <summary>The rows of a file (JSON lines or an array, gzipped or not) in their order.</summary>
    /// <param name="file">The file.</param>
    /// <param name="source">Other names for fields, and fields to leave out.</param>
    /// <exception cref="InputException">A row is not one of the forms, or the model cannot take it.</exception>
    public IEnumerable<ScoreRow> Read(DataFile file, DataSource source)
    {
        foreach (var json in DataRows.Read(file.FullPath, file.Name))
        {
            var row = new RowFields(json, source.Fields, source.Ignore);
            foreach (var scored in row.Has("ids") ? [OfIds(row)] : RankingParser.Fits(row) ? OfAnswers(row) : [OfText(row)])
            {
                yield return scored;
            }
        }
    }

    /// <summary>The answers of a comparison or ranking, or of a row that nobody has ranked, each a row of its own: <c>id#0</c> and so on, of a comparison the
    /// chosen one first.</summary>
    private IEnumerable<ScoreRow> OfAnswers(RowFields row)
    {
        var isRanked = !row.Has("responses") || row.Has("ranking") || row.Has("pairs") || row.Has("ties");
        var ranking = isRanked ? RankingParser.Parse(row) : null;
        var prompt = ranking?.Prompt ?? PromptParser.Parse(row);
        var id = row.Id();
        var answers = ranking is null
            ? RankingParser.ParseResponses(row).Select(Message.FromAssistant)
            : Enumerable.Range(0, ranking.Responses.Count).Select(ranking.Answer);
        return answers.Select((answer, i) =>
            Encoded(row, new Demonstration(string.Create(CultureInfo.InvariantCulture, $"{id}#{i}"), prompt, answer, TrainOnAllTurns: false, row.Position)));
    }

    private ScoreRow OfIds(RowFields row)
    {
        var value = row.Get("ids");
        var items = row.ItemsOf(value);
        if (items.Count == 0)
        {
            throw row.Error(value, "at least one token id");
        }

        if (items.Count > _config.ContextLength)
        {
            throw row.Wrong(value, TooLong(items.Count));
        }

        int[] tokens = [.. items.Select(item => WholeNumber(row, item, 0, _config.VocabularySize - 1, "a token id of the model's vocabulary"))];
        if (_isReward && !row.Has("prompt_length"))
        {
            return new ScoreRow(row.Id(), tokens, tokens.Length);
        }

        if (tokens.Length == 1 && !_isReward)
        {
            throw row.Error(value, "at least two token ids, the first of which is the prompt");
        }

        var most = _isReward ? tokens.Length : tokens.Length - 1;
        var length = WholeNumber(row, row.Get("prompt_length"), 1, most, "the number of prompt tokens among the row's ids");
        return new ScoreRow(row.Id(), tokens, length);
    }

    private ScoreRow OfText(RowFields row)
    {
        if (!row.Has("prompt") && !row.Has("instruction") && PromptParser.ConversationOf(row) is null)
        {
            throw row.Missing("ids with prompt_length, a prompt with its response, messages, or a comparison or ranking");
        }

        // The answer is what is scored; earlier turns of the assistant belong to what it was asked.
        var demonstration = DemonstrationParser.Parse(row);
        return Encoded(row, demonstration);
    }

    private ScoreRow Encoded(RowFields row, Demonstration demonstration)
    {
        UnreadFields.Check(row, RecordKind.Demonstration, onlyAsked: true, _format);
        if (_encoder is null)
        {
            throw new InputException(
                $"{row.Position}: the row is text, but the model's folder has no tokenizer: give rows of ids with prompt_length, or put the tokenizer's files into the folder.");
        }

        var encoded = _encoder.EncodeAnswer(demonstration)
            ?? throw new InputException(
                $"{row.Position}: the model's chat template has generation blocks and marks none of this answer, so nothing is scored.");
        if (encoded.Tokens.Length > _config.ContextLength)
        {
            throw new InputException($"{row.Position}: {TooLong(encoded.Tokens.Length)}");
        }

        var beyond = Array.FindIndex(encoded.Tokens, id => id >= _config.VocabularySize);
        return beyond < 0
            ? new ScoreRow(demonstration.Id, encoded.Tokens, encoded.PromptLength)
            : throw new InputException(string.Create(CultureInfo.InvariantCulture,
            $"{row.Position}: the tokenizer gives the id {encoded.Tokens[beyond]}, but the model's vocabulary ends at {_config.VocabularySize - 1}: the folder's tokenizer is not this model's."));
    }

    private string TooLong(int tokens) => string.Create(CultureInfo.InvariantCulture,
        $"the row has {tokens} tokens, more than the model's context of {_config.ContextLength}: shorten it or leave it out.");

    private static int WholeNumber(RowFields row, RowValue value, int least, int most, string what) =>
        value.Kind == JsonValueKind.Number && int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
            && number <= most
            ? number
            : throw row.Error(value, string.Create(CultureInfo.InvariantCulture, $"{what}, {least} to {most}"));
}
