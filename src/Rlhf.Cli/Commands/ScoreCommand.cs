using System.CommandLine;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf score</c>: log-probabilities and entropies of given answers by a language model, their rewards by a reward model.</summary>
internal static class ScoreCommand
{
    // Rows between two reports of progress; results are written after each group.
    private const int Group = 64;

    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "The model folder: a language model or a reward model.", required: true);
    private static readonly Option<string?> Adapter = ModelArguments.Adapter();
    private static readonly Option<WeightStorage?> Storage = ModelArguments.Storage();
    private static readonly Option<string> Data = new("--data")
    {
        Description = "Rows (JSON lines or an array, .gz or not) of prompt and response, of messages, of comparisons or rankings (each answer is scored), or of ids with prompt_length.",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<bool> NoEos = new("--no-eos") { Description = "Does not put the end-of-sequence token after the answer of a row of text." };
    private static readonly Option<bool> Shift = ModelArguments.ScoreShift();
    private static readonly Option<string[]> Fields = ModelArguments.Fields();
    private static readonly Option<string[]> Ignore = ModelArguments.Ignore();
    private static readonly Option<bool> Json =
        ModelArguments.Json("One JSON object a row, in their order: logprobs and entropies of the tokens from prompt_length on, or reward.");
    private static readonly Option<bool> Quiet = ModelArguments.Quiet();

    /// <summary>A language model's row.</summary>
    /// <param name="Id">The row's <c>id</c>, or its file and line.</param>
    /// <param name="PromptLength">Tokens before the first one that is scored.</param>
    /// <param name="Tokens">The ids that are scored.</param>
    /// <param name="Logprobs">log p of each.</param>
    /// <param name="Entropies">Entropy (nats) of the distribution that each was drawn from.</param>
    private sealed record LanguageRow(string Id, int PromptLength, int[] Tokens, float[] Logprobs, float[] Entropies);

    /// <summary>A reward model's row.</summary>
    /// <param name="Id">The row's <c>id</c>, or its file and line.</param>
    /// <param name="Reward">Its score, read at the last token.</param>
    private sealed record RewardRow(string Id, float Reward);

    public static Command Create()
    {
        var format = new FormatArguments();
        var command = new Command("score", "Scores given answers: log-probabilities by a language model, rewards by a reward model.")
        {
            Model, Adapter, Storage, Data, Fields, Ignore, NoEos, Shift, Json, Quiet,
        };
        format.AddTo(command);
        return command.WithExamples(
            "rlhf score --model runs/polite/stages/02-reward/model --data answers.jsonl --json",
            "rlhf score --model runs/polite/stages/02-reward/model --data comparisons.jsonl",
            "rlhf score --model model --data gsm8k.jsonl.gz --fields prompt=question,response=answer",
            "echo '{\"ids\": [1, 40, 7, 9], \"prompt_length\": 2}' > row.jsonl && rlhf score --model model --data row.jsonl --json")
        .Does((parsed, cancellation) => Run(parsed, format, cancellation));
    }

    private static void Run(ParseResult parsed, FormatArguments format, CancellationToken cancellation)
    {
        var model = ModelArguments.Open(parsed, Model, Adapter);
        var source = ModelArguments.SourceOf(parsed.GetValue(Fields)!, parsed.GetValue(Ignore)!);
        var isReward = model.Score is not null;
        using var models = new LoadedModels(parsed.GetValue(Storage), parsed.Error());
        var shifted = parsed.GetValue(Shift);
        if (shifted && !isReward)
        {
            throw new InputException($"{model.Folder}: --score-shift has no effect: this is a language model. Leave the option out.");
        }

        var decoder = isReward ? models.Reward(model, shifted) : models.Language(model);
        var rows = ReadRows(parsed, format, model, decoder.Config, isReward, source);
        using var scorer = new Scorer(decoder, ModelArguments.RowBudget);
        using var progress = ModelArguments.Progress(parsed, parsed.GetValue(Quiet) || rows.Count == 1).Start("score", rows.Count, "rows");
        var table = new ScoreTable(isReward, shifted ? 0 : model.Score?.Shift ?? 0);
        foreach (var group in rows.Chunk(Group))
        {
            cancellation.ThrowIfCancellationRequested();
            if (isReward)
            {
                WriteRewards(parsed, scorer, group, table);
            }
            else
            {
                WriteLogProbabilities(parsed, scorer, group, table);
            }

            progress.Advance(group.Length);
        }

        progress.Dispose();
        if (!parsed.GetValue(Json))
        {
            table.Write(parsed.Output());
        }
    }

    // All rows are read before the first is scored: a bad row ends the command before it wrote anything.
    private static List<ScoreRow> ReadRows(
        ParseResult parsed, FormatArguments arguments, Checkpoint model, DecoderConfig config, bool isReward, DataSource source)
    {
        var tokenizer = model.HasTokenizer ? model.Tokenizer : null;
        var format = tokenizer is null ? new FormatOptions() : arguments.Of(parsed, model);
        var reader = new ScoreRowReader(config, isReward, tokenizer, parsed.GetValue(NoEos) ? format with { AddEos = false } : format);
        var file = DataFiles.Resolve([parsed.GetValue(Data)!], Directory.GetCurrentDirectory())[0];
        List<ScoreRow> rows = [.. reader.Read(file, source)];
        return rows.Count > 0 ? rows : throw new InputException($"{file.Name}: expected at least one row, found none.");
    }

    private static void WriteRewards(ParseResult parsed, Scorer scorer, ScoreRow[] rows, ScoreTable table)
    {
        var rewards = scorer.Rewards([.. rows.Select(row => row.Tokens)], [.. rows.Select(row => row.PromptLength)]);
        for (var i = 0; i < rows.Length; i++)
        {
            if (parsed.GetValue(Json))
            {
                ModelArguments.WriteLine(parsed.Output(), new RewardRow(rows[i].Id, rewards[i]));
            }
            else
            {
                table.Add(rows[i], rewards[i]);
            }
        }
    }

    private static void WriteLogProbabilities(ParseResult parsed, Scorer scorer, ScoreRow[] rows, ScoreTable table)
    {
        var (logs, entropies) = scorer.ResponseLogProbabilities([.. rows.Select(row => row.Tokens)], [.. rows.Select(row => row.PromptLength)]);
        var at = 0;
        foreach (var row in rows)
        {
            var end = at + row.Tokens.Length - row.PromptLength;
            if (parsed.GetValue(Json))
            {
                ModelArguments.WriteLine(
                    parsed.Output(), new LanguageRow(row.Id, row.PromptLength, row.Tokens[row.PromptLength..], logs[at..end], entropies[at..end]));
            }
            else
            {
                table.Add(row, logs.AsSpan(at..end), entropies.AsSpan(at..end));
            }

            at = end;
        }
    }

    /// <summary>The rows for a person: sums and means instead of every token, and what they come to.</summary>
    /// <param name="isReward">Whether a reward model scored them.</param>
    /// <param name="leftOut">Its shift, where that is not in the scores.</param>
    private sealed class ScoreTable(bool isReward, float leftOut)
    {
        private readonly TextTable _table = isReward ? new("row", "tokens", "reward") : new("row", "tokens", "log p", "log p per token", "entropy per token");
        private long _rows;
        private long _tokens;
        private double _sum;
        private double _entropy;

        public void Add(ScoreRow row, float reward)
        {
            _table.AddRow(row.Id, NumberText.Short(row.Tokens.Length), NumberText.Fixed(reward, decimals: 3));
            _rows++;
            _sum += reward;
        }

        public void Add(ScoreRow row, ReadOnlySpan<float> logs, ReadOnlySpan<float> entropies)
        {
            var (sum, entropy) = (Sum(logs), Sum(entropies));
            _table.AddRow(row.Id, NumberText.Short(logs.Length), NumberText.Fixed(sum, decimals: 3), NumberText.Fixed(sum / logs.Length, decimals: 3),
                NumberText.Fixed(entropy / logs.Length, decimals: 3));
            _rows++;
            _tokens += logs.Length;
            _sum += sum;
            _entropy += entropy;
        }

        public void Write(TextWriter output)
        {
            _table.Write(output);
            output.WriteLine();
            output.WriteLine(isReward
                ? FormattableString.Invariant(
                    $"{_rows} rows, mean reward {_sum / _rows:0.000}{(leftOut == 0 ? "" : $" (without the model's score_shift of {leftOut:0.000}, which PPO adds; --score-shift adds it)")}")
                : FormattableString.Invariant(
                    $"{_rows} rows, {_tokens} tokens, mean log p per token {_sum / _tokens:0.0000} (perplexity {Math.Exp(-_sum / _tokens):0.00}), mean entropy {_entropy / _tokens:0.0000}"));
        }

        private static double Sum(ReadOnlySpan<float> values)
        {
            var sum = 0.0;
            foreach (var value in values)
            {
                sum += value;
            }

            return sum;
        }
    }
}
