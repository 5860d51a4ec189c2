using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Families;

namespace Rlhf.Stages;

/// <summary>One file is one whole run: a base model, data, and stages. They are done in the order pretrain, sft, collect, reward, dpo,
/// rejection, distill, ppo, and must stand in it.</summary>
public sealed record Recipe
{
    /// <summary>What the run is called.</summary>
    public string Name { get; init; } = "";

    /// <summary>Seed of everything random; every stage derives its own from it.</summary>
    public ulong Seed { get; init; }

    /// <summary>What computes: a name of <c>rlhf doctor</c>'s list. None takes the environment variable <c>RLHF_DEVICE</c>, or <c>cpu</c>.</summary>
    public string? Device { get; init; }

    /// <summary>What the operands of matrix products are rounded to: <c>f32</c> (results repeat on any machine, sampler and trainer agree to the last bit) or
    /// <c>bf16</c> (about twice as fast; needs oneDNN and AVX-512). Parameters, sums and the optimizer are float32 in either.</summary>
    public Precision Precision { get; init; }

    /// <summary>What models that a stage reads and does not train (PPO's reference and reward models, the one that is sampled in collect, judges) keep their
    /// matrices in: <c>f32</c>, <c>bf16</c> (half of the memory), <c>int8</c> (8.5 bits a weight) or <c>q4</c> (5 bits a weight); rounded once, then
    /// multiplied in float32. Blocks of a GGUF file that are as small are kept as they are. With <c>precision: bf16</c> what is not in blocks is kept in
    /// bfloat16.</summary>
    public WeightStorage FrozenPrecision { get; init; }

    /// <summary>The model that the first stage starts from.</summary>
    public BaseOptions Base { get; init; } = new();

    /// <summary>How prompts and answers become text.</summary>
    public FormatOptions Format { get; init; } = new();

    /// <summary>The data of all stages.</summary>
    public DataOptions Data { get; init; } = new();

    /// <summary>How stages write their models.</summary>
    public SaveForm Save { get; init; } = new();

    /// <summary>How often the stages behind sft are done, one after another: collect, reward and ppo, or collect and dpo, or
    /// rejection.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>The stages with their options, in the order in which they are done; set by the reader.</summary>
    internal IReadOnlyList<StageSection> Sections { get; set; } = [];

    /// <summary>Which keys were written, and where; set by the reader.</summary>
    internal WrittenKeys Written { get; set; } = WrittenKeys.None;

    /// <summary>The same with every path and name of a model changed, and every one of a data file.</summary>
    internal Recipe WithPaths(Func<string, string> model, Func<string, string> data)
    {
        string? Changed(string? path) => path is null ? null : model(path);
        return this with
        {
            Base = Base with { Model = Changed(Base.Model), Tokenizer = Changed(Base.Tokenizer) },
            Data = Data.Each(source => source with { Path = [.. source.Path.Select(data)] }),
            Sections = [.. Sections.Select(section => section with { Options = section.Stage.WithFullPaths(section.Options, model) })],
        };
    }

    /// <summary>The options of the stage that has options of this type; null where the recipe has no such stage.</summary>
    public T? Find<T>() where T : class => Sections.Select(static section => section.Options).OfType<T>().FirstOrDefault();
}

/// <summary>A stage with its options.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Options">Its options record.</param>
internal sealed record StageSection(IStage Stage, object Options);

/// <summary>The model that the first stage starts from: a folder, or a shape with fresh weights and a tokenizer.</summary>
public sealed record BaseOptions
{
    /// <summary>A Hugging Face model folder with its tokenizer, or a GGUF file; or a name on the hub: <c>org/name</c>, <c>org/name@revision</c>,
    /// <c>org/name/file.gguf</c>.</summary>
    public string? Model { get; init; }

    /// <summary>A model from scratch, with GPT-2's initialisation.</summary>
    public ShapeOptions? Shape { get; init; }

    /// <summary>The folder of the tokenizer for a model from scratch, or a name on the hub.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Trains the tokenizer for a model from scratch on the recipe's training texts.</summary>
    public TrainTokenizerOptions? TrainTokenizer { get; init; }

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Require(Model is not null || Shape is not null, "", "needs model (a folder) or shape (a model from scratch)");
        errors.Require(Model is null || Shape is null, nameof(Shape), "has no effect beside model; give one of the two");
        errors.NoEffect(Model is null, nameof(Tokenizer), "beside model, whose folder has the tokenizer");
        errors.NoEffect(Model is null, nameof(TrainTokenizer), "beside model, whose folder has the tokenizer");
        if (Shape is not null)
        {
            errors.Require(
                Tokenizer is not null || TrainTokenizer is not null, nameof(Shape), "needs base.tokenizer (a folder) or base.train_tokenizer beside it");
            errors.Require(Tokenizer is null || TrainTokenizer is null, nameof(TrainTokenizer), "has no effect beside tokenizer; give one of the two");
            Shape.Validate(errors.Below(nameof(Shape)));
        }

        TrainTokenizer?.Validate(errors.Below(nameof(TrainTokenizer)));
    }
}

/// <summary>The shape of a model from scratch; the vocabulary comes from the tokenizer.</summary>
public sealed record ShapeOptions
{
    /// <summary>The architecture.</summary>
    public ModelFamily Family { get; init; } = ModelFamilies.Default;

    /// <summary>Number of blocks.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Components of the residual stream.</summary>
    public int Width { get; init; } = 128;

    /// <summary>Query heads.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Key and value heads; <c>none</c>: as many as heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Components of the feed-forward block; <c>none</c>: what the family's own models have.</summary>
    public int? FeedForwardWidth { get; init; }

    /// <summary>Most tokens of a sequence.</summary>
    public int ContextLength { get; init; } = 256;

    /// <summary>The language head is the transposed token embedding.</summary>
    public bool TiedEmbeddings { get; init; } = true;

    /// <summary>The decoder of this shape for a tokenizer.</summary>
    public DecoderConfig ToConfig(int vocabularySize, int? bosTokenId, IReadOnlyList<int> eosTokenIds) => DecoderConfig.FromShape(
        Family, vocabularySize, Width, Layers, Heads, ContextLength, KeyValueHeads, headWidth: null, FeedForwardWidth, TiedEmbeddings,
        bosTokenId: bosTokenId, eosTokenIds: eosTokenIds);

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        try
        {
            ToConfig(vocabularySize: 256, bosTokenId: null, eosTokenIds: []);
        }
        catch (InputException exception)
        {
            errors.Add("", exception.Message);
        }
    }
}

/// <summary>A byte-level BPE tokenizer of the recipe's own.</summary>
public sealed record TrainTokenizerOptions
{
    /// <summary>Ids in all: the special tokens, the 256 bytes and the merges.</summary>
    public int VocabularySize { get; init; } = 512;

    /// <summary>Pairs seen less often than this are not merged.</summary>
    public int MinimumFrequency { get; init; } = 2;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Within(VocabularySize, 258, 1 << 20);
        errors.Positive(MinimumFrequency);
    }
}

/// <summary>The data of a recipe, by kind; each stage says what it needs.</summary>
public sealed record DataOptions
{
    /// <summary>Prompts with the answer to imitate.</summary>
    public DataSource? Demonstrations { get; init; }

    /// <summary>Prompts with answers that people ranked.</summary>
    public DataSource? Comparisons { get; init; }

    /// <summary>Prompts with one answer each that somebody marked as good or bad, for <c>dpo.loss: kto</c>.</summary>
    public DataSource? Labeled { get; init; }

    /// <summary>Prompts to answer, in collect and ppo; dpo is judged on the held-out ones.</summary>
    public DataSource? Prompts { get; init; }

    /// <summary>Held-out prompts from files of their own, where they are not a share of <see cref="Prompts"/>.</summary>
    public DataSource? EvaluationPrompts { get; init; }

    /// <summary>Plain text.</summary>
    public DataSource? Text { get; init; }

    /// <summary>The built-in world: a grammar that writes demonstrations, prompts and text; sources without a path read them.</summary>
    public QuickstartOptions? Quickstart { get; init; }

    /// <summary>The same with every source that is given replaced.</summary>
    internal DataOptions Each(Func<DataSource, DataSource> change)
    {
        DataSource? Changed(DataSource? source) => source is null ? null : change(source);
        return this with
        {
            Demonstrations = Changed(Demonstrations),
            Comparisons = Changed(Comparisons),
            Labeled = Changed(Labeled),
            Prompts = Changed(Prompts),
            EvaluationPrompts = Changed(EvaluationPrompts),
            Text = Changed(Text),
        };
    }

    /// <summary>The sources that are given, by key.</summary>
    internal IEnumerable<(string Key, DataSource Source)> Given() =>
        All().Where(static entry => entry.Source is not null).Select(static entry => (entry.Key, entry.Source!));

    /// <summary>All sources, those that are not given too.</summary>
    internal IEnumerable<(string Key, DataSource? Source)> All() =>
    [
        (nameof(Demonstrations), Demonstrations), (nameof(Comparisons), Comparisons), (nameof(Labeled), Labeled), (nameof(Prompts), Prompts),
        (nameof(EvaluationPrompts), EvaluationPrompts), (nameof(Text), Text),
    ];
}

/// <summary>How much the built-in world writes; see <c>docs</c> for its grammar and gold rule.</summary>
public sealed record QuickstartOptions
{
    /// <summary>Training prompts with an answer of mixed quality.</summary>
    public int Demonstrations { get; init; } = 4000;

    /// <summary>Training prompts without an answer, none of them demonstrated.</summary>
    public int Prompts { get; init; } = 2000;

    /// <summary>Prompts that no training set holds.</summary>
    public int EvaluationPrompts { get; init; } = 300;

    /// <summary>Pieces of plain text.</summary>
    public int Texts { get; init; } = 2000;

    /// <summary>Questions with their answers in a piece of plain text. With one a small model learns the answers soonest: each is a sequence of its own, with
    /// nothing else before it.</summary>
    public int FactsPerText { get; init; } = 4;

    /// <summary>Seed of the grammar.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Positive(Demonstrations);
        errors.Positive(Prompts);
        errors.Positive(EvaluationPrompts);
        errors.Positive(Texts);
        errors.Within(FactsPerText, 1, 100);
    }
}
