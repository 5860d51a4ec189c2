using System.Globalization;
using System.Text.Json;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Cli;

/// <summary>Prints a record as the model sees it: its text, or with a tokenizer its tokens, ids and loss mask.</summary>
internal static class DataView
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(TextWriter output, AnyRecord record, FormatOptions format, Tokenizer? tokenizer)
    {
        if (tokenizer is null)
        {
            WriteText(output, record, new Format(format, null));
            return;
        }

        var encoder = new SequenceEncoder(tokenizer, format, new EncodingOptions(), new Ledger("show"));
        switch (record)
        {
            case { Demonstration: { } demonstration }:
                output.WriteLine($"demonstration {demonstration.Id}");
                break;
            case { Ranking: { } ranking }:
                WriteJudgements(output, ranking);
                break;
            case { Labeled: { } labeled }:
                output.WriteLine($"labeled {labeled.Id}: {(labeled.Desirable ? "good" : "to avoid")}");
                break;
            case { Text: { } text }:
                output.WriteLine($"text {text.Id}");
                break;
            case { Prompt: { } prompt }:
                output.WriteLine($"prompt {prompt.Id}");
                break;
        }

        var sequences = Sequences(encoder, record);
        for (var i = 0; i < sequences.Count; i++)
        {
            if (sequences.Count > 1)
            {
                output.WriteLine(FormattableString.Invariant($"\n{(record.Ranking is null ? "example" : "answer")} {i}"));
            }

            WriteTokens(output, sequences[i], tokenizer);
        }
    }

    /// <summary>One line of JSON for a row: the ids in front of what is trained, and the trained ones, for each example.</summary>
    public static string ToJson(AnyRecord record, SequenceEncoder encoder) => JsonSerializer.Serialize(new
    {
        examples = Sequences(encoder, record)
            .Select(sequence => new { prompt_ids = sequence.Tokens[..sequence.PromptLength], trained_ids = sequence.Tokens[sequence.PromptLength..] }),
    });

    /// <summary>One line of JSON for a row that is refused.</summary>
    public static string ToJson(InputException error) => JsonSerializer.Serialize(new { error = error.Message }, Plain);

    /// <summary>Each trained turn, each answer, each piece of a text, or the prompt with nothing behind it.</summary>
    public static IReadOnlyList<EncodedSequence> Sequences(SequenceEncoder encoder, AnyRecord record) => record switch
    {
        { Demonstration: { } demonstration } => encoder.EncodeTurns(demonstration),
        { Ranking: { } ranking } => encoder.Encode(ranking)?.Answers ?? [],
        { Labeled: { } labeled } => encoder.EncodeAnswer(AsDemonstration(labeled)) is { } answer ? [answer] : [],
        { Text: { } text } => [.. encoder.Encode(text)],
        { Prompt: { } prompt } => encoder.Encode(prompt)!.Tokens is var tokens ? [new EncodedSequence(tokens, tokens.Length, null, prompt.Id, false)] : [],
        _ => [],
    };

    private static Demonstration AsDemonstration(LabeledAnswer labeled) =>
        new(labeled.Id, labeled.Prompt, labeled.Answer, TrainOnAllTurns: false, labeled.Position);

    private static void WriteText(TextWriter output, AnyRecord record, Format format)
    {
        switch (record)
        {
            case { Demonstration: { } demonstration }:
                output.WriteLine($"demonstration {demonstration.Id}");
                foreach (var turn in format.Turns(demonstration, TrainedTurns.All, demonstration.Position.ToString(), out _))
                {
                    output.WriteLine($"[prompt] {Shown(turn.Prompt)}");
                    output.WriteLine($"[trained] {Shown(turn.Answer)}");
                }

                break;
            case { Ranking: { } ranking }:
                WriteJudgements(output, ranking);
                output.WriteLine($"[prompt] {Shown(format.PromptText(ranking.Prompt, ranking.Position.ToString()))}");
                for (var i = 0; i < ranking.Responses.Count; i++)
                {
                    output.WriteLine(
                        FormattableString.Invariant(
                            $"[answer {i}] {Shown(format.Turn(ranking.Prompt, ranking.Answer(i), ranking.Position.ToString())?.Answer ?? "")}"));
                }

                break;
            case { Labeled: { } labeled }:
                output.WriteLine($"labeled {labeled.Id}");
                output.WriteLine($"[prompt] {Shown(format.PromptText(labeled.Prompt, labeled.Position.ToString()))}");
                output.WriteLine(
                    $"[{(labeled.Desirable ? "good" : "to avoid")}] {Shown(format.Turn(labeled.Prompt, labeled.Answer, labeled.Position.ToString())?.Answer ?? "")}");
                break;
            case { Text: { } text }:
                output.WriteLine($"text {text.Id}");
                output.WriteLine($"[trained] {Shown(text.Text)}");
                break;
            case { Prompt: { } prompt }:
                output.WriteLine($"prompt {prompt.Id}");
                output.WriteLine($"[prompt] {Shown(format.PromptText(prompt.Prompt, prompt.Position.ToString()))}");
                break;
        }
    }

    private static void WriteJudgements(TextWriter output, Ranking ranking)
    {
        output.WriteLine($"ranking {ranking.Id}");
        output.WriteLine($"better > worse: {string.Join(", ", ranking.Pairs.Select(pair => FormattableString.Invariant($"{pair.Better} > {pair.Worse}")))}");
        if (ranking.Ties.Count > 0)
        {
            output.WriteLine($"ties: {string.Join(", ", ranking.Ties.Select(tie => FormattableString.Invariant($"{tie.First} = {tie.Second}")))}");
        }
    }

    private static void WriteTokens(TextWriter output, EncodedSequence sequence, Tokenizer tokenizer)
    {
        output.WriteLine(
            FormattableString.Invariant(
                $"{sequence.PromptLength} prompt tokens, {sequence.ResponseLength} response tokens, {sequence.TrainedTokens} of them in the loss"));
        var table = new TextTable("position", "id", "loss", "token", "special");
        for (var i = 0; i < sequence.Tokens.Length; i++)
        {
            var id = sequence.Tokens[i];
            var trained = i >= sequence.PromptLength && (sequence.TrainOn is null || sequence.TrainOn[i - sequence.PromptLength]);
            table.AddRow(
                i.ToString(CultureInfo.InvariantCulture),
                id.ToString(CultureInfo.InvariantCulture),
                trained ? "x" : ".",
                $"\"{Shown(tokenizer.TokenText(id))}\"",
                tokenizer.IsSpecial(id) ? "special" : "");
        }

        table.Write(output);
    }

    /// <summary>Line ends and tabs as escapes and hidden characters by their codes, so that every character of a format can be seen.</summary>
    private static string Shown(string text) =>
        VisibleText.Plain(text).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal);
}
