using System.CommandLine;
using System.Globalization;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Hub;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf data show|check</c>: what stands in data files, and what the model sees of it.</summary>
internal static class DataCommand
{
    private static readonly Option<RecordKind?> As = new("--as") { Description = "Read rows as this kind (by their fields unless given)" };

    private static readonly Option<string[]> Fields = ModelArguments.Fields();
    private static readonly Option<string[]> Ignore = ModelArguments.Ignore();

    public static Command Create() => new Command("data", "Shows and checks data files.")
    {
        CreateShow(),
        CreateCheck(),
    }
    .WithExamples("rlhf data check demonstrations.jsonl comparisons.jsonl", "rlhf data show comparisons.jsonl --row 3 --model model");

    private static Command CreateShow()
    {
        var file = new Argument<string>("FILE") { Description = "JSON, CSV, TSV, Parquet or Arrow; text may be packed with gzip or Zstandard" };
        var row = new Option<string>("--row") { Description = "Which row, from 1, or all", DefaultValueFactory = _ => "1" };
        var json = new Option<bool>("--json")
        {
            Description = "One line of JSON a row: what it means, or with --model {\"examples\":[{\"prompt_ids\":[...],\"trained_ids\":[...]}]}; {\"error\":...} of a refused one",
        };
        var all = new Option<bool>("--all") { Description = "All rows, as --row all" };
        var model = new Option<string?>("--model") { Description = "A model folder, for its tokenizer: shows tokens, ids and the loss mask" };
        var form = new FormatArguments("--prompt", "--response");
        var command = new Command("show", "Prints a row as the model sees it: text, tokens, ids, loss mask.") { file, row, all, model, As, Fields, Ignore, json };
        form.AddTo(command);
        return command.WithExamples(
                "rlhf data show data/train.jsonl --row 3",
                "rlhf data show train.parquet --all --json",
                "rlhf data show train.jsonl --model model --json --row all",
                "rlhf data show hf://datasets/Anthropic/hh-rlhf/helpful-base/test.jsonl.gz --model HuggingFaceTB/SmolLM2-135M-Instruct",
                "rlhf data show comparisons.jsonl.gz --model runs/demo/stages/01-sft/model --format human_assistant",
                "rlhf data show gsm8k.jsonl --field prompt=question --field response=answer --format custom --prompt 'Q: {prompt}\\nA:'")
            .Does((parsed, _) =>
            {
                var opened = parsed.GetValue(model) is { } folder ? Checkpoint.Open(folder) : null;
                var tokenizer = opened?.Tokenizer;
                var format = form.Of(parsed, opened);
                var source = SourceOf(parsed) with { Format = format };
                var rows = RowsOf(parsed.GetValue(file)!, parsed.GetValue(all) ? "all" : parsed.GetValue(row)!);
                if (parsed.GetValue(json))
                {
                    var encoder = tokenizer is null ? null : new SequenceEncoder(tokenizer, format, new EncodingOptions(), new Ledger("show"));
                    foreach (var one in rows)
                    {
                        parsed.Output().WriteLine(encoder is null
                            ? DataMeaning.Of(one, source, parsed.GetValue(As))
                            : JsonOf(one, source, parsed.GetValue(As), encoder));
                    }

                    return;
                }

                foreach (var one in rows)
                {
                    DataView.Write(parsed.Output(), AnyRecord.Parse(one, source, parsed.GetValue(As)), format, tokenizer);
                }
            });
    }

    private static string JsonOf(JsonRow row, DataSource source, RecordKind? kind, SequenceEncoder encoder)
    {
        try
        {
            return DataView.ToJson(AnyRecord.Parse(row, source, kind), encoder);
        }
        catch (InputException e)
        {
            return DataView.ToJson(e);
        }
    }

    private static Command CreateCheck()
    {
        var files = new Argument<string[]>("FILE") { Description = "Files, globs, or hf://datasets/org/name/file on the hub", Arity = ArgumentArity.OneOrMore };
        var model = new Option<string?>("--model")
        {
            Description = "A model folder: rows are also encoded as training does, and what its chat template cuts or leaves out is named",
            HelpName = "DIR",
        };
        var splitBy = new Option<string?>("--split-by")
        {
            Description = "A field by whose value rows would be split (split_by of a recipe): its values, their rows, and prompts that have several",
            HelpName = "FIELD",
        };
        var json = new Option<bool>("--json") { Description = "One object of JSON instead of tables" };
        var form = new FormatArguments();
        var command = new Command("check", "Reads every row and prints what was found; exit code 2 when a row is bad.")
        {
            files, As, Fields, Ignore, splitBy, model, json,
        };
        form.AddTo(command);
        return command
            .WithExamples(
                "rlhf data check data/train.jsonl", "rlhf data check data/train.jsonl --model model", "rlhf data check 'data/*.jsonl.gz' --as ranking",
                "rlhf data check pairs.jsonl --split-by topic")
            .Does((parsed, _) =>
            {
                var found = DataFindings.Of(
                    SourceOf(parsed) with { Path = parsed.GetValue(files)!, SplitBy = parsed.GetValue(splitBy) }, ".", parsed.GetValue(As),
                    EncoderOf(parsed, parsed.GetValue(model), form));
                if (parsed.GetValue(json))
                {
                    parsed.Output().WriteLine(DataFindingsText.Json(found));
                }
                else
                {
                    WriteFindings(parsed.Output(), found);
                    DataFindingsText.Write(parsed.Output(), found);
                }

                foreach (var error in found.Ledger.ExamplesOfDropped(DataReader.CannotBeRead))
                {
                    parsed.Error().WriteLine($"rlhf: {error}");
                }

                return found.Ledger.DroppedByReason.ContainsKey(DataReader.CannotBeRead) ? ExitCode.BadInput : ExitCode.Success;
            });
    }

    private static Func<Ledger, Func<AnyRecord, IReadOnlyList<EncodedSequence>>>? EncoderOf(ParseResult parsed, string? folder, FormatArguments form)
    {
        if (folder is null)
        {
            return null;
        }

        var model = Checkpoint.Open(folder);
        var tokenizer = model.Tokenizer;
        var format = form.Of(parsed, model);
        return ledger =>
        {
            var encoder = new SequenceEncoder(tokenizer, format, new EncodingOptions(), ledger);
            return record => DataView.Sequences(encoder, record);
        };
    }

    private static void WriteFindings(TextWriter output, DataFindings found)
    {
        output.Write(found.Ledger.ToText());
        foreach (var (kind, rows) in found.Kinds)
        {
            output.WriteLine(FormattableString.Invariant($"{SnakeCase.Of(kind)}: {rows} rows"));
        }

        foreach (var (answers, rows) in found.Answers)
        {
            output.WriteLine(FormattableString.Invariant($"rankings of {answers} answers: {rows}"));
        }

        if (found.Answers.Count > 0)
        {
            output.WriteLine(FormattableString.Invariant($"pairs: {found.Pairs}, ties: {found.Ties}"));
        }

        var lengths = new TextTable("characters", "minimum", "median", "95 %", "maximum");
        AddLengths(lengths, "prompt", found.PromptCharacters);
        AddLengths(lengths, "response or text", found.ResponseCharacters);
        lengths.Write(output);
        if (found.PromptTokens.Count > 0)
        {
            var tokens = new TextTable("tokens", "minimum", "median", "95 %", "maximum");
            AddLengths(tokens, "prompt", found.PromptTokens);
            AddLengths(tokens, "trained", found.TrainedTokens);
            tokens.Write(output);
        }
    }

    private static void AddLengths(TextTable table, string name, IReadOnlyList<int> lengths)
    {
        if (lengths.Count > 0)
        {
            int[] sorted = [.. lengths.Order()];
            table.AddRow(
                [name, .. new[] { 0, 0.5, 0.95, 1 }.Select(
                    share => sorted[(int)Math.Round(share * (sorted.Length - 1))].ToString(CultureInfo.InvariantCulture))]);
        }
    }

    private static IEnumerable<JsonRow> RowsOf(string file, string which)
    {
        var given = HubName.FindData(file) is null ? new DataFile(file, file) : DataFiles.One(file);
        if (which == "all")
        {
            return GroupedRows.Read(given.FullPath, given.Name);
        }

        return int.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? [FindRow(given, number)]
            : throw new InputException($"--row {which}: expected a number from 1, or all.");
    }

    private static JsonRow FindRow(DataFile file, int number)
    {
        var rows = 0;
        foreach (var row in GroupedRows.Read(file.FullPath, file.Name))
        {
            if (++rows == number)
            {
                return row;
            }
        }

        throw new InputException(FormattableString.Invariant($"{file.Name}: there is no row {number}; the file has {rows}, counted from 1."));
    }

    private static DataSource SourceOf(ParseResult parsed) => ModelArguments.SourceOf(parsed.GetValue(Fields)!, parsed.GetValue(Ignore)!);
}
