using System.Globalization;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Data.Tables;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Cli;

/// <summary>Reads the prompts that a command is given: JSON rows, lines of text, or standard input with either.</summary>
internal static class PromptFile
{
    private const string StandardInput = "-";

    /// <summary>
    /// The prompts in their order. A file whose name ends in <c>.txt</c> has one a line (empty lines are none); every other file has JSON rows. Standard
    /// input is JSON if it begins with <c>{</c> or <c>[</c>.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="source">Names of fields, and the format, which may name more of them.</param>
    public static IReadOnlyList<PromptRecord> Read(string path, DataSource source)
    {
        if (path == StandardInput)
        {
            return ReadStandardInput(source);
        }

        var file = DataFiles.Resolve([path], Directory.GetCurrentDirectory())[0];
        return ReadFile(file, path.EndsWith(".txt", StringComparison.OrdinalIgnoreCase), source);
    }

    /// <summary>Prompts as token ids. An empty prompt is the beginning-of-sequence token alone.</summary>
    public static IReadOnlyList<EncodedPrompt> Encode(IEnumerable<PromptRecord> prompts, Tokenizer tokenizer, FormatOptions format)
    {
        var encoder = new SequenceEncoder(tokenizer, format with { AddEos = false }, new EncodingOptions(), new Ledger("prompts"));
        return [.. prompts.Select(prompt => prompt.Prompt.Text.Length > 0 || format.Template != FormatTemplate.Plain
            ? encoder.Encode(prompt)!
            : new EncodedPrompt(prompt.Id, "", [tokenizer.BeginningOfSequence ?? throw NothingToContinue(prompt)], Truncated: false))];
    }

    /// <summary>Refuses a prompt that leaves too little of the context for its answer, or whose ids the model does not have.</summary>
    public static void RequireRoom(IReadOnlyList<PromptRecord> records, IReadOnlyList<EncodedPrompt> prompts, int context, int newTokens, int vocabularySize)
    {
        for (var i = 0; i < prompts.Count; i++)
        {
            var tokens = prompts[i].Tokens;
            if (context - tokens.Length < newTokens)
            {
                throw new InputException(string.Create(CultureInfo.InvariantCulture,
                    $"{records[i].Position}: the prompt has {tokens.Length} tokens; with {newTokens} for the answer they do not fit the context of {context}: shorten the prompt{(newTokens > 1 ? " or lower --max-tokens" : "")}."));
            }

            var beyond = Array.FindIndex(tokens, id => id >= vocabularySize);
            if (beyond >= 0)
            {
                throw new InputException(string.Create(CultureInfo.InvariantCulture,
                    $"{records[i].Position}: the tokenizer gives the id {tokens[beyond]}, but the model's vocabulary ends at {vocabularySize - 1}: the folder's tokenizer is not this model's."));
            }
        }
    }

    /// <summary>Each distinct prompt once, and of these only the held-out ones where <paramref name="heldOut"/> is above 0; what was left out is
    /// said.</summary>
    public static IReadOnlyList<PromptRecord> ForEvaluation(IReadOnlyList<PromptRecord> prompts, double heldOut, int? limit, TextWriter notes)
    {
        PromptRecord[] distinct = [.. prompts.DistinctBy(prompt => prompt.Prompt.Identity)];
        PromptRecord[] kept = [.. distinct.Where(prompt => heldOut == 0 || PromptSplit.IsHeldOut(prompt.Prompt.SplitKey, heldOut))];
        PromptRecord[] taken = [.. kept.Take(limit ?? int.MaxValue)];
        notes.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"prompts: {prompts.Count} rows, {distinct.Length} distinct{(heldOut > 0 ? $", {kept.Length} held out" : "")}{(taken.Length < kept.Length ? $", {taken.Length} taken" : "")}"));
        return taken.Length >= 2 ? taken : throw new InputException(string.Create(CultureInfo.InvariantCulture,
            $"{prompts[0].Position.File}: expected at least two prompts to evaluate on, found {taken.Length}: an interval needs them."));
    }

    private static IReadOnlyList<PromptRecord> ReadStandardInput(DataSource source)
    {
        // The row reader wants a file: it looks at the beginning to tell what is in it.
        using var folder = new ScratchFolder();
        var path = folder["stdin"];
        File.WriteAllBytes(path, WholeFile.StandardInputBytes(Limits.StandardInput));
        return ReadFile(new DataFile("stdin", path), !LooksLikeJson(path), source);
    }

    private static bool LooksLikeJson(string path)
    {
        using var stream = File.OpenRead(path);
        int next;
        do
        {
            next = stream.ReadByte();
        }
        while (next is ' ' or '\t' or '\r' or '\n' or 0xEF or 0xBB or 0xBF);
        return next is '{' or '[' or 0x1F; // 0x1F begins a gzip file
    }

    private static IReadOnlyList<PromptRecord> ReadFile(DataFile file, bool isText, DataSource source)
    {
        PromptRecord[] prompts = [.. isText
            ? ReadLines(file)
            : DataRows.Read(file.FullPath, file.Name).Select(row => Parse(new RowFields(row, source.Fields, source.Ignore), source.Format))];
        return prompts.Length > 0 ? prompts : throw new InputException($"{file.Name}: expected at least one prompt, found none.");
    }

    private static PromptRecord Parse(RowFields row, FormatOptions? format)
    {
        var prompt = RecordReader.ParsePrompt(row);
        UnreadFields.Check(row, RecordKind.Prompt, onlyAsked: true, format);
        return prompt;
    }

    private static IEnumerable<PromptRecord> ReadLines(DataFile file)
    {
        var number = 0;
        foreach (var line in Lines(file))
        {
            number++;
            if (line.Length > Limits.PromptLine)
            {
                throw InputException.At(file.Name, number, 1, "expected a prompt of at most a million characters, found a longer line");
            }

            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return new PromptRecord(
                    FormattableString.Invariant($"{Path.GetFileName(file.Name)}:{number}"), Prompt.FromText(line), new RowPosition(file.Name, number, 1));
            }
        }
    }

    private static IEnumerable<string> Lines(StringReader text)
    {
        while (text.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    private static string[] Lines(DataFile file)
    {
        using var text = new StringReader(WholeFile.Text(file.FullPath, Limits.RunFile, file.Name));
        return [.. Lines(text)];
    }

    private static InputException NothingToContinue(PromptRecord prompt) =>
        new($"{prompt.Position}: the prompt is empty and the tokenizer has no beginning-of-sequence token: give some text to continue.");
}
