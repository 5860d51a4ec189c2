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

    private readonly Recipe recipe;
    private readonly StageData data;
    private readonly Tokenizer tokenizer;
    private readonly DecoderConfig config;
    private readonly ModelCosts costs;
    private readonly StageMemory memory;
    private readonly Ledger ledger = new("plan");

    private RecipePlan(Recipe asked, string folder)
    {
        recipe = RecipeFormat.Settle(asked, DateOnly.FromDateTime(DateTime.Now));
        Format = RecipeFormat.Describe(asked, recipe);
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

        costs = new ModelCosts(config);
        memory = new StageMemory(config, recipe.Precision, recipe.FrozenPrecision);
        Parameters = costs.Parameters;
        Stages = [.. StageStep.Of(recipe).Select(step => PlanOf(step) with { Name = step.Name })];
        ProgramBytes = Environment.WorkingSet;
    }

    /// <summary>The stages in order.</summary>
    public IReadOnlyList<StagePlan> Stages { get; }

    /// <summary>How prompts and answers become text, and who says so.</summary>
    public string Format { get; }

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
        StageKind.Pretrain => Supervised(step, recipe.Pretrain!, Texts(recipe.Pretrain!.ContextTokens)),
        StageKind.Sft => Supervised(step, recipe.Sft!, Demonstrations()),
        StageKind.Collect => Collect(recipe.Collect!),
        StageKind.Reward => Reward(step),
        StageKind.Ppo => Ppo(step, recipe.Ppo!),
        _ => throw new ArgumentOutOfRangeException(nameof(step), step.Kind, "Nobody plans a stage of this kind."),
    };

    private StagePlan Supervised(StageStep step, SupervisedOptions options, (EncodedSequence[] Train, EncodedSequence[] HeldOut) data)
    {
        var (rows, heldOut) = data;
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
        var bytes = memory.Supervised(options, rows, heldOut, step.SeedOf(options.Seed, recipe));
        return new StagePlan("", rows.Length, "rows", tokens, schedule.TotalSteps, bytes, 3 * ((tokens * costs.ForwardOperations(epochTokens / rows.Length)) + (targets * costs.HeadOperations)));
    }

    private StagePlan Collect(CollectOptions options)
    {
        var collected = CollectedPrompts(options);
        var (prompts, promptTokens) = (collected.Length, MeanLength(collected));
        var answers = (long)prompts * options.AnswersPerPrompt;
        var length = promptTokens + options.MaxNewTokens;
        var tokens = prompts * (promptTokens + (options.AnswersPerPrompt * options.MaxNewTokens)); // a prompt goes through the model once
        return new StagePlan("", answers, "answers", tokens, 0, memory.Collect(options, collected),
            (tokens * costs.ForwardOperations(length)) + (answers * (double)options.MaxNewTokens * costs.HeadOperations));
    }

    /// <summary>Prompts to which answers are collected.</summary>
    private EncodedPrompt[] CollectedPrompts(CollectOptions options) => [.. Prompts(options.Limits, options.MaxNewTokens).Take(options.MaxPrompts ?? int.MaxValue)];

    private StagePlan Reward(StageStep step)
    {
        var options = recipe.Reward!;
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Comparisons), Within(options.Limits), ledger);
        var comparisons = data.Comparisons();
        EncodedRanking[] Encoded(IEnumerable<Ranking> rankings) => [.. rankings.Select(encoder.Encode).OfType<EncodedRanking>()];
        var (rankings, heldOut) = (Encoded(comparisons.Train), Encoded(comparisons.HeldOut));
        var (examples, tokens) = ((double)rankings.Length, rankings.Sum(ranking => (double)RewardTrainer.RowsOf(ranking, options)));
        if (recipe.Collect is { } collect)
        {
            var collected = CollectedPrompts(collect);
            var (prompts, promptTokens) = (collected.Length, MeanLength(collected));
            var ranking = ((RewardTrainer.SharesPrompts(options) ? 1 : collect.AnswersPerPrompt) * promptTokens) + (collect.AnswersPerPrompt * collect.MaxNewTokens);
            var trained = step.Round * prompts * (1 - options.CollectedHeldOut);
            (examples, tokens) = (examples + trained, tokens + (trained * ranking));
            var longest = collected.Select(prompt => LongestRanking(prompt, collect)).ToArray();
            rankings = [.. rankings, .. longest];
            heldOut = options.CollectedHeldOut > 0 ? [.. heldOut, .. longest] : heldOut;
        }

        var models = options.SecondModel is { } second ? 2 - second.DropFraction : 1;
        var updates = (long)(Math.Ceiling(examples / options.Batch) * options.Epochs * models);
        tokens *= options.Epochs * models;
        var bytes = memory.Reward(options, rankings, heldOut, step.SeedOf(options.Seed, recipe));
        return new StagePlan("", (long)examples, "rankings", tokens, updates, bytes, 3 * tokens * costs.ForwardOperations(config.ContextLength / 2.0));
    }

    private StagePlan Ppo(StageStep step, PpoOptions options)
    {
        var (prompts, heldOut) = (Prompts(options.Limits, options.MaxNewTokens), Prompts(options.Limits, options.MaxNewTokens, heldOut: true));
        var length = MeanLength(prompts) + options.MaxNewTokens;
        var rollouts = (double)options.Steps * options.RolloutsPerStep;
        var judges = recipe.Reward?.SecondModel is null ? 3 : 4; // reference, reward, value, and a second reward model
        var trained = (options.SharedTrunk ? 1 : 2) * options.InnerEpochs;
        var passes = 1 + judges + (3 * trained); // the rollout, the judges, and forward and backward of what is trained
        var rows = (MeanLength(prompts) / options.RolloutsPerPrompt) + options.MaxNewTokens; // of a rollout: a prompt goes through a model once for all of its rollouts
        var tokens = rollouts * rows * (1 + judges + trained);
        var targets = rollouts * options.MaxNewTokens * (2 + (3 * options.InnerEpochs));
        var pretraining = options.Ptx is { } ptx ? Texts(ptx.ContextTokens).Train : [];
        var bytes = prompts.Length == 0 ? 0 : memory.Ppo(options, recipe.Reward?.SecondModel is not null, prompts, heldOut, pretraining, step.SeedOf(options.Seed, recipe));
        return new StagePlan("", (long)rollouts, "rollouts", tokens, (long)options.Steps * options.InnerEpochs * (options.RolloutsPerStep / options.Minibatch), bytes,
            (rollouts * rows * passes * costs.ForwardOperations(length)) + (targets * costs.HeadOperations));
    }

    private (EncodedSequence[] Train, EncodedSequence[] HeldOut) Texts(int? contextTokens)
    {
        var pieces = new EncodingOptions { MaxTokens = Math.Min(contextTokens ?? config.ContextLength, config.ContextLength) };
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Text), pieces, ledger);
        var (train, heldOut) = data.Texts();
        return ([.. train.SelectMany(encoder.Encode)], [.. heldOut.SelectMany(encoder.Encode)]);
    }

    private (EncodedSequence[] Train, EncodedSequence[] HeldOut) Demonstrations()
    {
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Demonstrations), Within(recipe.Sft!.Limits), ledger);
        var (train, heldOut) = data.Demonstrations();
        var encode = Runs.Stages.StageTools.Encode(recipe.Sft, encoder);
        return ([.. train.SelectMany(encode)], [.. heldOut.SelectMany(encode)]);
    }

    private EncodedPrompt[] Prompts(EncodingOptions limits, int maxNewTokens, bool heldOut = false)
    {
        var encoder = new SequenceEncoder(tokenizer, data.FormatOf(recipe.Data.Prompts), Runs.Stages.StageTools.ForPrompts(limits, config.ContextLength, maxNewTokens), ledger);
        var prompts = data.Prompts();
        return [.. (heldOut ? prompts.HeldOut : prompts.Train).Select(encoder.Encode).OfType<EncodedPrompt>()];
    }

    /// <summary>A ranking of answers that are all as long as they may be.</summary>
    private static EncodedRanking LongestRanking(EncodedPrompt prompt, CollectOptions options)
    {
        int[] tokens = [.. prompt.Tokens, .. new int[options.MaxNewTokens]];
        var answers = Enumerable.Repeat(new EncodedSequence(tokens, prompt.Tokens.Length, null, prompt.PromptText, false), options.AnswersPerPrompt);
        return new EncodedRanking("", prompt.PromptText, [.. answers], [(0, 1)], [], 1, null, null);
    }

    private EncodingOptions Within(EncodingOptions limits) => Runs.Stages.StageTools.Within(limits, config.ContextLength);

    private static double MeanLength(EncodedPrompt[] prompts) => prompts.Length == 0 ? 0 : prompts.Average(prompt => prompt.Tokens.Length);
}
