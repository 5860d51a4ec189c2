using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Distill;

/// <summary>The policy learns a teacher's distributions, mostly on answers of its own.</summary>
internal sealed class DistillStage : Stage<DistillOptions>
{
    public override string Name => "distill";

    public override string Summary => "On-policy distillation: the policy answers `data.prompts` and learns what a teacher would have written at each token.";

    public override StageProduct Makes => StageProduct.Policy;

    public override bool SamplesPolicy => true;

    public override uint SeedNumber => 7;

    public override StageReport Report { get; } = new DistillReport();

    protected override DistillOptions WithFullPaths(DistillOptions options, Func<string, string> full) =>
        options with { Teacher = options.Teacher is { } teacher ? full(teacher) : null };

    // The base model is one of those that the student is compared with.
    public override IReadOnlyList<StageInput> Reads(Recipe recipe)
    {
        var options = OptionsOf(recipe);
        List<StageInput> inputs = [.. Prompts(Name), new StageInput("distill.teacher", Name, options.Teacher)];
        if (options.OnPolicyShare < 1)
        {
            inputs.Add(new StageInput(nameof(DataOptions.Demonstrations), "distill.on_policy_share below 1"));
        }

        return recipe.Base.Model is { } model ? [new StageInput(BaseModel.Key, Name, model), .. inputs] : inputs;
    }

    protected override void Validate(Recipe recipe, DistillOptions options, OptionErrors errors)
    {
        errors.Require(recipe.Data.Prompts is null or { HeldOut.HoldsAny: true } || recipe.Data.EvaluationPrompts is not null,
            $"{nameof(recipe.Data)}.{nameof(DataOptions.Prompts)}.{nameof(DataSource.HeldOut)}",
            "must be above 0, or data.evaluation_prompts be given: the student is judged on prompts that it does not see");
        var follows = recipe.Sections.Any(section => section.Stage.Makes == StageProduct.Policy && section.Stage.Name != Name);
        errors.Below(Name).NoEffect(recipe.Rounds > 1 || follows, nameof(options.StartFrom), "with one round");
    }

    public override StageSummary Run(StageContext context)
    {
        var options = OptionsOf(context.Recipe);
        var start = context.Models.PolicyStart(options.StartFrom);
        var model = start.Open();
        var place = new ModelPlace(options.Teacher!, options.Teacher!);
        var lesson = OpenTeacher(place, model.Tokenizer);
        using var models = context.OpenModels(options.Adapter);
        using var others = options.TeacherStorage is { } storage ? new StageModels(context.Device, storage, static _ => { }) : null;
        using var teacher = (others ?? models).Frozen(lesson, HeadKind.Language);
        using var student = models.Trainable(model, HeadKind.Language, options.Adapter, context.SeedOf(options.Seed));
        StageTools.TellNotes(context, start, student.Config);
        var reader = context.Reader(model.Tokenizer, Math.Min(student.Config.ContextLength, teacher.Config.ContextLength));
        var encoder = reader.PromptEncoder(options.Limits, options.MaxNewTokens);
        var (prompts, _) = reader.StoreKept(reader.Data.Prompts(), encoder.Encode, EncodedCodecs.Prompt);
        if (prompts.Count == 0)
        {
            throw new InputException($"{context.Step.Name}: no training prompt is left:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        IReadOnlyList<EncodedSequence> demonstrations = options.OnPolicyShare < 1 ? DemonstrationsOf(reader, options) : [];
        var asked = StageReader.Encode(encoder, reader.Data.FirstPrompts(heldOut: true, options.EvaluationPrompts));
        using var host = new StageHost(context, model.Tokenizer, options.KeepCheckpoints);
        using var arena = new Arena(context.Device); // training and evaluation use it in turn
        using var judgement = new DistillJudgement(context, options, models, (student, teacher), reader, encoder.EndIds, asked, host, arena);
        DistillTrainer? trainer = null;
        using (trainer = new DistillTrainer(
            options, student, teacher, [.. prompts.Select(static prompt => prompt.Tokens)], encoder.EndIds, demonstrations, context.SeedOf(options.Seed),
            host, arena, step => judgement.Evaluate(step, trainer!)))
        {
            trainer.Run();
            StageModels.Save(context, student, model, options.Adapter, context.ModelFolder,
                model.Source.WithFormat(context.Data.FormatOf(context.Recipe.Data.Prompts), model.Tokenizer), asReward: false);
            var result = judgement.Compare(trainer);
            return StageTools.SummaryOf(context, options.Steps, result.Figures) with
            {
                SideBySide = result.SideBySide,
                Frontier = judgement.Frontier(),
                Inputs = [StageTools.LinkTo(start, "start"), StageTools.LinkTo(place, "teacher")],
            };
        }
    }

    /// <summary>What steps learn from that are not the student's own answers.</summary>
    public static StoredRows<EncodedSequence> DemonstrationsOf(StageReader reader, DistillOptions options)
    {
        var encoder = reader.Encoder(reader.Recipe.Data.Demonstrations, options.Limits);
        return reader.Store(reader.Data.Demonstrations(), row => encoder.Encode(row).Where(static one => one.TrainedTokens > 0), EncodedCodecs.Sequence).Train;
    }

    /// <summary>The teacher.</summary>
    /// <exception cref="InputException">It has another vocabulary.</exception>
    public static Checkpoint OpenTeacher(ModelPlace place, Tokenizer student)
    {
        var teacher = place.Open();
        return teacher.Tokenizer.HasSameVocabulary(student)
            ? teacher
            : throw new InputException(
                $"{place.Folder}: this teacher has another vocabulary than the student, so their next-token distributions do not compare; take a teacher of the student's family, or train on its answers instead (sft)");
    }

    public override StagePlan Plan(StagePlanning planning) => DistillPlan.Of(planning, OptionsOf(planning.Recipe));
}
