using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf eval reward</c>: the trust report of a reward model on comparisons or rankings.</summary>
internal static class EvalRewardCommand
{
    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "The reward model folder.", required: true);
    private static readonly Option<string?> Adapter = ModelArguments.Adapter();
    private static readonly Option<WeightStorage?> Storage = ModelArguments.Storage();
    private static readonly Option<string?> Second = ModelArguments.Folder("--second", "A second reward model, to see how far both agree.");
    private static readonly Option<string[]> Data = new("--data")
    {
        Description = "Comparisons or rankings: one or more files or globs of JSON rows, .gz or not.",
        HelpName = "FILE",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<int?> Limit = ModelArguments.OptionalNumber("--limit", 1, "Reads at most this many rows. Default: all.");
    private static readonly Option<string?> Overlong = new Option<string?>("--on-overlong")
    {
        Description = "What becomes of a row that is longer than the model's context: error, drop or truncate.",
        HelpName = "POLICY",
        DefaultValueFactory = _ => "error",
    }.AcceptOnlyFromAmong("error", "drop", "truncate");

    private static readonly Option<string?> BadRow = new Option<string?>("--on-bad-row")
    {
        Description = "What becomes of a row that cannot be read: error or drop.",
        HelpName = "POLICY",
        DefaultValueFactory = _ => "error",
    }.AcceptOnlyFromAmong("error", "drop");

    private static readonly Option<string[]> Fields = ModelArguments.Fields();
    private static readonly Option<string[]> Ignore = ModelArguments.Ignore();
    private static readonly Option<bool> Json = ModelArguments.Json("The report as one JSON object.");
    private static readonly Option<bool> Quiet = ModelArguments.Quiet();

    /// <summary>The report as <c>--json</c> writes it.</summary>
    private sealed record Report(string Model, TrustReport Trust, string? SecondModel, TrustReport? SecondTrust, RewardAgreement? Agreement, JsonObject Ledger);

    public static Command Create()
    {
        var format = new FormatArguments();
        var split = new SplitArguments();
        var command = new Command("reward",
            "Shows how far a reward model can be trusted: pair accuracy with its interval, by K and by margin, calibration, and what mere length explains.")
        {
            Model, Adapter, Storage, Second, Data, Limit, Overlong, BadRow, Fields, Ignore, Json, Quiet,
        };
        split.AddTo(command);
        format.AddTo(command);
        return command.WithExamples(
            "rlhf eval reward --model runs/polite/stages/02-reward/model --data comparisons.jsonl --held-out 0.1",
            "rlhf eval reward --model reward --data pairs.jsonl --split-by topic --held-out cats 'dogs*'",
            "rlhf eval reward --model reward --second other-reward --data 'hh/*.jsonl.gz' --on-overlong drop --json")
        .Does((parsed, cancellation) => Run(parsed, format, split, cancellation));
    }

    private static void Run(ParseResult parsed, FormatArguments format, SplitArguments split, CancellationToken cancellation)
    {
        var folder = parsed.GetValue(Model)!;
        var source = split.On(ModelArguments.SourceOf(parsed.GetValue(Fields)!, parsed.GetValue(Ignore)!), parsed) with
        {
            Path = parsed.GetValue(Data)!,
            Limit = parsed.GetValue(Limit),
            OnBadRow = Enum.Parse<BadRowPolicy>(parsed.GetValue(BadRow)!, ignoreCase: true),
        };
        using var models = new LoadedModels(parsed.GetValue(Storage), parsed.Error());
        var model = ModelArguments.Open(parsed, Model, Adapter);
        var decoder = models.Reward(model);
        var tokenizer = model.Tokenizer;
        var secondFolder = parsed.GetValue(Second);
        var second = secondFolder is null ? null : models.Reward(Checkpoint.Open(secondFolder), model);
        var ledger = new Ledger("eval");
        var rankings = Encode(
            parsed, source, tokenizer, format.Of(parsed, model), Math.Min(decoder.Config.ContextLength, second?.Config.ContextLength ?? int.MaxValue), ledger);
        parsed.Error().Write(ledger.ToText());

        var scored = Score(parsed, "score", decoder, rankings, cancellation);
        var secondScored = second is null ? null : Score(parsed, "score by the second model", second, rankings, cancellation);
        var report = new Report(
            folder, TrustReport.Of(scored), secondFolder, secondScored is null ? null : TrustReport.Of(secondScored),
            secondScored is null ? null : RewardAgreement.Of(scored, secondScored), ledger.ToJson());
        if (parsed.GetValue(Json))
        {
            ModelArguments.WriteDocument(parsed.Output(), report);
        }
        else
        {
            TrustTables.Write(parsed.Output(), report.Trust, report.SecondTrust, report.Agreement);
        }
    }

    private static List<EncodedRanking> Encode(ParseResult parsed, DataSource source, Tokenizer tokenizer, FormatOptions format, int context, Ledger ledger)
    {
        var limits = new EncodingOptions { MaxTokens = context, OnOverlong = Enum.Parse<OverlongPolicy>(parsed.GetValue(Overlong)!, ignoreCase: true) };
        var encoder = new SequenceEncoder(tokenizer, format, limits, ledger);
        var split = new SourceSplit(source, "data");
        var (all, held) = (0, 0);
        List<EncodedRanking> rankings = [];
        foreach (var ranking in DataReader.Rankings(source with { Format = format }, Directory.GetCurrentDirectory(), ledger))
        {
            all++;
            if (!split.IsHeldOut(ranking.Prompt.SplitKey) && source.HeldOut.HoldsAny)
            {
                continue;
            }

            held++;
            if (encoder.Encode(ranking) is { } encoded)
            {
                rankings.Add(encoded);
            }
        }

        split.Check();
        if (source.HeldOut.HoldsAny)
        {
            parsed.Error().WriteLine(string.Create(CultureInfo.InvariantCulture, $"held out: {held} of {all} rows"));
        }

        return rankings;
    }

    private static IReadOnlyList<HeldOutRanking> Score(
        ParseResult parsed, string name, Decoder decoder, List<EncodedRanking> rankings, CancellationToken cancellation)
    {
        using var progress = ModelArguments.Progress(parsed, parsed.GetValue(Quiet)).Start(name, rankings.Count, "prompts");
        return RewardEvaluator.Score(decoder, rankings, ModelArguments.RowBudget, count => progress.Advance(count), cancellation);
    }
}
