using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>What a stage will do and need.</summary>
/// <param name="Examples">Training rows, prompts or rollouts.</param>
/// <param name="ExampleKind">What the examples are.</param>
/// <param name="Tokens">Tokens through a model, all passes together; sampled answers counted as long as demonstrations are, or at their longest where there are
/// none.</param>
/// <param name="Updates">Optimizer steps.</param>
/// <param name="Bytes">Memory at the peak, where all answers are as long as they may be.</param>
/// <param name="Operations">Floating-point operations of training, scores and evaluations' scores.</param>
/// <param name="SampledOperations">Floating-point operations of sampling.</param>
public sealed record StagePlan(long Examples, string ExampleKind, double Tokens, long Updates, long Bytes, double Operations, double SampledOperations = 0)
{
    /// <summary>The stage's name in its run.</summary>
    public string Name { get; init; } = "";
}

/// <summary>What a stage plans with. Memory is what the trainers themselves allocate in their first steps on a device that only counts.</summary>
internal sealed class StagePlanning(Recipe recipe, StageData data, Tokenizer tokenizer, DecoderConfig config, Ledger ledger, SpillFile spill)
{
    /// <summary>Steps that are tried for their memory: batches differ in size.</summary>
    public const int StepsTried = 64;

    /// <summary>Of a judged answer on the host: what it was asked, its tokens twice, four numbers of each, its text.</summary>
    private const int BytesPerJudgedToken = 32;

    /// <summary>Answers whose prompt is shared draw their first token when its first answer draws its second.</summary>
    private const int TokensDrawn = 2;

    /// <summary>The recipe.</summary>
    public Recipe Recipe => recipe;

    /// <summary>The stage's place in the run.</summary>
    public required StageStep Step { get; set; }

    /// <summary>The shape of all models.</summary>
    public DecoderConfig Config => config;

    /// <summary>Arithmetic of one model.</summary>
    public ModelCosts Costs { get; } = new(config);

    /// <summary>Reads the stage's rows.</summary>
    public StageReader Reader { get; } = new(recipe, data, tokenizer, config.ContextLength, ledger, spill, ProgressReporter.Silent);

    /// <summary>Mean tokens of a demonstrated answer, which the policy imitates; null where nothing is demonstrated.</summary>
    public double? DemonstratedTokens { get; set; }

    /// <summary>How long a sampled answer is assumed to be: as the demonstrations, or as long as it may be.</summary>
    public double AnswerTokens(int maxNewTokens) => Math.Min(maxNewTokens, DemonstratedTokens ?? maxNewTokens);

    /// <summary>The stage's seed.</summary>
    public ulong SeedOf(ulong? own) => Step.SeedOf(own, recipe);

    /// <summary>The recipe's prompts.</summary>
    public (StoredRows<EncodedPrompt> Train, StoredRows<EncodedPrompt> HeldOut) Prompts(EncodingOptions limits, int maxNewTokens)
    {
        var encoder = Reader.PromptEncoder(limits, maxNewTokens);
        return Reader.StoreKept(Reader.Data.Prompts(), encoder.Encode, EncodedCodecs.Prompt);
    }

    /// <summary>Operations of a forward pass with the language head at its targets.</summary>
    public double LanguageOperations(double tokens, double targets, double length) =>
        (tokens * Costs.ForwardOperations(length)) + (targets * Costs.HeadOperations);

    /// <summary>Forward passes that a training step's arithmetic is worth: forward, the gradients of activations, and those of parameters, where an adapter has
    /// them for itself alone.</summary>
    public double TrainingPasses(AdapterOptions? adapter) =>
        adapter is null ? 3 : 2 + (3.0 * adapter.LayoutFor(config).ParameterCount / Costs.Parameters);

    /// <summary>A device that only counts.</summary>
    public CountingDevice Count() => Devices.CreateCounting(recipe.Device, recipe.Precision);

    /// <summary>A token for each live sequence: the sampler reads them on the host.</summary>
    public long HostLogits => sizeof(float) * GenerationSettings.DefaultLiveSequences * (long)config.VocabularySize;

    /// <summary>Begins to answer prompts, which takes the memory of whole answers.</summary>
    public static void Sample(Generator generator, int[][] prompts, int maxNewTokens, int rowBudget) => generator.Generate(prompts, new GenerationSettings
    {
        MaxNewTokens = maxNewTokens,
        Limits = Limits(prompts),
        EndIds = [],
        Seed = 0,
        RowBudget = rowBudget,
    });

    /// <summary>Tokens that are drawn of each answer when its memory is counted.</summary>
    public static int[] Limits(int[][] prompts) => [.. prompts.Select(static _ => TokensDrawn)];

    /// <summary>Answers that held-out prompts get: of each evaluation, and of the SFT model for the best of n.</summary>
    /// <param name="prompts">Held-out prompts.</param>
    /// <param name="evaluations">Evaluations.</param>
    /// <param name="samples">Answers to each prompt in an evaluation.</param>
    /// <param name="bestOf">Answers for the best of n; null for none.</param>
    public static double JudgedAnswers(double prompts, double evaluations, int samples, int? bestOf) => prompts * ((evaluations * samples) + (bestOf ?? 0));

    /// <summary>Evaluations beside those of the policy: of SFT, and of the base model where that is another.</summary>
    public int OtherEvaluations =>
        StageStep.Of(recipe).Any(static step => step.Stage.Makes == StageProduct.SupervisedModel) ? 2 : 1;

    /// <summary>Memory of the answers of which the best of n is taken, as they are held all at once; 0 where it is not asked for.</summary>
    public static long BestOfBytes(IEnumerable<EncodedPrompt> prompts, int maxNewTokens, int? bestOf) =>
        (bestOf ?? 0) * prompts.Sum(prompt => BytesPerJudgedToken * (long)(prompt.Tokens.Length + maxNewTokens));

    /// <summary>Mean tokens of prompts.</summary>
    public static double MeanLength(IReadOnlyList<EncodedPrompt> prompts) => prompts.Count == 0 ? 0 : prompts.Average(static prompt => prompt.Tokens.Length);
}
