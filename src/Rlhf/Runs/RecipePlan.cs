using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Tokenization;
using Rlhf.Training.Ppo;
using Rlhf.Training.RewardModeling;
using Rlhf.Training.SupervisedFineTuning;

namespace Rlhf.Runs;

/// <summary>What a stage will do and need.</summary>
/// <param name="Name">The stage.</param>
/// <param name="Examples">Training rows, prompts or rollouts.</param>
/// <param name="ExampleKind">What the examples are.</param>
/// <param name="Tokens">Tokens through a model, all passes together; sampled answers counted at their longest.</param>
/// <param name="Updates">Optimizer steps.</param>
/// <param name="Bytes">Memory at the peak.</param>
/// <param name="Operations">Floating-point operations.</param>
public sealed record StagePlan(string Name, long Examples, string ExampleKind, double Tokens, long Updates, long Bytes, double Operations);

/// <summary>Reads and encodes the data of a recipe, and says what each stage will do before anything runs.</summary>
public sealed class RecipePlan
{
    /// <summary>Share of the measured matrix-product rate that whole stages are assumed to reach.</summary>
    public const double AssumedEfficiency = 0.4;

    private const int LiveSequences = 128;

    private readonly Recipe recipe;
    private readonly StageData data;
    private readonly Tokenizer tokenizer;
    private readonly DecoderConfig config;
    private readonly ModelCosts costs;
    private readonly Ledger ledger = new("plan");

    private RecipePlan(Recipe recipe, string folder)
    {
        this.recipe = recipe;
        data = new StageData(recipe, folder, ledger);
        if (recipe.Base.Model is { } model)
        {
            using var file = HuggingFaceFolder.Load(model);
            (config, tokenizer) = (file.Config, Tokenizer.Load(model));
        }
        else
        {
            tokenizer = BaseModel.CreateTokenizer(recipe, folder);
            config = recipe.Base.Shape!.ToConfig(tokenizer.VocabularySize, tokenizer.BeginningOfSequence, tokenizer.EndOfSequenceIds);
        }

        costs = new ModelCosts(config, recipe.Precision, recipe.FrozenPrecision);
        Parameters = costs.Parameters;
        Stages = [.. StageStep.Of(recipe).Select(step => PlanOf(step) with { Name = step.Name })];
        ProgramBytes = Environment.WorkingSet;
    }

    /// <summary>The stages in order.</summary>
    public IReadOnlyList<StagePlan> Stages { get; }

    /// <summary>Numbers in the model.</summary>
    public long Parameters { get; }

    /// <summary>Memory of the program with tokenizer and data, which every stage has beside its own: that of the process now.</summary>
    public long ProgramBytes { get; }

    /// <summary>Plans a recipe.</summary>
    /// <exception cref="InputException">The data or the base model cannot be used; it is better known now.</exception>
    public static RecipePlan Of(Recipe recipe)
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-plan-");
        try
        {
            return new RecipePlan(recipe, folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private StagePlan PlanOf(StageStep step) => step.Kind switch
    {
        StageKind.Pretrain => Supervised(recipe.Pretrain!, Texts(recipe.Pretrain!.ContextTokens)),
        StageKind.Sft => Supervised(recipe.Sft!, Demonstrations()),
        StageKind.Collect => Collect(recipe.Collect!),
        StageKind.Reward => Reward(step.Round),
        _ => Ppo(recipe.Ppo!),
    };

    private StagePlan Supervised(SupervisedOptions options, EncodedSequence[] rows)
    {
        if (rows.Length == 0)
        {
            throw new InputException("the plan found no training row: " + ledger.ToText());
        }

        var schedule = new SupervisedSchedule(options, [.. rows.Select(row => row.Tokens.Length)], 0);
        var epochTokens = rows.Sum(row => (double)row.Tokens.Length);
        var perEpoch = (double)schedule.TotalSteps / options.Epochs;
        var share = options.MaxSteps is { } most && perEpoch > 0 ? Math.Min(1, most / (double)new SupervisedSchedule(options with { MaxSteps = null }, [.. rows.Select(row => row.Tokens.Length)], 0).TotalSteps) : 1;
        var tokens = epochTokens * options.Epochs * share;
        var targets = rows.Sum(row => (double)row.TrainedTokens) * options.Epochs * share;
        var batch = MicroBatch(options.MicroBatchTokens, rows.Max(row => row.Tokens.Length), options.Batch * epochTokens / rows.Length);
        var bytes = costs.WeightBytes(HeadKind.Language, trainable: true) + costs.OptimizerBytes + (options.KeepBest == KeepBest.None ? 0 : costs.CopyBytes)
            + costs.TrainingBytes(batch, (long)(batch * targets / Math.Max(1, tokens)), options.RecomputeActivations);
        return new StagePlan("", rows.Length, "rows", tokens, schedule.TotalSteps, bytes, 3 * ((tokens * costs.ForwardOperations(epochTokens / rows.Length)) + (targets * costs.HeadOperations)));
    }

    private StagePlan Collect(CollectOptions options)
    {
        var collected = CollectedPrompts(options);
        var (prompts, promptTokens) = (collected.Length, MeanLength(collected));
        var answers = (long)prompts * options.AnswersPerPrompt;
        var length = promptTokens + options.MaxNewTokens;
        var tokens = prompts * (promptTokens + (options.AnswersPerPrompt * options.MaxNewTokens)); // a prompt goes through the model once
        var loading = costs.CopyBytes; // the flat weights beside what is packed from them
        return new StagePlan("", answers, "answers", tokens, 0, costs.WeightBytes(HeadKind.Language, trainable: false) + Math.Max(loading, CacheBytes(answers, collected, options.MaxNewTokens)),
            (tokens * costs.ForwardOperations(length)) + (answers * (double)options.MaxNewTokens * costs.HeadOperations));
    }

    /// <summary>Prompts to which answers are collected.</summary>
    private EncodedPrompt[] CollectedPrompts(CollectOptions options) => [.. Prompts(options.Limits, options.MaxNewTokens).Take(options.MaxPrompts ?? int.MaxValue)];

    private StagePlan Reward(int round)
    {
        var options = recipe.Reward!;
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Comparisons), Within(options.Limits), ledger);
        var rankings = data.Comparisons().Train.Select(encoder.Encode).OfType<EncodedRanking>().ToArray();
        int[] rows = [.. rankings.Select(ranking => RewardTrainer.RowsOf(ranking, options))];
        var (examples, tokens) = ((double)rankings.Length, rows.Sum(static count => (double)count));
        var longest = rows.Append(0).Max();
        if (recipe.Collect is { } collect)
        {
            var collected = CollectedPrompts(collect);
            var (prompts, promptTokens) = (collected.Length, MeanLength(collected));
            var ranking = ((RewardTrainer.SharesPrompts(options) ? 1 : collect.AnswersPerPrompt) * promptTokens) + (collect.AnswersPerPrompt * collect.MaxNewTokens);
            var trained = round * prompts * (1 - options.CollectedHeldOut);
            (examples, tokens) = (examples + trained, tokens + (trained * ranking));
            longest = Math.Max(longest, prompts == 0 ? 0 : (int)ranking);
        }

        var models = options.SecondModel is { } second ? 2 - second.DropFraction : 1;
        var updates = (long)(Math.Ceiling(examples / options.Batch) * options.Epochs * models);
        var batch = MicroBatch(options.MicroBatchTokens, longest, options.Batch * tokens / Math.Max(1, examples));
        tokens *= options.Epochs * models;
        var bytes = costs.WeightBytes(HeadKind.Scalar, trainable: true) + costs.OptimizerBytes + costs.TrainingBytes(batch, targets: 0, options.RecomputeActivations)
            + costs.ScoringBytes(options.MicroBatchTokens); // of the held-out rankings
        return new StagePlan("", (long)examples, "rankings", tokens, updates, bytes, 3 * tokens * costs.ForwardOperations(config.ContextLength / 2.0));
    }

    private StagePlan Ppo(PpoOptions options)
    {
        var prompts = Prompts(options.Limits, options.MaxNewTokens);
        var length = MeanLength(prompts) + options.MaxNewTokens;
        var rollouts = (double)options.Steps * options.RolloutsPerStep;
        var judges = recipe.Reward?.SecondModel is null ? 3 : 4; // reference, reward, value, and a second reward model
        var trained = (options.SharedTrunk ? 1 : 2) * options.InnerEpochs;
        var passes = 1 + judges + (3 * trained); // the rollout, the judges, and forward and backward of what is trained
        var rows = (MeanLength(prompts) / options.RolloutsPerPrompt) + options.MaxNewTokens; // of a rollout: a prompt goes through a model once for all of its rollouts
        var tokens = rollouts * rows * (1 + judges + trained);
        var targets = rollouts * options.MaxNewTokens * (2 + (3 * options.InnerEpochs));
        var policy = costs.WeightBytes(HeadKind.Language, trainable: true) + costs.OptimizerBytes;
        var value = options.SharedTrunk ? 0 : costs.WeightBytes(HeadKind.Scalar, trainable: true) + costs.OptimizerBytes;
        var frozen = costs.WeightBytes(HeadKind.Language, trainable: false) + ((judges - 2) * costs.WeightBytes(HeadKind.Scalar, trainable: false));
        var longest = prompts.Length == 0 ? 0 : prompts.Max(prompt => prompt.Tokens.Length) + options.MaxNewTokens;
        var batch = MicroBatch(options.MicroBatchTokens, longest, options.Minibatch * length);
        var scored = MicroBatch(options.MicroBatchTokens, longest, options.RolloutsPerStep * length);
        var activations = Math.Max(costs.TrainingBytes(batch, (long)(batch * options.MaxNewTokens / Math.Max(1, length)), options.RecomputeActivations), costs.ScoringBytes(scored));
        var bytes = policy + value + frozen + (options.Ema is null ? 0 : costs.CopyBytes) + activations + CacheBytes(options.RolloutsPerStep, prompts, options.MaxNewTokens)
            + costs.ScoringBytes(options.MicroBatchTokens); // of the held-out prompts' answers
        return new StagePlan("", (long)rollouts, "rollouts", tokens, (long)options.Steps * options.InnerEpochs * (options.RolloutsPerStep / options.Minibatch), bytes,
            (rollouts * rows * passes * costs.ForwardOperations(length)) + (targets * costs.HeadOperations));
    }

    private EncodedSequence[] Texts(int? contextTokens)
    {
        var pieces = new EncodingOptions { MaxTokens = Math.Min(contextTokens ?? config.ContextLength, config.ContextLength) };
        return [.. data.Texts().Train.SelectMany(new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Text), pieces, ledger).Encode)];
    }

    private EncodedSequence[] Demonstrations()
    {
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Demonstrations), Within(recipe.Sft!.Limits), ledger);
        return [.. data.Demonstrations().Train.Select(encoder.Encode).OfType<EncodedSequence>()];
    }

    private EncodedPrompt[] Prompts(EncodingOptions limits, int maxNewTokens)
    {
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Prompts), Runs.Stages.StageTools.ForPrompts(limits, config.ContextLength, maxNewTokens), ledger);
        return [.. data.Prompts().Train.Select(encoder.Encode).OfType<EncodedPrompt>()];
    }

    private EncodingOptions Within(EncodingOptions limits) => Runs.Stages.StageTools.Within(limits, config.ContextLength);

    private static double MeanLength(EncodedPrompt[] prompts) => prompts.Length == 0 ? 0 : prompts.Average(prompt => prompt.Tokens.Length);

    /// <summary>Tokens of the largest micro-batch: the budget, unless one sequence is longer or the whole batch is smaller.</summary>
    private static long MicroBatch(int budget, int longest, double batch) => Math.Max(Math.Min(budget, (long)batch), longest);

    /// <summary>The cache has room for the longest prompt with its answer in each slot.</summary>
    private long CacheBytes(long answers, EncodedPrompt[] prompts, int maxNewTokens) =>
        costs.CacheBytes(Math.Min(answers, LiveSequences), prompts.Length == 0 ? 0 : prompts.Max(prompt => prompt.Tokens.Length) + maxNewTokens);
}
