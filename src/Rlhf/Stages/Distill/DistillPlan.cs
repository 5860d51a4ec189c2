using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Distill;

/// <summary>What distillation will do and need.</summary>
internal static class DistillPlan
{
    /// <summary>The plan of a stage.</summary>
    public static StagePlan Of(StagePlanning planning, DistillOptions options)
    {
        var (train, heldOut) = planning.Prompts(options.Limits, options.MaxNewTokens);
        if (train.Count == 0)
        {
            throw new InputException("the plan found no training prompt: " + planning.Reader.Ledger.ToText());
        }

        IReadOnlyList<EncodedSequence> demonstrations = options.OnPolicyShare < 1 ? DistillStage.DemonstrationsOf(planning.Reader, options) : [];
        var teacher = DistillStage.OpenTeacher(new ModelPlace(options.Teacher!, options.Teacher!), planning.Reader.Tokenizer).Config;
        var costs = new ModelCosts(teacher);
        var answerTokens = planning.AnswerTokens(options.MaxNewTokens);
        var length = StagePlanning.MeanLength(train) + answerTokens;
        var answers = (double)options.Steps * options.Batch;
        var evaluations = 2 + (options.EvaluateEvery > 0 ? (options.Steps - 1) / options.EvaluateEvery : 0);
        var evaluated = (double)Math.Min(heldOut.Count, options.EvaluationPrompts) * options.EvaluationSamples;
        var asked = evaluated * (evaluations + 2); // those of the start, SFT, and once more of the teacher
        var read = answers + (evaluated * evaluations);
        var operations =
            (planning.TrainingPasses(options.Adapter) * planning.LanguageOperations(answers * length, answers * answerTokens, length))
            + (read * ((length * costs.ForwardOperations(length)) + (answerTokens * costs.HeadOperations)))
            + (2 * planning.LanguageOperations(asked * length, asked * answerTokens, length));
        var sampled = (answers * options.OnPolicyShare) + asked;
        return new StagePlan(
            (long)answers, "answers", 2 * answers * length, options.Steps, BytesOf(planning, options, teacher, train, heldOut, demonstrations), operations,
            planning.LanguageOperations(sampled * length, sampled * answerTokens, length));
    }

    internal static long BytesOf(
        StagePlanning planning, DistillOptions options, DecoderConfig config, IReadOnlyList<EncodedPrompt> train, IReadOnlyList<EncodedPrompt> heldOut,
        IReadOnlyList<EncodedSequence> demonstrations)
    {
        using var device = planning.Count();
        using var models = new PlannedModels(planning, device, options.Adapter);
        using var student = models.Trainable(HeadKind.Language);
        using var teacher = new Decoder(
            device, config, HeadKind.Language, trainable: false,
            options.TeacherStorage ?? options.Adapter?.BaseStorage ?? planning.Recipe.FrozenPrecision, isFrozen: true);
        teacher.Load(static (_, _) => { });
        using var sft = models.Frozen(HeadKind.Language);
        using var reward = planning.Recipe.Sections.Any(static section => section.Stage.Makes == StageProduct.RewardModel)
            ? models.Frozen(HeadKind.Scalar)
            : null;
        using var arena = new Arena(device);
        int[][] prompts = [.. train.Take(options.Batch).Select(static prompt => prompt.Tokens)];
        using var trainer = new DistillTrainer(options, student, teacher, prompts, [], demonstrations, planning.SeedOf(options.Seed), new SilentHost(), arena);
        var judged = heldOut.Take(options.EvaluationPrompts).SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.EvaluationSamples));
        int[][] asked = [.. prompts, .. judged];
        using (var generator = new Generator(student, arena))
        {
            StagePlanning.Sample(generator, asked, options.MaxNewTokens, options.MicroBatchTokens);
        }

        trainer.Learn([.. prompts.Select(prompt => Longest(prompt, options.MaxNewTokens))], step: 1);
        return device.HeldBytes - arena.UntouchedBytes + planning.HostLogits;
    }

    private static EncodedSequence Longest(int[] prompt, int tokens) => new([.. prompt, .. new int[tokens]], prompt.Length, null, "", Truncated: false);
}
