using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Runs;

/// <summary>What a stage will do and need.</summary>
/// <param name="Name">The stage.</param>
/// <param name="Examples">Training rows, prompts or rollouts.</param>
/// <param name="ExampleKind">What the examples are.</param>
/// <param name="Tokens">Tokens through a model, all passes together; sampled answers counted as long as demonstrations are, or at their longest where there are none.</param>
/// <param name="Updates">Optimizer steps.</param>
/// <param name="Bytes">Memory at the peak, where all answers are as long as they may be.</param>
/// <param name="Operations">Floating-point operations of training, scores and evaluations' scores.</param>
/// <param name="SampledOperations">Floating-point operations of sampling.</param>
public sealed record StagePlan(string Name, long Examples, string ExampleKind, double Tokens, long Updates, long Bytes, double Operations, double SampledOperations = 0);

/// <summary>Reads and encodes the data of a recipe, and says what each stage will do before anything runs.</summary>
public sealed class RecipePlan
{
    // Shares of the matrix product's rate that wide models reach, and the width at which half of them is lost to everything else: see docs/performance.md, float32.
    private const double WideTraining = 0.9;
    private const double WideSampling = 0.65;
    private const double HalfWidth = 48;

    private readonly Recipe _recipe;
    private readonly StageData _data;
    private readonly Tokenizer _tokenizer;
    private readonly DecoderConfig _config;
    private readonly ModelCosts _costs;
    private readonly StageMemory _memory;
    private readonly Ledger _ledger = new("plan");
    private readonly Lazy<double?> _demonstrated; // mean tokens of an answer

    private RecipePlan(Recipe asked, string folder)
    {
        _recipe = RecipeFormat.Settle(asked, DateOnly.FromDateTime(DateTime.Now));
        Format = RecipeFormat.Describe(asked, _recipe);
        _data = new StageData(_recipe, folder, _ledger);
        if (_recipe.Base.Model is { } model)
        {
            using var file = HuggingFaceFolder.Load(model);
            (_config, _tokenizer) = (file.Config, Tokenizer.Load(model));
        }
        else
        {
            _tokenizer = BaseModel.CreateTokenizer(_recipe, folder);
            _config = _recipe.Base.Shape!.ToConfig(_tokenizer.VocabularySize, _tokenizer.BeginningOfSequence, _tokenizer.EndOfSequenceIds);
        }

        _demonstrated = new Lazy<double?>(() => _recipe.Sft is null ? null : Demonstrations().Train is { Length: > 0 } rows ? rows.Average(row => (double)row.ResponseLength) : null);
        _costs = new ModelCosts(_config);
        _memory = new StageMemory(_config, _recipe.Precision, _recipe.FrozenPrecision);
        Parameters = _costs.Parameters;
        Stages = [.. StageStep.Of(_recipe).Select(step => PlanOf(step) with { Name = step.Name })];
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

    /// <summary>Share of the matrix product's rate that training and scoring are assumed to reach.</summary>
    public double TrainingEfficiency => WideTraining * _config.Width / (_config.Width + HalfWidth);

    /// <summary>The same for sampling, which reads every weight for a few rows.</summary>
    public double SamplingEfficiency => WideSampling * _config.Width / (_config.Width + HalfWidth);

    /// <summary>Seconds that a stage is assumed to take.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="rate">Floating-point operations a second of a large matrix product.</param>
    public double SecondsOf(StagePlan stage, double rate) => (stage.Operations / (rate * TrainingEfficiency)) + (stage.SampledOperations / (rate * SamplingEfficiency));

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
        StageKind.Pretrain => Supervised(step, _recipe.Pretrain!, Texts(_recipe.Pretrain!.ContextTokens)),
        StageKind.Sft => Supervised(step, _recipe.Sft!, Demonstrations()),
        StageKind.Collect => Collect(_recipe.Collect!),
        StageKind.Reward => Reward(step),
        StageKind.Ppo => Ppo(step, _recipe.Ppo!),
        _ => throw new ArgumentOutOfRangeException(nameof(step), step.Kind, "Nobody plans a stage of this kind."),
    };

    private StagePlan Supervised(StageStep step, SupervisedOptions options, (EncodedSequence[] Train, EncodedSequence[] HeldOut) data)
    {
        var (rows, heldOut) = data;
        if (rows.Length == 0)
        {
            throw new InputException("the plan found no training row: " + _ledger.ToText());
        }

        var schedule = new SupervisedSchedule(options, [.. rows.Select(row => row.Tokens.Length)], 0);
        var epochTokens = rows.Sum(row => (double)row.Tokens.Length);
        var perEpoch = (double)schedule.TotalSteps / options.Epochs;
        var share = options.MaxSteps is { } most && perEpoch > 0 ? Math.Min(1, most / (double)new SupervisedSchedule(options with { MaxSteps = null }, [.. rows.Select(row => row.Tokens.Length)], 0).TotalSteps) : 1;
        var tokens = epochTokens * options.Epochs * share;
        var targets = rows.Sum(row => (double)row.TrainedTokens) * options.Epochs * share;
        var bytes = _memory.Supervised(options, rows, heldOut, step.SeedOf(options.Seed, _recipe));
        var evaluations = heldOut.Length == 0 ? 0 : 2 + (options.EvaluateEvery > 0 ? schedule.TotalSteps / options.EvaluateEvery : options.Epochs * share); // before, during, after
        var operations = (3 * LanguageOperations(tokens, targets, epochTokens / rows.Length))
            + (evaluations * LanguageOperations(heldOut.Sum(row => (double)row.Tokens.Length), heldOut.Sum(row => (double)row.TrainedTokens), epochTokens / rows.Length));
        return new StagePlan("", rows.Length, "rows", tokens, schedule.TotalSteps, bytes, operations);
    }

    /// <summary>Operations of a forward pass with the language head at its targets.</summary>
    private double LanguageOperations(double tokens, double targets, double length) => (tokens * _costs.ForwardOperations(length)) + (targets * _costs.HeadOperations);

    private StagePlan Collect(CollectOptions options)
    {
        var collected = CollectedPrompts(options);
        var (prompts, promptTokens) = (collected.Length, MeanLength(collected));
        var answers = (long)prompts * options.AnswersPerPrompt;
        var answerTokens = AnswerTokens(options.MaxNewTokens);
        var tokens = prompts * (promptTokens + (options.AnswersPerPrompt * answerTokens)); // a prompt goes through the model once
        var judged = options.LabelerIsFolder ? answers * (promptTokens + answerTokens) * _costs.ForwardOperations(promptTokens + answerTokens) : 0;
        return new StagePlan("", answers, "answers", tokens, 0, _memory.Collect(options, collected), judged, LanguageOperations(tokens, answers * answerTokens, promptTokens + answerTokens));
    }

    /// <summary>Prompts to which answers are collected.</summary>
    private EncodedPrompt[] CollectedPrompts(CollectOptions options) => [.. Prompts(options.Limits, options.MaxNewTokens).Take(options.MaxPrompts ?? int.MaxValue)];

    private StagePlan Reward(StageStep step)
    {
        var options = _recipe.Reward!;
        var encoder = new SequenceEncoder(_tokenizer, _data.FormatOf(_recipe.Data.Comparisons), Within(options.Limits), _ledger);
        var comparisons = _data.Comparisons();
        EncodedRanking[] Encoded(IEnumerable<Ranking> rankings) => [.. rankings.Select(encoder.Encode).OfType<EncodedRanking>()];
        var (rankings, heldOut) = (Encoded(comparisons.Train), Encoded(comparisons.HeldOut));
        var (examples, tokens) = ((double)rankings.Length, rankings.Sum(ranking => (double)RewardTrainer.RowsOf(ranking, options)));
        var validated = heldOut.Sum(ranking => (double)RewardTrainer.RowsOf(ranking, options));
        var (answers, answersTokens) = (rankings.Sum(ranking => (double)ranking.Answers.Length), rankings.Sum(ranking => ranking.Answers.Sum(answer => (double)answer.Tokens.Length)));
        if (_recipe.Collect is { } collect)
        {
            var collected = CollectedPrompts(collect);
            var (prompts, promptTokens) = (collected.Length, MeanLength(collected));
            var answerTokens = AnswerTokens(collect.MaxNewTokens);
            var ranking = ((RewardTrainer.SharesPrompts(options) ? 1 : collect.AnswersPerPrompt) * promptTokens) + (collect.AnswersPerPrompt * answerTokens);
            var trained = step.Round * prompts * (1 - options.CollectedHeldOut);
            (examples, tokens) = (examples + trained, tokens + (trained * ranking));
            validated += step.Round * prompts * options.CollectedHeldOut * ranking;
            (answers, answersTokens) = (answers + (trained * collect.AnswersPerPrompt), answersTokens + (trained * collect.AnswersPerPrompt * (promptTokens + answerTokens)));
            var longest = collected.Select(prompt => LongestRanking(prompt, collect)).ToArray();
            rankings = [.. rankings, .. longest];
            heldOut = options.CollectedHeldOut > 0 ? [.. heldOut, .. longest] : heldOut;
        }

        var models = options.SecondModel is { } second ? 2 - second.DropFraction : 1;
        var updates = (long)(Math.Ceiling(examples / options.Batch) * options.Epochs * models);
        tokens *= options.Epochs * models;
        var bytes = _memory.Reward(options, rankings, heldOut, step.SeedOf(options.Seed, _recipe));
        var evaluations = (1 + (options.EvaluateEvery > 0 ? updates / options.EvaluateEvery : options.Epochs)) * models; // during and after
        return new StagePlan("", (long)examples, "rankings", tokens, updates, bytes, ((3 * tokens) + (evaluations * validated)) * _costs.ForwardOperations(answersTokens / Math.Max(1, answers)));
    }

    private StagePlan Ppo(StageStep step, PpoOptions options)
    {
        var (prompts, heldOut) = (Prompts(options.Limits, options.MaxNewTokens), Prompts(options.Limits, options.MaxNewTokens, heldOut: true));
        var answerTokens = AnswerTokens(options.MaxNewTokens);
        var length = MeanLength(prompts) + answerTokens;
        var rollouts = (double)options.Steps * options.RolloutsPerStep;
        var judges = _recipe.Reward?.SecondModel is null ? 3 : 4; // reference, reward, value, and a second reward model
        var trained = (options.SharedTrunk ? 1 : 2) * options.InnerEpochs;
        var rows = (MeanLength(prompts) / options.RolloutsPerPrompt) + answerTokens; // of a rollout: a prompt goes through a model once for all of its rollouts
        var tokens = rollouts * rows * (1 + judges + trained);
        var pretraining = options.Ptx is { } ptx ? Texts(ptx.ContextTokens).Train : [];
        var mixed = pretraining.Length == 0 ? 0 : rollouts * options.InnerEpochs * options.Ptx!.BatchRatio * pretraining.Average(row => (double)row.Tokens.Length);
        var operations = (rollouts * ((rows * (judges + (3 * trained)) * _costs.ForwardOperations(length)) + (answerTokens * (1 + (3 * options.InnerEpochs)) * _costs.HeadOperations))) // the judges, and forward and backward of what is trained
            + (3 * LanguageOperations(mixed, mixed, mixed == 0 ? 0 : pretraining.Average(row => (double)row.Tokens.Length)));
        var evaluations = 3 + (options.EvaluateEvery > 0 ? (options.Steps - 1) / options.EvaluateEvery : 0) + (_recipe.Sft is null && _recipe.Pretrain is null ? 0 : 1); // the start, the end, SFT and another base
        var evaluated = (double)evaluations * Math.Min(heldOut.Length, options.EvaluationPrompts) * options.EvaluationSamples;
        operations += evaluated * (((judges - 1) * length * _costs.ForwardOperations(length)) + (answerTokens * _costs.HeadOperations));
        var bytes = prompts.Length == 0 ? 0 : _memory.Ppo(options, _recipe.Reward?.SecondModel is not null, prompts, heldOut, pretraining, step.SeedOf(options.Seed, _recipe));
        return new StagePlan("", (long)rollouts, "rollouts", tokens, (long)options.Steps * options.InnerEpochs * (options.RolloutsPerStep / options.Minibatch), bytes,
            operations, LanguageOperations((rollouts * rows) + (evaluated * length), (rollouts + evaluated) * answerTokens, length));
    }

    /// <summary>How long a sampled answer is assumed to be: as the demonstrations that the policy imitates, or as long as it may be.</summary>
    private double AnswerTokens(int maxNewTokens) => Math.Min(maxNewTokens, _demonstrated.Value ?? maxNewTokens);

    private (EncodedSequence[] Train, EncodedSequence[] HeldOut) Texts(int? contextTokens)
    {
        var pieces = new EncodingOptions { MaxTokens = Math.Min(contextTokens ?? _config.ContextLength, _config.ContextLength) };
        var encoder = new SequenceEncoder(_tokenizer, _data.FormatOf(_recipe.Data.Text), pieces, _ledger);
        var (train, heldOut) = _data.Texts();
        return ([.. train.SelectMany(encoder.Encode)], [.. heldOut.SelectMany(encoder.Encode)]);
    }

    private (EncodedSequence[] Train, EncodedSequence[] HeldOut) Demonstrations()
    {
        var encoder = new SequenceEncoder(_tokenizer, _data.FormatOf(_recipe.Data.Demonstrations), Within(_recipe.Sft!.Limits), _ledger);
        var (train, heldOut) = _data.Demonstrations();
        var encode = StageTools.Encode(_recipe.Sft, encoder);
        return ([.. train.SelectMany(encode)], [.. heldOut.SelectMany(encode)]);
    }

    private EncodedPrompt[] Prompts(EncodingOptions limits, int maxNewTokens, bool heldOut = false)
    {
        var encoder = new SequenceEncoder(_tokenizer, _data.FormatOf(_recipe.Data.Prompts), StageTools.ForPrompts(limits, _config.ContextLength, maxNewTokens), _ledger);
        var prompts = _data.Prompts();
        return [.. (heldOut ? prompts.HeldOut : prompts.Train).Select(encoder.Encode).OfType<EncodedPrompt>()];
    }

    /// <summary>A ranking of answers that are all as long as they may be.</summary>
    private static EncodedRanking LongestRanking(EncodedPrompt prompt, CollectOptions options)
    {
        int[] tokens = [.. prompt.Tokens, .. new int[options.MaxNewTokens]];
        var answers = Enumerable.Repeat(new EncodedSequence(tokens, prompt.Tokens.Length, null, prompt.PromptText, false), options.AnswersPerPrompt);
        return new EncodedRanking("", prompt.PromptText, [.. answers], [(0, 1)], [], 1, null, null);
    }

    private EncodingOptions Within(EncodingOptions limits) => StageTools.Within(limits, _config.ContextLength);

    private static double MeanLength(EncodedPrompt[] prompts) => prompts.Length == 0 ? 0 : prompts.Average(prompt => prompt.Tokens.Length);
}
