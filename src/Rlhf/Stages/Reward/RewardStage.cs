using System.Globalization;
using Rlhf.Compute;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Stages.Collect;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Reward;

/// <summary>Step 2: the reward model, perhaps a second one as a check, and how far they can be trusted.</summary>
internal static class RewardStage
{
    private const string CollectedSalt = "collected rankings";
    private const string SecondSalt = "second reward model";
    private const int CenteringDemonstrations = 1024;

    private sealed record Part(string Source, double Weight, int? Round, List<EncodedRanking> Train, List<EncodedRanking> HeldOut);

    private sealed record Rows(IReadOnlyList<EncodedRanking> Train, IReadOnlyList<EncodedRanking> HeldOut, int LeftOut, IReadOnlyList<int[]> Demonstrations, IReadOnlyList<RankingSource> Sources);

    public static StageSummary Run(StageContext context)
    {
        var options = context.Recipe.Reward!;
        var start = context.Models.Supervised;
        var tokenizer = StageTools.TokenizerOf(start);
        int contextLength;
        using (var folder = HuggingFaceFolder.Load(start.Folder))
        {
            contextLength = folder.Config.ContextLength;
        }

        var rows = Read(context, options, tokenizer, contextLength);
        CheckPairs(context, options, rows);
        var seed = context.SeedOf(options.Seed);
        var result = StageTools.Once(context, "trained", () => Train(context, options, start, tokenizer, rows, seed, context.ModelFolder, ""), context.ModelFolder);
        var figures = new Dictionary<string, Figure> { ["train_loss"] = new(result.TrainLoss) };
        if (result.TrainAccuracy is { } accuracy)
        {
            figures["train_accuracy"] = new Figure(accuracy, Unit: "share");
        }

        figures["training_rankings"] = new Figure(rows.Train.Count);
        if (options.HeldOutLabelers.Count > 0)
        {
            figures["rankings_left_out"] = new Figure(rows.LeftOut);
        }

        var trust = Judge(context, options, context.ModelFolder, rows, result, figures, FigureNames.Accuracy, FigureNames.ValidationLoss);
        if (options.SecondModel is { } second)
        {
            var kept = rows with { Train = WithoutDropped(rows.Train, second) };
            var folder = Path.Combine(context.Folder, ModelLineage.SecondModel);
            var secondResult = StageTools.Once(context, "trained-second", () => Train(context, options, start, tokenizer, kept, second.Seed ?? Philox.Derive(seed, 2), folder, "second"), folder);
            Judge(context, options, folder, rows, secondResult, figures, FigureNames.SecondAccuracy, "second_validation_loss");
        }

        return StageTools.SummaryOf(context, result.Steps, figures) with { Trust = trust, Rankings = rows.Sources, Inputs = [StageTools.LinkTo(start, "start")] };
    }

    private static RewardResult Train(StageContext context, RewardOptions options, ModelPlace start, Tokenizer tokenizer, Rows rows, ulong seed, string folder, string name)
    {
        var model = ModelFolder.Load(context.Device, start.Folder, HeadKind.Scalar, trainable: true);
        using var decoder = model.Decoder;
        StageTools.TellNotes(context, start, decoder.Config);
        var (source, padding) = SourceFor(context, model.Source, tokenizer, decoder.Config);
        RewardTrainer.InitializeHead(decoder, options.HeadInitialization, seed);
        decoder.Refresh();
        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints, name);
        RewardResult result;
        using (var arena = new Arena(context.Device))
        using (var trainer = new RewardTrainer(options, decoder, rows.Train, rows.HeldOut, seed, host, arena, name.Length == 0 ? "" : name + "_"))
        {
            result = trainer.Run();
        }

        if (options.NormalizeOn == NormalizeOn.Demonstrations)
        {
            RewardTrainer.CenterOn(decoder, rows.Demonstrations, options.MicroBatchTokens);
        }

        DurableFiles.RecoverFolder(folder);
        ModelFolder.Save(decoder, folder, source, asReward: true, new SaveOptions { PaddingId = padding?.Id });
        return result;
    }

    /// <summary>What is carried along, with a padding token by which other programs find the end of an answer.</summary>
    private static (ModelSource Source, PaddingToken? Padding) SourceFor(StageContext context, ModelSource source, Tokenizer tokenizer, DecoderConfig config)
    {
        var format = context.Data.FormatOf(context.Recipe.Data.Comparisons ?? context.Recipe.Data.Prompts);
        source = source.WithFormat(format, tokenizer);
        if (PaddingToken.For(tokenizer, EndOfTurn.Of(format, tokenizer), config.VocabularySize) is { } padding)
        {
            return (source with { Files = padding.NameIn(source.Files) }, padding);
        }

        context.Progress.Line($"{context.Step.Name}: the tokenizer has no token that never ends an answer: other programs can score one answer at a time with this reward model, not a padded batch");
        return (source, null);
    }

    private static Rows Read(StageContext context, RewardOptions options, Tokenizer tokenizer, int contextLength)
    {
        var data = context.Recipe.Data;
        var limits = options.Limits.Within(contextLength);
        SequenceEncoder Encoder(DataSource? source) => new(tokenizer, context.Data.FormatOf(source), limits, context.Ledger);

        var parts = new List<Part>();
        if (data.Comparisons is { } source)
        {
            var (comparisons, encoder) = (context.Data.Comparisons(), Encoder(source));
            List<EncodedRanking> Encoded(IEnumerable<Ranking> rankings) => [.. rankings.Select(encoder.Encode).OfType<EncodedRanking>()];
            parts.Add(new Part("data.comparisons", 1, null, Encoded(comparisons.Train), Encoded(comparisons.HeldOut)));
        }

        foreach (var (stage, file) in context.Models.CollectedRankings)
        {
            var part = new Part(stage.Name, options.WeightOfRound(context.Step.Round - stage.Round), stage.Round, [], []);
            foreach (var row in part.Weight > 0 ? RankingFile.Read(file) : [])
            {
                // Salted: the unsalted side decides which prompts were sampled at all.
                (PromptSplit.IsHeldOut(row.PromptText, options.CollectedHeldOut, CollectedSalt) ? part.HeldOut : part.Train).Add(row with { Weight = part.Weight });
            }

            parts.Add(part);
        }

        CheckLabelers(context, options, [.. parts.SelectMany(part => part.Train.Concat(part.HeldOut))]);
        var labelers = new HeldOutLabelers(options.HeldOutLabelers, parts.SelectMany(part => part.Train));
        parts.ForEach(part => labelers.Apply(part.Train, part.HeldOut));
        if (parts.Sum(part => part.Train.Count) == 0)
        {
            throw new InputException($"{context.Step.Name}: no ranking is left to train on:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        return new Rows(
            [.. parts.SelectMany(part => part.Train)], [.. parts.SelectMany(part => part.HeldOut)], labelers.LeftOut,
            options.NormalizeOn == NormalizeOn.Demonstrations ? Demonstrations(context, tokenizer, limits) : [],
            [.. parts.Select(part => new RankingSource(part.Source, part.Weight, part.Train.Count, part.HeldOut.Count, part.Round))]);
    }

    /// <summary>A labeler who is to be held out and ranked nothing is a name written wrongly, unless rankings are collected: then they may rank later.</summary>
    private static void CheckLabelers(StageContext context, RewardOptions options, IReadOnlyList<EncodedRanking> rankings)
    {
        string[] known = [.. rankings.Select(ranking => ranking.Labeler).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (options.HeldOutLabelers.Except(known, StringComparer.Ordinal).ToArray() is not { Length: > 0 } absent)
        {
            return;
        }

        var problem = $"{context.Step.Name}: reward.held_out_labelers: nothing is ranked by {string.Join(", ", absent)}; the rankings' labelers are {(known.Length > 0 ? string.Join(", ", known) : "not named")}";
        if (context.Recipe.Collect is null)
        {
            throw new InputException(problem + ".");
        }

        context.Progress.Line(problem);
    }

    /// <summary>Whether a ranking has a pair that the loss counts.</summary>
    private static bool HasPair(EncodedRanking ranking, RewardOptions options) => ranking.Pairs.Count > 0 || (options.Ties == TieRule.Half && ranking.Ties.Count > 0);

    private static List<EncodedRanking> WithoutDropped(IEnumerable<EncodedRanking> rankings, SecondModelOptions second) =>
        [.. rankings.Where(ranking => !PromptSplit.IsHeldOut(ranking.PromptText, second.DropFraction, SecondSalt))];

    /// <summary>Before anything is trained: rankings of ties alone would leave the model as it was.</summary>
    private static void CheckPairs(StageContext context, RewardOptions options, Rows rows)
    {
        if (!rows.Train.Any(ranking => HasPair(ranking, options)))
        {
            var files = context.Models.CollectedRankings.ToDictionary(collected => collected.Stage.Name, collected => collected.File);
            var sources = rows.Sources.Where(source => source.Training > 0).Select(source => string.Create(
                CultureInfo.InvariantCulture, $"{source.Training} of {source.Source} ({files.GetValueOrDefault(source.Source) ?? string.Join(", ", context.Recipe.Data.Comparisons?.Path ?? [])})"));
            throw new InputException(
                $"{context.Step.Name}: no ranking prefers one answer to another, all {rows.Train.Count} to train on hold only ties: {string.Join(", ", sources)}. "
                + "Rank answers apart, or set reward.ties=half, which trains tied answers towards the same reward.");
        }

        if (options.SecondModel is { } second && !WithoutDropped(rows.Train, second).Exists(ranking => HasPair(ranking, options)))
        {
            throw new InputException(FormattableString.Invariant(
                $"{context.Step.Name}: with reward.second_model.drop_fraction {second.DropFraction} no ranking that prefers one answer to another is left for the second model: lower it, or give more rankings."));
        }

        if (rows.HeldOut.Count == 0)
        {
            context.Progress.Line($"{context.Step.Name}: no ranking is held out: no validation loss, no accuracy on new prompts and no trust report; data.comparisons.held_out or reward.collected_held_out gives some");
        }
        else if (!rows.HeldOut.Any(ranking => HasPair(ranking, options)))
        {
            context.Progress.Line($"{context.Step.Name}: the {rows.HeldOut.Count} held-out rankings hold only ties: no validation loss and no trust report");
        }
    }

    private static int[][] Demonstrations(StageContext context, Tokenizer tokenizer, EncodingOptions limits)
    {
        // What is cut or dropped here was counted by the sft stage; this ledger is the rankings'.
        var ledger = new Ledger("demonstrations");
        var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Demonstrations), limits with { OnOverlong = OverlongPolicy.Drop }, ledger);
        return [.. context.Data.Demonstrations().Train.Select(encoder.EncodeAnswer).OfType<EncodedSequence>().Take(CenteringDemonstrations).Select(row => row.Tokens)];
    }

    private static TrustReport? Judge(
        StageContext context, RewardOptions options, string folder, Rows rows, RewardResult result, Dictionary<string, Figure> figures, string accuracy, string loss)
    {
        if (rows.HeldOut.Sum(ranking => ranking.Pairs.Count) == 0)
        {
            return null;
        }

        using var decoder = context.LoadFrozen(folder, HeadKind.Scalar).Decoder;
        var trust = TrustReport.Of(RewardEvaluator.Score(decoder, rows.HeldOut, options.MicroBatchTokens));
        figures[accuracy] = trust.Accuracy.ToFigure("share");
        figures[loss] = new Figure(result.Evaluations[^1].Loss, Unit: "nats");
        return trust;
    }
}
