using Rlhf.Compute.Operations;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Stages.Collect;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Reward;

/// <summary>Step 2: the reward model, perhaps a second one as a check, and how far they can be trusted.</summary>
internal sealed class RewardStage : Stage<RewardOptions>
{
    public override string Name => "reward";

    public override string Summary => "Step 2: the reward model, on `data.comparisons` and what has been collected.";

    public override StageProduct Makes => StageProduct.RewardModel;

    public override uint SeedNumber => 3;

    public override bool LearnsFromRankings => true;

    public override StageReport Report { get; } = new RewardReport();

    public override IReadOnlyList<StageInput> Reads(Recipe recipe)
    {
        var comparisons = new StageInput(nameof(DataOptions.Comparisons), Name, IsOptional: true); // or rankings that were collected
        return OptionsOf(recipe).NormalizeOn == NormalizeOn.Demonstrations
            ? [comparisons, new StageInput(nameof(DataOptions.Demonstrations), "reward.normalize_on: demonstrations (the other choice is none)")]
            : [comparisons];
    }

    protected override void Validate(Recipe recipe, RewardOptions options, OptionErrors errors)
    {
        var collect = recipe.Find<CollectOptions>();
        errors.Require(recipe.Data.Comparisons is not null || collect is not null, $"{nameof(recipe.Data)}.{nameof(DataOptions.Comparisons)}",
            "is missing; the reward stage needs it, or a collect stage before it");
        errors.Require(collect is not { Labeler: null }, "collect.labeler",
            "is missing; the reward stage needs ranked answers: write people, judge, gold, or the folder of a reward model");
        var own = errors.Below(Name);
        own.Require(options.SecondModel is not { DropValues.Count: > 0 } || recipe.Data.Comparisons is { SplitBy: not null },
            $"{nameof(options.SecondModel)}.{nameof(SecondModelOptions.DropValues)}", "names values of a field: say which with data.comparisons.split_by");
        RankedRows.Validate(recipe, options, own);
        own.NoEffect(recipe.Rounds > 1, nameof(options.StartFrom), "with one round");
    }

    public override void Prepare(Recipe recipe) => DropNames.Check(recipe, OptionsOf(recipe).SecondModel?.DropValues ?? []);

    public override StageSummary Run(StageContext context)
    {
        var options = OptionsOf(context.Recipe);
        var start = context.Models.RewardStart(options.StartFrom, second: false);
        var model = start.Open();
        var tokenizer = model.Tokenizer;
        var all = RewardRows.Read(context, context.Reader(tokenizer, model.Config.ContextLength), options);
        all.CheckPairs(context, options);
        var rows = all.OfFirst(options);
        var seed = context.SeedOf(options.Seed);
        var links = new List<ModelLink> { StageTools.LinkTo(start, "start") };
        var result =
            StageTools.Once(context, "trained", () => Train(context, options, start, tokenizer, rows, seed, context.ModelFolder, ""), context.ModelFolder);
        var figures = new FigureTable { [TrainingMetrics.TrainLoss] = new(result.TrainLoss) };
        if (result.TrainAccuracy is { } accuracy)
        {
            figures[RewardMetrics.TrainAccuracy] = new Figure(accuracy, Unit: "share");
        }

        figures[RewardMetrics.TrainingRankings] = new Figure(rows.Train.Count);
        if (options.HeldOutLabelers.HoldsAny)
        {
            figures[RewardMetrics.RankingsLeftOut] = new Figure(rows.LeftOut);
        }

        var (trust, example) = Judge(context, options, context.ModelFolder, rows, result, figures, static metric => metric, tokenizer);
        if (options.SecondModel is { } second)
        {
            var kept = all.OfSecond(second);
            var folder = Path.Combine(context.Folder, ModelLineage.SecondModel);
            var secondStart = context.Models.RewardStart(options.StartFrom, second: true);
            var secondResult = StageTools.Once(context, "trained-second",
                () => Train(context, options, secondStart, tokenizer, kept, second.Seed ?? Philox.Derive(seed, 2), folder, "second"), folder);
            figures[RewardMetrics.TrainingRankings.OfSecond()] = new Figure(kept.Train.Count);
            links.AddRange(secondStart == start ? [] : [StageTools.LinkTo(secondStart, "second_start")]);
            Judge(context, options, folder, kept, secondResult, figures, RewardMetrics.OfSecondModel, tokenizer);
        }

        return StageTools.SummaryOf(context, result.Steps, figures) with
        {
            Trust = trust,
            Example = example,
            Rankings = all.Sources,
            Inputs = links,
        };
    }

    private static RewardResult Train(
        StageContext context, RewardOptions options, ModelPlace start, Tokenizer tokenizer, RewardRows rows, ulong seed, string folder, string name)
    {
        var model = start.Open();
        using var models = context.OpenModels(options.Adapter);
        using var decoder = models.Trainable(model, HeadKind.Scalar, options.Adapter, seed, shifted: true);
        StageTools.TellNotes(context, start, decoder.Config);
        var (source, padding) = SourceFor(context, model.Source, tokenizer, decoder.Config);
        if (start.Folder == context.Models.Supervised.Folder)
        {
            RewardTrainer.InitializeHead(decoder, options.HeadInitialization, seed);
            decoder.Refresh();
        }

        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints, name);
        RewardResult result;
        using (var arena = new Arena(context.Device))
        using (var trainer = new RewardTrainer(options, decoder, rows.Train, rows.HeldOut, seed, host, arena, onlyChecks: name.Length > 0))
        {
            result = trainer.Run();
        }

        if (options.NormalizeOn == NormalizeOn.Demonstrations)
        {
            RewardTrainer.CenterOn(decoder, rows.Demonstrations, options.MicroBatchTokens);
        }

        DurableFiles.RecoverFolder(folder);
        StageModels.Save(context, decoder, model, options.Adapter, folder, source, asReward: true, padding);
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

        context.Progress.Line(
            $"{context.Step.Name}: the tokenizer has no token that never ends an answer: other programs can score one answer at a time with this reward model, not a padded batch");
        return (source, null);
    }

    public override StagePlan Plan(StagePlanning planning)
    {
        var options = OptionsOf(planning.Recipe);
        var (rankings, heldOut) = RankedRows.Comparisons(planning.Reader, options);
        var (examples, tokens) = ((double)rankings.Count, rankings.Sum(ranking => (double)RewardTrainer.RowsOf(ranking, options)));
        var validated = heldOut.Sum(ranking => (double)RewardTrainer.RowsOf(ranking, options));
        var (answers, answersTokens) =
            (rankings.Sum(ranking => (double)ranking.Answers.Length), rankings.Sum(ranking => ranking.Answers.Sum(answer => (double)answer.Tokens.Length)));
        if (planning.Recipe.Find<CollectOptions>() is { } collect)
        {
            var collected = CollectStage.PromptsOf(planning, collect);
            var (prompts, promptTokens) = (collected.Count, StagePlanning.MeanLength(collected));
            var answerTokens = planning.AnswerTokens(collect.MaxNewTokens);
            var ranking = ((RewardTrainer.SharesPrompts(options) ? 1 : collect.AnswersPerPrompt) * promptTokens) + (collect.AnswersPerPrompt * answerTokens);
            var added = planning.Step.Round * prompts * (1 - options.CollectedHeldOut);
            (examples, tokens) = (examples + added, tokens + (added * ranking));
            validated += planning.Step.Round * prompts * options.CollectedHeldOut * ranking;
            (answers, answersTokens) =
                (answers + (added * collect.AnswersPerPrompt), answersTokens + (added * collect.AnswersPerPrompt * (promptTokens + answerTokens)));
            var longest = collected.Select(prompt => LongestRanking(prompt, collect));
            rankings.AddRange(longest);
            heldOut.AddRange(options.CollectedHeldOut > 0 ? longest : []);
        }

        var shares = SharesOf(options, rankings);
        var updates = shares.Sum(share => options.StepsOn(examples * share));
        tokens *= examples > 0 ? Math.Min(updates * (double)options.Batch, shares.Sum() * examples * options.Epochs) / examples : 0;
        var trained = shares.Length;
        var judged = options.StartFrom == RoundStart.Previous ? 2 * trained : trained; // before and after training, and during it
        var evaluations = judged + (options.EvaluateEvery > 0 ? updates / options.EvaluateEvery : options.Epochs * trained);
        var rows = (planning.TrainingPasses(options.Adapter) * tokens) + (evaluations * validated);
        var operations = rows * planning.Costs.ForwardOperations(answersTokens / Math.Max(1, answers));
        return new StagePlan((long)examples, "rankings", tokens, updates, BytesOf(planning, options, rankings, heldOut), operations);
    }

    /// <summary>Which share of the rankings each model is trained on.</summary>
    private static double[] SharesOf(RewardOptions options, IReadOnlyList<EncodedRanking> rankings)
    {
        if (options.SecondModel is not { } second)
        {
            return [1];
        }

        var dropped = second.DropValues.Count > 0 && rankings.Count > 0
            ? rankings.Count(ranking => RewardRows.IsDropped(ranking, second)) / (double)rankings.Count
            : second.DropFraction;
        return [second.Disjoint ? dropped : 1, 1 - dropped];
    }

    /// <summary>A ranking of answers that are all as long as they may be.</summary>
    private static EncodedRanking LongestRanking(EncodedPrompt prompt, CollectOptions options)
    {
        int[] tokens = [.. prompt.Tokens, .. new int[options.MaxNewTokens]];
        var answers = Enumerable.Repeat(new EncodedSequence(tokens, prompt.Tokens.Length, null, prompt.PromptText, false), options.AnswersPerPrompt);
        return new EncodedRanking("", prompt.PromptText, [.. answers], [(0, 1)], [], 1, null, null);
    }

    internal static long BytesOf(StagePlanning planning, RewardOptions options, IReadOnlyList<EncodedRanking> train, IReadOnlyList<EncodedRanking> heldOut)
    {
        using var device = planning.Count();
        using var models = new PlannedModels(planning, device, options.Adapter);
        using var decoder = models.Trainable(HeadKind.Scalar);
        using var arena = new Arena(device);
        using var trainer = new RewardTrainer(options, decoder, train, heldOut, planning.SeedOf(options.Seed), new SilentHost(), arena);
        for (var step = 1; step <= Math.Min(trainer.TotalSteps, StagePlanning.StepsTried); step++)
        {
            trainer.TrainStep(step);
        }

        trainer.StatisticsOf(heldOut);
        return device.HeldBytes - arena.UntouchedBytes;
    }

    /// <summary>The trust report of a model with one ranking as an example, and its figures under the names that <paramref name="own"/> gives them.</summary>
    private static (TrustReport? Trust, WorkedExample? Example) Judge(
        StageContext context, RewardOptions options, string folder, RewardRows rows, RewardResult result, FigureTable figures, Func<Metric, Metric> own,
        Tokenizer tokenizer)
    {
        if (rows.HeldOut.Sum(ranking => ranking.Pairs.Count) == 0)
        {
            return (null, null);
        }

        using var models = context.OpenModels(options.Adapter);
        using var decoder = models.Frozen(Checkpoint.Open(folder), HeadKind.Scalar);
        var scored = RewardEvaluator.Score(decoder, rows.HeldOut, options.MicroBatchTokens);
        var trust = TrustReport.Of(scored, rows.TrainedLabelers());
        figures[own(RewardMetrics.Accuracy)] = trust.Accuracy.ToFigure("share");
        figures[own(TrainingMetrics.ValidationLoss)] = new Figure(result.Evaluations[^1].Loss, Unit: "nats");
        foreach (var (metric, share) in RewardMetrics.SharesOf(trust))
        {
            figures[own(metric)] = share.ToFigure("share");
        }

        var ends = EndOfTurn.Of(context.Data.FormatOf(context.Recipe.Data.Comparisons ?? context.Recipe.Data.Prompts), tokenizer);
        return (trust, WorkedExamples.OfRankings(rows.HeldOut, scored, tokenizer, ends));
    }
}
