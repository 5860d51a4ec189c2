using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Stages.Collect;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Dpo;

/// <summary>What preference optimisation will do and need.</summary>
internal static class DpoPlan
{
    /// <summary>The plan of a stage.</summary>
    public static StagePlan Of(StagePlanning planning, DpoOptions options)
    {
        var rows = DpoRows.OfData(planning.Reader, options);
        List<PreferenceRow> train = [.. rows.Train], heldOut = [.. rows.HeldOut];
        var (trained, held) = (Size.Of(train, options), Size.Of(heldOut, options));
        if (planning.Recipe.Find<CollectOptions>() is { } collect)
        {
            var collected = CollectStage.PromptsOf(planning, collect);
            var one = Size.Of(collected, collect, options, planning.AnswerTokens(collect.MaxNewTokens));
            trained += one * (planning.Step.Round * (1 - options.CollectedHeldOut));
            held += one * (planning.Step.Round * options.CollectedHeldOut);
            PreferenceRow[] longest = [.. collected.Select(prompt => Longest(prompt, collect, options))];
            train.AddRange(longest);
            heldOut.AddRange(options.CollectedHeldOut > 0 ? longest : []);
        }

        var updates = options.StepsOn(trained.Rows);
        var epochs = Math.Min(options.Epochs, updates * options.Batch / Math.Max(1, trained.Rows)); // max_steps may take a part of the rows
        var evaluations = held.Rows > 0 ? 2 + (options.EvaluateEvery > 0 ? updates / options.EvaluateEvery : options.Epochs) : 0;
        var passes = Passes(planning, options);
        var length = trained.Rows == 0 ? 0 : trained.Length;
        var once = planning.LanguageOperations(trained.Tokens, trained.Targets, length);
        var judged = planning.LanguageOperations(held.Tokens, held.Targets, length);
        var prompts = AskedOf(planning, options, heldOut);
        var answerTokens = planning.AnswerTokens(options.MaxNewTokens);
        var judgements = (options.EvaluateEvery > 0 ? Math.Ceiling(updates / (double)options.EvaluateEvery) : Math.Ceiling(epochs)) + planning.OtherEvaluations;
        var asked = prompts.Length < 2 ? 0 : StagePlanning.JudgedAnswers(prompts.Length, judgements, options.EvaluationSamples, options.BestOf);
        var answerLength = StagePlanning.MeanLength(prompts) + answerTokens;
        var sampled = planning.LanguageOperations(asked * answerLength, asked * answerTokens, answerLength);
        return new StagePlan(
            (long)trained.Rows, options.Loss == PreferenceObjective.Kto ? "labeled prompts" : "rankings", trained.Tokens * epochs, updates,
            train.Count == 0 ? 0 : BytesOf(planning, options, train, heldOut, prompts),
            (once * ((passes.Step * epochs) + (passes.Reference * Math.Min(1, epochs)))) + (judged * (evaluations + 1))
                + ((StageRewards.TrainsReward(planning.Recipe) ? 3 : 2) * sampled), sampled); // the policy's own log-probabilities, SFT's, a score
    }

    /// <summary>Passes over the rows in units of one forward pass: an update's, and those of the reference before.</summary>
    private static (double Step, double Reference) Passes(StagePlanning planning, DpoOptions options)
    {
        var isMeasuredFirst = options.Loss is PreferenceObjective.Aot
            || options is { Loss: PreferenceObjective.Kto, ReferencePoint: true } or { Loss: PreferenceObjective.BcoPair, RewardShift: true };
        var step = (isMeasuredFirst ? 1 : 0) + planning.TrainingPasses(options.Adapter);
        return (step, !options.ToLoss().HasReference ? 0 : options is { Loss: PreferenceObjective.Kto, ReferencePoint: true } ? 2 : 1);
    }

    internal static long BytesOf(
        StagePlanning planning, DpoOptions options, IReadOnlyList<PreferenceRow> train, IReadOnlyList<PreferenceRow> heldOut, EncodedPrompt[] prompts)
    {
        using var device = planning.Count();
        using var models = new PlannedModels(planning, device, options.Adapter);
        using var policy = models.Trainable(HeadKind.Language);
        using var sft = prompts.Length > 1 ? models.Frozen(HeadKind.Language) : null;
        using var reward = prompts.Length > 1 && StageRewards.TrainsReward(planning.Recipe)
            ? models.Frozen(HeadKind.Scalar)
            : null;
        using var arena = new Arena(device);
        var untrained = device.HeldBytes; // what is left when SFT answers for the best of n
        PreferenceRow[] counted = [.. train.Select(row => WithReference(row, options))], judged = [.. heldOut.Select(row => WithReference(row, options))];
        using var trainer = new DpoTrainer(options, policy, counted, judged, planning.SeedOf(options.Seed), new SilentHost(), arena);
        for (var step = 1; step <= Math.Min(trainer.TotalSteps, StagePlanning.StepsTried); step++)
        {
            trainer.TrainStep(step);
        }

        trainer.Judge(judged);
        if (prompts.Length < 2)
        {
            return device.HeldBytes - arena.UntouchedBytes;
        }

        using var generator = new Generator(policy, arena);
        int[][] asked = [.. prompts.SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.EvaluationSamples))];
        StagePlanning.Sample(generator, asked, options.MaxNewTokens, options.MicroBatchTokens);
        var best = StagePlanning.BestOfBytes(prompts, options.MaxNewTokens, options.BestOf);
        return Math.Max(device.HeldBytes - arena.UntouchedBytes, best > 0 ? untrained + best : 0) + planning.HostLogits;
    }

    /// <summary>Zeros: a device that counts computes nothing.</summary>
    private static PreferenceRow WithReference(PreferenceRow row, DpoOptions options) => !options.ToLoss().HasReference ? row : row with
    {
        Reference = new float[row.Answers.Sum(static answer => answer.ResponseLength)],
        MismatchedReference = new float[row.Mismatched.Sum(static answer => answer.ResponseLength)],
    };

    private static EncodedPrompt[] AskedOf(StagePlanning planning, DpoOptions options, IReadOnlyList<PreferenceRow> heldOut)
    {
        IReadOnlyList<EncodedPrompt> given = options.EvaluationPrompts == 0 || planning.Recipe.Data.Prompts is null
            ? []
            : planning.Prompts(options.Limits, options.MaxNewTokens).HeldOut;
        return [.. (given.Count > 1 ? given : DpoJudgement.PromptsOf(heldOut, planning.Config.ContextLength - options.MaxNewTokens))
            .Take(options.EvaluationPrompts)];
    }

    /// <summary>A collected ranking of answers that are all as long as they may be.</summary>
    private static PreferenceRow Longest(EncodedPrompt prompt, CollectOptions collect, DpoOptions options)
    {
        int[] tokens = [.. prompt.Tokens, .. new int[collect.MaxNewTokens]];
        var answer = new EncodedSequence(tokens, prompt.Tokens.Length, null, prompt.PromptText, false);
        var answers = Enumerable.Repeat(answer, collect.AnswersPerPrompt).ToArray();
        (int, int)[] pairs = [.. Enumerable.Range(0, answers.Length).SelectMany(i => Enumerable.Range(i + 1, answers.Length - i - 1).Select(j => (i, j)))];
        var row = PreferenceRow.Of(new EncodedRanking("", prompt.PromptText, answers, pairs, [], 1, null, null), options)!;
        return options is { Loss: PreferenceObjective.Kto, ReferencePoint: true } ? row with { Mismatched = row.Answers } : row;
    }

    /// <summary>Rows, their tokens, targets and answers.</summary>
    private readonly record struct Size(double Rows, double Tokens, double Targets, double AnswerTokens, double Answers)
    {
        /// <summary>Mean length of a prompt with an answer.</summary>
        public double Length => AnswerTokens / Math.Max(1, Answers);

        public static Size Of(IReadOnlyList<PreferenceRow> rows, DpoOptions options) => new(
            rows.Count, rows.Sum(row => (double)DpoTrainer.RowsOf(row, options)), rows.Sum(row => row.Answers.Sum(answer => (double)answer.ResponseLength)),
            rows.Sum(row => row.Answers.Sum(answer => (double)answer.Tokens.Length)), rows.Sum(row => (double)row.Answers.Length));

        public static Size Of(IReadOnlyList<EncodedPrompt> prompts, CollectOptions collect, DpoOptions options, double answerTokens)
        {
            var (answers, prompt) = ((double)collect.AnswersPerPrompt, StagePlanning.MeanLength(prompts));
            var shared = options is { Dropout: 0, Adapter: null or { Dropout: 0 } } ? 1 : answers;
            return new Size(prompts.Count, prompts.Count * ((shared * prompt) + (answers * answerTokens)), prompts.Count * answers * answerTokens,
                prompts.Count * answers * (prompt + answerTokens), prompts.Count * answers);
        }

        public static Size operator +(Size a, Size b) =>
            new(a.Rows + b.Rows, a.Tokens + b.Tokens, a.Targets + b.Targets, a.AnswerTokens + b.AnswerTokens, a.Answers + b.Answers);

        public static Size operator *(Size a, double by) => new(a.Rows * by, a.Tokens * by, a.Targets * by, a.AnswerTokens * by, a.Answers * by);
    }
}
