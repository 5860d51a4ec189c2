using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>A stage of next-token training: rows, start model, trainer, model, summary.</summary>
internal abstract class SupervisedStage<TOptions> : Stage<TOptions> where TOptions : SupervisedOptions, new()
{
    public override StageProduct Makes => StageProduct.SupervisedModel;

    public override bool Repeats => false;

    /// <summary>The key of the rows below <c>data</c>.</summary>
    protected abstract string DataKey { get; }

    /// <summary>The rows as sequences.</summary>
    protected abstract (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Read(
        StageContext context, StageReader reader, TOptions options);

    /// <summary>The model that is trained.</summary>
    protected virtual ModelPlace StartOf(StageContext context, TOptions options) => context.Models.Supervised;

    /// <summary>The measure by which the best model is kept, where it is not the loss.</summary>
    protected virtual ModelJudge? CreateJudge(StageContext context, StageReader reader, TOptions options, Decoder decoder, Arena arena) => null;

    /// <summary>What goes along with the model.</summary>
    protected virtual ModelSource SourceOf(StageContext context, ModelSource source, Tokenizer tokenizer) => source;

    public override IReadOnlyList<StageInput> Reads(Recipe recipe) => [new(DataKey, Name)];

    protected override void Validate(Recipe recipe, TOptions options, OptionErrors errors)
    {
        var (rule, held) = HeldOutOf(recipe, options);
        var own = errors.Below(Name);
        own.NoEffect(rule?.HoldsAny == true, nameof(options.EvaluateEvery), $"without {held}");
        own.Require(options.KeepBest != KeepBest.ValidationLoss || rule is null or { HoldsAny: true }, nameof(options.KeepBest),
            $"validation_loss needs {held} above 0; or write none to keep the last model");
    }

    /// <summary>What of the rows is held out, and the key that says it; null where there are none.</summary>
    protected virtual (HeldOutRule? Rule, string Key) HeldOutOf(Recipe recipe, TOptions options) => (
        recipe.Data.Given().Where(given => given.Key == DataKey).Select(given => given.Source.HeldOut).FirstOrDefault(),
        $"data.{SnakeCase.From(DataKey)}.held_out");

    public override StageSummary Run(StageContext context) => Train(context, static _ => null);

    /// <summary>Trains.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="watchOf">Who looks at the model's answers; null: nobody does.</param>
    protected StageSummary Train(StageContext context, Func<TrainedModel, IModelWatch?> watchOf)
    {
        var options = OptionsOf(context.Recipe);
        var start = StartOf(context, options);
        var model = start.Open();
        var tokenizer = model.Tokenizer;
        using var models = context.OpenModels(options.Adapter);
        using var decoder = models.Trainable(model, HeadKind.Language, options.Adapter, context.SeedOf(options.Seed));
        StageTools.TellNotes(context, start, decoder.Config);
        var reader = context.Reader(tokenizer, decoder.Config.ContextLength);
        var (train, heldOut) = Read(context, reader, options);
        if (train.Count == 0)
        {
            throw new InputException($"{context.Step.Name}: no training row is left:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        using var arena = new Arena(context.Device); // training and the judge use it in turn
        using var judge = CreateJudge(context, reader, options, decoder, arena);
        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints);
        using var watch = watchOf(new TrainedModel(decoder, models, reader, host, arena));
        var figures = new FigureTable();
        SupervisedResult result;
        using (var trainer = new SupervisedTrainer(options, decoder, train, heldOut, context.SeedOf(options.Seed), host, arena,
            judge is null ? null : judge.MeanReward, watch is null ? null : watch.Evaluate))
        {
            var before = heldOut.Count > 0 ? trainer.LossOf(heldOut) : (double?)null;
            result = trainer.Run();
            if (before is { } loss)
            {
                figures[TrainingMetrics.ValidationLossBefore] = new Figure(loss, Unit: "nats");
                figures[TrainingMetrics.ValidationLoss] = new Figure(trainer.LossOf(heldOut), Unit: "nats");
            }
        }

        figures[TrainingMetrics.TrainLoss] = new Figure(result.TrainLoss, Unit: "nats");
        figures[TrainingMetrics.KeptStep] = new Figure(result.BestStep);
        figures[TrainingMetrics.TrainingRows] = new Figure(train.Count);
        figures[TrainingMetrics.TrainingTokens] = new Figure(train.Sum(row => (double)row.TrainedTokens));
        StageModels.Save(context, decoder, model, options.Adapter, context.ModelFolder, SourceOf(context, model.Source, tokenizer), asReward: false);
        var summary = StageTools.SummaryOf(context, result.Steps, figures) with { Inputs = [StageTools.LinkTo(start, "start")] };
        return watch is null ? summary : watch.Complete(summary);
    }

    /// <summary>The plan of training on rows.</summary>
    /// <param name="planning">What is planned with.</param>
    /// <param name="options">The stage's options.</param>
    /// <param name="read">The rows.</param>
    /// <param name="watch">Who will look at the model's answers; null: nobody.</param>
    protected static StagePlan PlanOf(StagePlanning planning, TOptions options,
        (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) read, PlannedWatch? watch = null)
    {
        var (rows, heldOut) = read;
        if (rows.Count == 0)
        {
            throw new InputException("the plan found no training row: " + planning.Reader.Ledger.ToText());
        }

        int[] lengths = [.. rows.Select(row => row.Tokens.Length)];
        var schedule = new SupervisedSchedule(options, lengths, 0);
        var epochTokens = rows.Sum(row => (double)row.Tokens.Length);
        var perEpoch = (double)schedule.TotalSteps / options.Epochs;
        var share = options.MaxSteps is { } most && perEpoch > 0
            ? Math.Min(1, most / (double)new SupervisedSchedule(options with { MaxSteps = null }, lengths, 0).TotalSteps)
            : 1;
        var tokens = epochTokens * options.Epochs * share;
        var targets = rows.Sum(row => (double)row.TrainedTokens) * options.Epochs * share;
        var evaluations = heldOut.Count == 0
            ? 0
            : 2 + (options.EvaluateEvery > 0 ? schedule.TotalSteps / options.EvaluateEvery : options.Epochs * share); // before, during, after
        var operations = (planning.TrainingPasses(options.Adapter) * planning.LanguageOperations(tokens, targets, epochTokens / rows.Count))
            + (evaluations * planning.LanguageOperations(
                heldOut.Sum(row => (double)row.Tokens.Length), heldOut.Sum(row => (double)row.TrainedTokens), epochTokens / rows.Count));
        return new StagePlan(rows.Count, "rows", tokens, schedule.TotalSteps, BytesOf(planning, options, rows, heldOut, watch), operations);
    }

    internal static long BytesOf(
        StagePlanning planning, TOptions options, IReadOnlyList<EncodedSequence> train, IReadOnlyList<EncodedSequence> heldOut, PlannedWatch? watch = null)
    {
        using var device = planning.Count();
        using var models = new PlannedModels(planning, device, options.Adapter);
        using var decoder = models.Trainable(HeadKind.Language);
        using var judge = options.KeepBest == KeepBest.Reward ? models.Frozen(HeadKind.Scalar) : null;
        Decoder[] judges = watch is null ? [] : [models.Frozen(HeadKind.Language), .. watch.RewardModels(models)];
        using var arena = new Arena(device);
        var untrained = device.HeldBytes; // what is left when SFT answers for the best of n
        using var trainer = new SupervisedTrainer(options, decoder, train, heldOut, planning.SeedOf(options.Seed), new SilentHost(), arena);
        for (var step = 1; step <= Math.Min(trainer.TotalSteps, StagePlanning.StepsTried); step++)
        {
            trainer.TrainStep(step);
        }

        watch?.Sample(decoder, arena, options.MicroBatchTokens);
        var bytes = device.HeldBytes - arena.UntouchedBytes;
        Array.ForEach(judges, static model => model.Dispose());
        return watch is null ? bytes : Math.Max(bytes, watch.BestOfBytes > 0 ? untrained + watch.BestOfBytes : 0) + planning.HostLogits;
    }
}
