using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Stages.Reward;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>Step 3: the roles of PPO, its training, and what came of it on held-out prompts.</summary>
internal sealed class PpoStage : Stage<PpoOptions>
{
    private const ulong ValueSeed = 1;

    public override string Name => "ppo";

    public override string Summary => "Step 3: PPO on `data.prompts`.";

    public override StageProduct Makes => StageProduct.Policy;

    public override uint SeedNumber => 4;

    public override StageReport Report { get; } = new PpoReport();

    protected override PpoOptions WithFullPaths(PpoOptions options, Func<string, string> full) =>
        options with
        {
            RewardModel = options.RewardModel is { } folder ? full(folder) : null,
            Rewards = StageRewards.WithFullPaths(options.Rewards, full),
        };

    public override void Prepare(Recipe recipe) => StageRewards.Prepare(OptionsOf(recipe), Name);

    // The base model is one of those that PPO is compared with.
    public override IReadOnlyList<StageInput> Reads(Recipe recipe)
    {
        var options = OptionsOf(recipe);
        var inputs = new List<StageInput>(Prompts(Name));
        if (options.Ptx is not null)
        {
            inputs.Add(new StageInput(nameof(DataOptions.Text), "ppo.ptx"));
        }

        if (options.RewardModel is { } reward)
        {
            inputs.Add(new StageInput("ppo.reward_model", Name, reward, Scores: true));
        }

        inputs.AddRange(StageRewards.Reads(options, Name));
        if (recipe.Base.Model is { } model)
        {
            inputs.Insert(0, new StageInput(BaseModel.Key, Name, model));
        }

        return inputs;
    }

    protected override void Validate(Recipe recipe, PpoOptions options, OptionErrors errors)
    {
        errors.Require(recipe.Data.Prompts is null or { HeldOut.HoldsAny: true } || recipe.Data.EvaluationPrompts is not null,
            $"{nameof(recipe.Data)}.{nameof(DataOptions.Prompts)}.{nameof(DataSource.HeldOut)}",
            "must be above 0, or data.evaluation_prompts be given: ppo is judged on prompts that it does not see");
        var own = errors.Below(Name);
        var trains = recipe.Find<RewardOptions>() is not null;
        own.Require(trains || options.RewardModel is not null || options.Rewards.Count > 0, nameof(options.RewardModel),
            "is missing; ppo needs a reward stage before it, a reward model's folder here, or a list of rewards");
        own.NoEffect(!trains, nameof(options.RewardModel), "beside the recipe's reward stage");
        own.NoEffect(options.Rewards.Count == 0, nameof(options.RewardModel), "beside rewards; write {model: DIR} into that list");
        StageRewards.Validate(recipe, options, own);
        var follows = recipe.Sections.Any(section => section.Stage.Makes == StageProduct.Policy && section.Stage.Name != Name);
        own.NoEffect(recipe.Rounds > 1 || follows, nameof(options.StartFrom), "with one round");
    }

    public override StageSummary Run(StageContext context)
    {
        var options = OptionsOf(context.Recipe);
        var roles = PpoRoles.Of(context, options);
        var start = roles.Start.Open();
        var tokenizer = start.Tokenizer;
        var seed = context.SeedOf(options.Seed);
        using var stored = context.OpenModels(options.Adapter);
        using var policy = stored.Trainable(start, PolicyHeads(options), options.Adapter, seed);
        using var reference = stored.Frozen(roles.Reference.Open(), HeadKind.Language);
        using var reward = roles.Reward is { } judge ? stored.Frozen(StageRewards.OpenReward(judge), HeadKind.Scalar, shifted: true) : null;
        using var value = HasValueNetwork(options)
            ? stored.Trainable(roles.ValueStart.Open(), HeadKind.Scalar, options.Adapter, Philox.Derive(seed, ValueSeed), shifted: true)
            : null;
        using var second = roles.SecondReward is { } place ? stored.Frozen(StageRewards.OpenReward(place), HeadKind.Scalar, shifted: true) : null;
        var models = new PpoModels(policy, reference, reward, value, second);

        var reader = context.Reader(tokenizer, policy.Config.ContextLength);
        var encoder = reader.PromptEncoder(options.Limits, options.MaxNewTokens);
        var (prompts, graded, asked) = ReadPrompts(reader, encoder, options);
        if (prompts.Count == 0)
        {
            throw new InputException($"{context.Step.Name}: no training prompt is left:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        IReadOnlyList<EncodedSequence> pretraining = options.Ptx is { } ptx ? reader.Texts(ptx.ContextTokens).Train : [];
        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints);
        using var arena = new Arena(context.Device); // training and evaluation use it in turn
        using var sources = options.Rewards.Count == 0 ? null : StageRewards.Open(context, stored, options, tokenizer, options.MicroBatchTokens, arena);
        var rewards = sources is null ? null : PpoRewards.OfList(sources, graded, tokenizer, context.Cancellation);
        var judgement = new PpoJudgement(context, options, models, stored, tokenizer, encoder.EndIds, asked, host, arena, sources);
        PpoTrainer? trainer = null;
        PpoResult result;
        using (trainer = new PpoTrainer(
            options, models, prompts, encoder.EndIds, pretraining, seed, host,
            step => judgement.Evaluate(step, trainer!.Scale), arena, rewards))
        {
            result = trainer.Run();
            StageModels.Save(
                context, policy, start, options.Adapter, context.ModelFolder,
                start.Source.WithFormat(context.Data.FormatOf(context.Recipe.Data.Prompts), tokenizer), asReward: false);
        }

        // The trainer's gradients and moments are gone: there is room for the base model.
        return judgement.Summarize(result) with { Inputs = [.. roles.Links(), .. StageRewards.Links(context, options)] };
    }

    /// <summary>The tokens of the prompts to train on, and the held-out prompts to judge on: they are shown, so their texts are needed.</summary>
    private static (StoredRows<int[]> Train, StoredRows<GradedPrompt> Graded, List<(PromptRecord Record, EncodedPrompt Encoded)> Asked) ReadPrompts(
        StageReader reader, SequenceEncoder encoder, PpoOptions options)
    {
        var train = new StoredRows<int[]>(reader.Spill, EncodedCodecs.Tokens);
        var graded = new StoredRows<GradedPrompt>(reader.Spill, GradedPromptCodec.Instance); // what rules read of the same prompts
        var heldOut = new List<PromptRecord>();
        foreach (var (prompt, isHeldOut) in reader.Told(reader.Data.Prompts()))
        {
            if (!isHeldOut && encoder.Encode(prompt) is { } encoded)
            {
                train.Add(encoded.Tokens);
                graded.AddRange(options.Rewards.Count > 0 ? [StageRewards.PromptOf(prompt)] : []);
            }
            else if (isHeldOut && heldOut.Count < options.EvaluationPrompts)
            {
                heldOut.Add(prompt);
            }
        }

        return (train, graded, StageReader.Encode(encoder, heldOut));
    }

    public override StagePlan Plan(StagePlanning planning)
    {
        var (recipe, options, costs) = (planning.Recipe, OptionsOf(planning.Recipe), planning.Costs);
        var (prompts, heldOut) = planning.Prompts(options.Limits, options.MaxNewTokens);
        var answerTokens = planning.AnswerTokens(options.MaxNewTokens);
        var promptTokens = StagePlanning.MeanLength(prompts);
        var length = promptTokens + answerTokens;
        var rollouts = (double)options.Steps * options.RolloutsPerStep;
        var second = SecondModelOptions.IsIn(recipe);
        // Reference, rewards, a second reward model; of rollouts also values, of stale ones the policy.
        var readers = (second ? 2 : 1) + StageRewards.ModelsOf(options);
        var stale = (options.OffPolicySteps - 1.0) / options.OffPolicySteps;
        var judges = readers + (options.HasValues ? 1 : 0) + stale;
        var trained = (HasValueNetwork(options) ? 2 : 1) * options.InnerEpochs;
        var passes = planning.TrainingPasses(options.Adapter);
        var rows = (promptTokens / options.RolloutsPerPrompt) + answerTokens; // of a rollout: a prompt goes through a model once for all of its rollouts
        var tokens = rollouts * rows * (1 + judges + trained);
        IReadOnlyList<EncodedSequence> pretraining = options.Ptx is { } ptx ? planning.Reader.Texts(ptx.ContextTokens).Train : [];
        var pieces = pretraining.Count == 0 ? 0 : pretraining.Average(row => (double)row.Tokens.Length);
        var mixed = pretraining.Count == 0 ? 0 : rollouts * options.InnerEpochs * options.Ptx!.BatchRatio * pieces;
        var forward = rows * (judges + (passes * trained)) * costs.ForwardOperations(length); // the judges, and forward and backward of what is trained
        var heads = answerTokens * (1 + stale + (passes * options.InnerEpochs)) * costs.HeadOperations;
        var evaluations = 2 + (options.EvaluateEvery > 0 ? (options.Steps - 1) / options.EvaluateEvery : 0) + planning.OtherEvaluations;
        var evaluated = StagePlanning.JudgedAnswers(
            Math.Min(heldOut.Count, options.EvaluationPrompts), evaluations, options.EvaluationSamples, options.BestOf);
        var judged = evaluated * ((readers * length * costs.ForwardOperations(length)) + (answerTokens * costs.HeadOperations));
        return new StagePlan(
            (long)rollouts, "rollouts", tokens, (long)options.Steps * options.InnerEpochs * (options.RolloutsPerStep / options.Minibatch),
            prompts.Count == 0 ? 0 : BytesOf(planning, options, second, prompts, heldOut, pretraining),
            (rollouts * (forward + heads)) + (passes * planning.LanguageOperations(mixed, mixed, pieces)) + judged,
            planning.LanguageOperations((rollouts * rows) + (evaluated * length), (rollouts + evaluated) * answerTokens, length));
    }

    internal static long BytesOf(
        StagePlanning planning, PpoOptions options, bool withSecond, IReadOnlyList<EncodedPrompt> prompts, IReadOnlyList<EncodedPrompt> heldOut,
        IReadOnlyList<EncodedSequence> pretraining)
    {
        using var device = planning.Count();
        using var models = new PlannedModels(planning, device, options.Adapter);
        using var policy = models.Trainable(PolicyHeads(options));
        using var reference = models.Frozen(HeadKind.Language);
        Decoder[] rewards = [.. Enumerable.Range(0, StageRewards.ModelsOf(options)).Select(_ => models.Frozen(HeadKind.Scalar))];
        using var value = HasValueNetwork(options) ? models.Trainable(HeadKind.Scalar) : null;
        using var second = withSecond ? models.Frozen(HeadKind.Scalar) : null;
        using var arena = new Arena(device);
        using var scores = PpoRewards.OfModels(rewards, options.MicroBatchTokens, arena);
        var measured = options with { ScoreNormalization = ScoreNormalization.None }; // the memory is the same
        int[][] asked = [.. Enumerable.Range(0, options.RolloutsPerStep).Select(i => prompts[i / options.RolloutsPerPrompt % prompts.Count].Tokens)];
        var untrained = device.HeldBytes; // what is left when SFT answers for the best of n
        using var trainer = new PpoTrainer(
            measured, new PpoModels(policy, reference, null, value, second), asked, [], pretraining, planning.SeedOf(options.Seed), new SilentHost(),
            evaluate: null, arena, scores);
        trainer.Sample(asked, 0, StagePlanning.Limits(asked));
        trainer.Update(
            trainer.Score(
                [.. asked.Select(prompt => new Completion(prompt, new int[options.MaxNewTokens], new float[options.MaxNewTokens], Finished: false))]), 1);
        using var judging = new Generator(policy, arena); // of the held-out prompts
        int[][] judged = [.. heldOut.Take(options.EvaluationPrompts).SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.EvaluationSamples))];
        StagePlanning.Sample(judging, judged, options.MaxNewTokens, options.MicroBatchTokens);
        var best = StagePlanning.BestOfBytes(heldOut.Take(options.EvaluationPrompts), options.MaxNewTokens, options.BestOf);
        var bytes = Math.Max(device.HeldBytes - arena.UntouchedBytes, best > 0 ? untrained + best : 0) + planning.HostLogits;
        Array.ForEach(rewards, static model => model.Dispose());
        return bytes;
    }

    private static bool HasValueNetwork(PpoOptions options) => options is { HasValues: true, SharedTrunk: false };

    private static HeadKind PolicyHeads(PpoOptions options) => options.HasSharedTrunk ? HeadKind.Language | HeadKind.Scalar : HeadKind.Language;
}
