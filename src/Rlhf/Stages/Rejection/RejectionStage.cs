using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Stages.Reward;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Rejection;

/// <summary>The best of n answers to each prompt become demonstrations, and the policy is trained on them.</summary>
internal sealed class RejectionStage : SupervisedStage<RejectionOptions>
{
    public override string Name => "rejection";

    public override string Summary =>
        "Rejection sampling on `data.prompts`: the best of several answers, by `rewards` or the reward model, become demonstrations.";

    public override StageProduct Makes => StageProduct.Policy;

    public override bool Repeats => true;

    public override bool SamplesPolicy => true;

    public override uint SeedNumber => 6;

    public override StageReport Report { get; } = new RejectionReport();

    protected override string DataKey => nameof(DataOptions.Prompts);

    protected override RejectionOptions WithFullPaths(RejectionOptions options, Func<string, string> full) =>
        options with { Rewards = StageRewards.WithFullPaths(options.Rewards, full) };

    public override IReadOnlyList<StageInput> Reads(Recipe recipe) => [.. Prompts(Name), .. StageRewards.Reads(OptionsOf(recipe), Name)];

    public override void Prepare(Recipe recipe) => StageRewards.Prepare(OptionsOf(recipe), Name);

    protected override void Validate(Recipe recipe, RejectionOptions options, OptionErrors errors)
    {
        var own = errors.Below(Name);
        own.Require(options.Rewards.Count > 0 || StageRewards.TrainsReward(recipe), nameof(options.Rewards),
            "is missing; rejection needs a list of rewards, or a reward stage before it");
        StageRewards.Validate(recipe, options, own);
        own.NoEffect(recipe.Rounds > 1, nameof(options.StartFrom), "with one round");
        if (options.EvaluationPrompts > 0 && recipe.Data.Prompts is { HeldOut.HoldsAny: false } && recipe.Data.EvaluationPrompts is null)
        {
            foreach (var key in RejectionOptions.EvaluationKeys.Append(nameof(options.EvaluationPrompts)))
            {
                own.NoEffect(false, key, "without held-out prompts: set data.prompts.held_out, or give data.evaluation_prompts");
            }
        }
    }

    protected override ModelPlace StartOf(StageContext context, RejectionOptions options) =>
        context.Models.PolicyStart(options.StartFrom);

    public override StageSummary Run(StageContext context)
    {
        var options = OptionsOf(context.Recipe);
        var model = context.Models.Policy.Open();
        var reader = context.Reader(model.Tokenizer, model.Config.ContextLength);
        var encoder = reader.PromptEncoder(options.Limits, options.MaxNewTokens);
        var asked = Asked(reader, encoder, options);
        var sampled = StageTools.Once(context, "sampled", () => Sample(context, options, model, asked.Train, encoder.EndIds));
        if (Crc32C.OfFile(PathOf(context)) != sampled.Checksum)
        {
            throw new InputException(
                $"{PathOf(context)} is damaged or was changed. Put it back as it was, or delete {context.Folder} to do the stage again.");
        }

        var summary = Train(context, trained => RejectionJudgement.Create(context, options, trained, asked.HeldOut, encoder.EndIds, sampled.Scales));
        var figures = new Dictionary<string, Figure>(sampled.Figures);
        foreach (var (key, figure) in summary.Figures)
        {
            // A judge counts by what it keeps on the disk, so its last count is of the whole stage; a program's restarts are those of one opening.
            figures[key] = key == GradingMetrics.ProgramRestarts.Key && figures.TryGetValue(key, out var before)
                ? figure with { Value = figure.Value + before.Value }
                : figure;
        }

        return summary with
        {
            Figures = figures,
            Inputs = [.. summary.Inputs, StageTools.LinkTo(context.Models.Policy, "policy"), .. StageRewards.Links(context, options)],
        };
    }

    /// <summary>What sampling came to.</summary>
    /// <param name="Figures">Figures of the summary.</param>
    /// <param name="Checksum">CRC-32C of the chosen answers.</param>
    /// <param name="Scales">The scales that rewards were measured on at the end.</param>
    private sealed record Sampling(Dictionary<string, Figure> Figures, uint Checksum, Dictionary<string, double> Scales);

    private static string PathOf(StageContext context) => Path.Combine(context.Folder, ChosenFile.Name);

    private static Sampling Sample(
        StageContext context, RejectionOptions options, Checkpoint model, List<(PromptRecord Record, EncodedPrompt Encoded)> prompts,
        IReadOnlyList<int> endIds)
    {
        var tokenizer = model.Tokenizer;
        using var stored = context.OpenModels(options.Adapter);
        using var policy = stored.Frozen(model, HeadKind.Language);
        using var rewards = StageRewards.Open(context, stored, options, tokenizer, RejectionSampler.RowBudget);
        using var progress = context.Progress.Start(context.Step.Name, prompts.Count, "prompts");
        var sampler = new RejectionSampler(policy, tokenizer, rewards, options);
        var best = sampler.Choose(prompts, endIds, context.SeedOf(options.Seed), progress, context.Cancellation);
        var chosen = RejectionSampler.Filter(best, options);
        if (chosen.Count == 0)
        {
            throw new InputException(
                $"{context.Step.Name}: no answer is left to train on: of {prompts.Count} prompts {sampler.WithoutEnd} have no answer that ended, and {best.Count} best answers are below min_score:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        ChosenFile.Write(PathOf(context), chosen, context.Step.Round);
        var scales = new Dictionary<string, double>();
        rewards.AddTo(scales);
        return new Sampling(FiguresOf(options, prompts.Count, sampler, chosen, rewards), Crc32C.OfFile(PathOf(context)), scales);
    }

    private static FigureTable FiguresOf(
        RejectionOptions options, int prompts, RejectionSampler sampler, List<ChosenAnswer> chosen, AnswerRewards rewards)
    {
        var figures = new FigureTable
        {
            [RejectionMetrics.Prompts] = new(prompts),
            [RejectionMetrics.AnswersPerPrompt] = new(options.AnswersPerPrompt),
            [RejectionMetrics.SampledTokens] = new(sampler.Tokens),
            [RejectionMetrics.WithoutEnd] = new(sampler.WithoutEnd),
            [RejectionMetrics.MeanScore] = new(sampler.MeanScore),
            [RejectionMetrics.BestScore] = new(sampler.BestScore),
            [RejectionMetrics.Chosen] = new(chosen.Count),
            [RejectionMetrics.ChosenScore] = new(chosen.Average(static answer => (double)answer.Score)),
            [RejectionMetrics.KlBound] = new(BestOfN.KlBound(options.AnswersPerPrompt), Unit: "nats"),
        };
        foreach (var (k, source) in rewards.Sources.Index())
        {
            figures[RejectionMetrics.SampledMean.Of(source.Name)] = new Figure(sampler.MeanOf(k));
        }

        StageRewards.AddTo(figures, rewards);
        return figures;
    }

    protected override (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Read(
        StageContext context, StageReader reader, RejectionOptions options) =>
        reader.Store(ChosenFile.Read(PathOf(context)).Select(static row => (row, false)), static row => [row], EncodedCodecs.Sequence);

    /// <summary>The prompts whose answers are trained on, and those that the policy is judged on.</summary>
    private static (List<(PromptRecord Record, EncodedPrompt Encoded)> Train, List<(PromptRecord Record, EncodedPrompt Encoded)> HeldOut) Asked(
        StageReader reader, SequenceEncoder encoder, RejectionOptions options)
    {
        var (train, heldOut) = (new List<PromptRecord>(), new List<PromptRecord>());
        foreach (var (prompt, isHeldOut) in reader.Told(reader.Data.Prompts()))
        {
            var side = isHeldOut ? heldOut : train;
            if (side.Count < (isHeldOut ? options.EvaluationPrompts : options.MaxPrompts ?? int.MaxValue))
            {
                side.Add(prompt);
            }
        }

        return (StageReader.Encode(encoder, train), StageReader.Encode(encoder, heldOut));
    }

    protected override ModelSource SourceOf(StageContext context, ModelSource source, Tokenizer tokenizer) =>
        source.WithFormat(context.Data.FormatOf(context.Recipe.Data.Prompts), tokenizer);

    public override StagePlan Plan(StagePlanning planning)
    {
        var options = OptionsOf(planning.Recipe);
        var asked = Asked(planning.Reader, planning.Reader.PromptEncoder(options.Limits, options.MaxNewTokens), options);
        EncodedPrompt[] prompts = [.. asked.Train.Select(static prompt => prompt.Encoded)];
        EncodedPrompt[] heldOut = asked.HeldOut.Count > 1 ? [.. asked.HeldOut.Select(static prompt => prompt.Encoded)] : [];
        var models = StageRewards.ModelsOf(options);
        var judges = models + (SecondModelOptions.IsIn(planning.Recipe) ? 1 : 0);
        var watch = heldOut.Length == 0 ? null : new PlannedWatch(heldOut, options.EvaluationSamples, options.MaxNewTokens, judges, options.BestOf);
        var rows = planning.Reader.Store(prompts.Select(static prompt => (prompt, false)), prompt =>
            [new EncodedSequence([.. prompt.Tokens, .. new int[options.MaxNewTokens]], prompt.Tokens.Length, null, "", Truncated: false)],
            EncodedCodecs.Sequence); // answers as long as they may be
        var plan = PlanOf(planning, options, rows, watch);
        var answers = (double)prompts.Length * options.AnswersPerPrompt;
        var answerTokens = planning.AnswerTokens(options.MaxNewTokens);
        var promptTokens = StagePlanning.MeanLength(prompts);
        var length = promptTokens + answerTokens;
        var tokens = prompts.Length * (promptTokens + (options.AnswersPerPrompt * answerTokens)); // a prompt goes through a model once
        var judgements = 1 + (options.EvaluateEvery > 0 ? plan.Updates / options.EvaluateEvery : options.Epochs) + planning.OtherEvaluations;
        var judged = StagePlanning.JudgedAnswers(heldOut.Length, judgements, options.EvaluationSamples, options.BestOf);
        var judgedLength = StagePlanning.MeanLength(heldOut) + answerTokens;
        var evaluated = planning.LanguageOperations(judged * judgedLength, judged * answerTokens, judgedLength);
        return plan with
        {
            Examples = (long)answers,
            ExampleKind = "answers",
            Tokens = plan.Tokens + (tokens * (1 + models)),
            Bytes = Math.Max(plan.Bytes, SamplingBytes(planning, options, prompts, models)),
            Operations = plan.Operations + (models * tokens * planning.Costs.ForwardOperations(length))
                + (2 * evaluated) + (judges * judged * judgedLength * planning.Costs.ForwardOperations(judgedLength)), // its own log-probabilities and SFT's
            SampledOperations = planning.LanguageOperations(tokens, answers * answerTokens, length) + evaluated,
        };
    }

    private static long SamplingBytes(StagePlanning planning, RejectionOptions options, EncodedPrompt[] prompts, int models)
    {
        using var device = planning.Count();
        using var planned = new PlannedModels(planning, device, options.Adapter);
        using var policy = planned.Frozen(HeadKind.Language);
        Decoder[] rewards = [.. Enumerable.Range(0, models).Select(_ => planned.Frozen(HeadKind.Scalar))];
        using var arena = new Arena(device);
        using var generator = new Generator(policy, arena);
        int[][] asked =
        [
            .. prompts.Take(RejectionSampler.PromptsAtOnce(options.AnswersPerPrompt))
                .SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.AnswersPerPrompt)),
        ];
        StagePlanning.Sample(generator, asked, options.MaxNewTokens, RejectionSampler.RowBudget);
        var bytes = Math.Max(device.PeakBytes, device.HeldBytes - arena.UntouchedBytes + planning.HostLogits);
        Array.ForEach(rewards, static reward => reward.Dispose());
        return bytes;
    }
}
