using Rlhf.Compute.Operations;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Stages.Collect;
using Rlhf.Training;

namespace Rlhf.Stages.Dpo;

/// <summary>Instead of steps 2 and 3: the policy from ranked answers, without a reward model and without rollouts.</summary>
internal sealed class DpoStage : Stage<DpoOptions>
{
    public override string Name => "dpo";

    public override string Summary =>
        "Instead of reward and ppo: the policy from `data.comparisons` (with `loss: kto` also `data.labeled`) and what has been collected.";

    public override StageProduct Makes => StageProduct.Policy;

    public override uint SeedNumber => 5;

    public override bool LearnsFromRankings => true;

    public override StageReport Report { get; } = new DpoReport();

    // The base model is one of those that the policy is compared with.
    public override IReadOnlyList<StageInput> Reads(Recipe recipe)
    {
        var options = OptionsOf(recipe);
        var inputs = new List<StageInput> { new(nameof(DataOptions.Comparisons), Name, IsOptional: true) }; // or rankings that were collected
        if (options.Loss == PreferenceObjective.Kto)
        {
            inputs.Add(new StageInput(nameof(DataOptions.Labeled), "dpo.loss: kto", IsOptional: true));
        }

        if (options.EvaluationPrompts > 0)
        {
            inputs.Add(new StageInput(nameof(DataOptions.Prompts), Name, IsOptional: true));
            inputs.Add(new StageInput(nameof(DataOptions.EvaluationPrompts), Name, IsOptional: true));
        }

        return recipe.Base.Model is { } model ? [new StageInput(BaseModel.Key, Name, model), .. inputs] : inputs;
    }

    protected override void Validate(Recipe recipe, DpoOptions options, OptionErrors errors)
    {
        var collect = recipe.Find<CollectOptions>();
        var isKto = options.Loss == PreferenceObjective.Kto;
        errors.Require(
            recipe.Data.Comparisons is not null || collect is not null || (isKto && recipe.Data.Labeled is not null),
            $"{nameof(recipe.Data)}.{nameof(DataOptions.Comparisons)}",
            $"is missing; the dpo stage needs it, or a collect stage before it{(isKto ? ", or data.labeled" : "")}");
        errors.Require(collect is not { Labeler: null }, "collect.labeler",
            "is missing; the dpo stage needs ranked answers: write people, judge, gold, or the folder of a reward model");
        var own = errors.Below(Name);
        RankedRows.Validate(recipe, options, own);
        own.NoEffect(recipe.Rounds > 1, nameof(options.StartFrom), "with one round");
        var scores = StageRewards.TrainsReward(recipe) || recipe.Data.Prompts is { Path.Count: 0 };
        own.Require(options.BestOf is null || scores, nameof(options.BestOf),
            "has nothing to choose the best by: it needs a reward stage before dpo, or the built-in prompts (data.quickstart and data.prompts: {})");
    }

    public override StageSummary Run(StageContext context)
    {
        var options = OptionsOf(context.Recipe);
        var start = context.Models.PolicyStart(options.StartFrom);
        var model = start.Open();
        var tokenizer = model.Tokenizer;
        using var models = context.OpenModels(options.Adapter);
        using var policy = models.Trainable(model, HeadKind.Language, options.Adapter, context.SeedOf(options.Seed));
        StageTools.TellNotes(context, start, policy.Config);
        var reader = context.Reader(tokenizer, policy.Config.ContextLength);
        using var arena = new Arena(context.Device); // the reference's pass, training and evaluation use it in turn
        var rows = ReferenceLogProbabilities.Attach(context, options, policy, DpoRows.Read(context, reader, options), arena);
        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints);
        host.Logged = row =>
        {
            if (DpoAlarms.GivesCause(row, options.Alarms))
            {
                _ = AlarmsOf(context, options);
            }
        };
        using var judgement = DpoJudgement.Create(context, options, policy, models, reader, rows, host, arena);
        var figures = new FigureTable();
        DpoResult result;
        using (var trainer = new DpoTrainer(
            options, policy, rows.Train, rows.HeldOut, context.SeedOf(options.Seed), host, arena, judgement is null ? null : judgement.Evaluate))
        {
            result = trainer.Run();
            StageModels.Save(context, policy, model, options.Adapter, context.ModelFolder,
                model.Source.WithFormat(context.Data.FormatOf(RankedSource(context.Recipe)), tokenizer), asReward: false);
            if (rows.HeldOut.Count > 0)
            {
                HeldOutSummary.Of(trainer.Judge(rows.HeldOut)).AddTo(figures);
            }
        }

        figures[TrainingMetrics.TrainLoss] = new Figure(result.TrainLoss);
        figures[DpoMetrics.TrainAccuracy] = new Figure(result.TrainAccuracy, Unit: "share");
        figures[DpoMetrics.TrainedPrompts] = new Figure(rows.Train.Count);
        figures[DpoMetrics.NothingToLearn] = new Figure(rows.WithoutPreference);
        if (options.HeldOutLabelers.HoldsAny)
        {
            figures[DpoMetrics.LabelersLeftOut] = new Figure(rows.LeftOut);
        }

        // The trainer's gradients and moments are gone: there is room for the base model.
        var answers = judgement?.Compare();
        foreach (var (key, figure) in answers?.Figures ?? [])
        {
            figures[key] = figure;
        }

        var links = new List<ModelLink> { StageTools.LinkTo(start, "start") };
        if (options.ToLoss().HasReference)
        {
            links.Add(StageTools.LinkTo(start, "reference"));
        }

        return StageTools.SummaryOf(context, result.Steps, figures) with
        {
            Rankings = rows.Sources,
            Alarms = AlarmsOf(context, options),
            SideBySide = answers?.SideBySide,
            BestOfN = answers?.BestOfN,
            Frontier = answers is null ? null : FrontierSection.PointsOf(context.LoggedRows()),
            Inputs = links,
        };
    }

    private static IReadOnlyList<Alarm> AlarmsOf(StageContext context, DpoOptions options)
    {
        var alarms = DpoAlarms.Of(context.LoggedRows(), options.Alarms);
        foreach (var alarm in alarms)
        {
            context.Progress.Alarm(context.Step.Name, alarm);
        }

        return alarms;
    }

    private static Data.DataSource? RankedSource(Recipe recipe) => recipe.Data.Comparisons ?? recipe.Data.Labeled ?? recipe.Data.Prompts;

    public override StagePlan Plan(StagePlanning planning) => DpoPlan.Of(planning, OptionsOf(planning.Recipe));
}
