using System.Globalization;
using Rlhf.Data;
using Rlhf.Reporting;
using Rlhf.Tokenization;

namespace Rlhf.Cli;

/// <summary>Prints a record as the model sees it: its text, or with a tokenizer its tokens, ids and loss mask.</summary>
internal static class DataView
{
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
                WriteTokens(output, encoder.Encode(demonstration)!, tokenizer);
                break;
            case { Ranking: { } ranking }:
                WriteJudgements(output, ranking);
                var answers = encoder.Encode(ranking)!.Answers;
                for (var i = 0; i < answers.Length; i++)
                {
                    output.WriteLine(FormattableString.Invariant($"\nanswer {i}"));
                    WriteTokens(output, answers[i], tokenizer);
                }

                break;
            case { Text: { } text }:
                output.WriteLine($"text {text.Id}");
                foreach (var sequence in encoder.Encode(text))
                {
                    WriteTokens(output, sequence, tokenizer);
                }

                break;
            case { Prompt: { } prompt }:
                output.WriteLine($"prompt {prompt.Id}");
                var encoded = encoder.Encode(prompt)!;
                WriteTokens(output, new EncodedSequence(encoded.Tokens, encoded.Tokens.Length, null, encoded.RowId, false), tokenizer);
                break;
        }
    }

    private static void WriteText(TextWriter output, AnyRecord record, Format format)
    {
        switch (record)
        {
            case { Demonstration: { } demonstration }:
                output.WriteLine($"demonstration {demonstration.Id}");
                foreach (var segment in format.Segments(demonstration))
                {
                    output.WriteLine($"[{(segment.Trained ? "trained" : "prompt")}] {Shown(segment.Text)}");
                }

                break;
            case { Ranking: { } ranking }:
                WriteJudgements(output, ranking);
                output.WriteLine($"[prompt] {Shown(format.PromptText(ranking.Prompt, ranking.Position.ToString()))}");
                for (var i = 0; i < ranking.Responses.Count; i++)
                {
                    output.WriteLine(FormattableString.Invariant($"[answer {i}] {Shown(format.ResponseText(ranking.Prompt, ranking.Responses[i], ranking.Position.ToString()))}"));
                }

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
        output.WriteLine(FormattableString.Invariant($"{sequence.PromptLength} prompt tokens, {sequence.ResponseLength} response tokens, {sequence.TrainedTokens} of them in the loss"));
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
