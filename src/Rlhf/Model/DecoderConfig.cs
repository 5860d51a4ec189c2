namespace Rlhf.Model;

/// <summary>What normalises the residual stream.</summary>
public enum Normalization
{
    /// <summary>(x - mean) / sqrt(variance + epsilon) * gain + bias, biased variance.</summary>
    LayerNorm,

    /// <summary>x / sqrt(mean(x^2) + epsilon) * gain.</summary>
    RmsNorm,
}

/// <summary>How a token's position enters the model.</summary>
public enum Positions
{
    /// <summary>A learned vector per position, added to the token's embedding.</summary>
    Learned,

    /// <summary>Queries and keys are turned by an angle that grows with the position (half-split form).</summary>
    Rotary,
}

/// <summary>The form of the feed-forward block.</summary>
public enum FeedForward
{
    /// <summary>down(gelu(up x)), GELU in its tanh form.</summary>
    Gelu,

    /// <summary>down(silu(gate x) * up x).</summary>
    SwiGlu,
}

/// <summary>A change of the rotary frequencies for longer texts; absent (null) where there is none.</summary>
/// <param name="Kind">One of <see cref="Linear"/> and <see cref="Llama3"/>.</param>
/// <param name="Factor">Frequencies are divided by this (by llama3: only the low ones).</param>
/// <param name="LowFrequencyFactor">llama3: waves longer than OriginalContext / this are divided whole.</param>
/// <param name="HighFrequencyFactor">llama3: waves shorter than OriginalContext / this stay as they are.</param>
/// <param name="OriginalContext">llama3: tokens of context the model was first trained with.</param>
public sealed record RotaryScaling(
    string Kind, double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext)
{
    /// <summary>Every frequency is divided by the factor.</summary>
    public const string Linear = "linear";

    /// <summary>The scaling of Llama 3.1: low frequencies are divided, high ones kept, those between interpolated.</summary>
    public const string Llama3 = "llama3";
}

/// <summary>
/// Everything that decides the shapes and the mathematics of a decoder. What families differ in stands here as a property, so that
/// nobody asks which family a model is of.
/// </summary>
public sealed record DecoderConfig
{
    /// <summary>Whose tensor names and configuration keys the checkpoint uses.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>V, rows of the embedding.</summary>
    public int VocabularySize { get; init; }

    /// <summary>C, components of the residual stream.</summary>
    public int Width { get; init; }

    /// <summary>Number of blocks.</summary>
    public int Layers { get; init; }

    /// <summary>H, query heads.</summary>
    public int Heads { get; init; }

    /// <summary>K, key and value heads; query head h reads head h / (H / K).</summary>
    public int KeyValueHeads { get; init; }

    /// <summary>D, components of a head; H * D need not be the width.</summary>
    public int HeadWidth { get; init; }

    /// <summary>Components between the two (three) feed-forward projections.</summary>
    public int FeedForwardWidth { get; init; }

    /// <summary>Most tokens of a sequence.</summary>
    public int ContextLength { get; init; }

    /// <summary>What normalises the residual stream.</summary>
    public required Normalization Normalization { get; init; }

    /// <summary>Added inside the root of every norm.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>How positions enter.</summary>
    public required Positions Positions { get; init; }

    /// <summary>Rows of the learned position embedding; 0 with rotary positions.</summary>
    public int PositionRows => Positions == Positions.Learned ? ContextLength : 0;

    /// <summary>theta: pair j of a head turns by t * theta^(-2j/D) at position t. Unused with learned positions.</summary>
    public double RotaryBase { get; init; } = 10_000;

    /// <summary>A change of the rotary frequencies, or null.</summary>
    public RotaryScaling? RotaryScaling { get; init; }

    /// <summary>The form of the feed-forward block.</summary>
    public required FeedForward FeedForward { get; init; }

    /// <summary>The query, key and value projections have biases.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>The attention's output projection has a bias.</summary>
    public required bool OutputBias { get; init; }

    /// <summary>The feed-forward projections have biases.</summary>
    public required bool FeedForwardBias { get; init; }

    /// <summary>Each head's query and key are RMS-normalised before they are turned (Qwen3).</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>The language head is the transposed token embedding.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Standard deviation of a fresh model's weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The id that starts a sequence, if the file names one.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>The ids that end a sequence; may be empty.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Residual dropout that the file asks for in training; a stage's own option decides, this is only told.</summary>
    public double ResidualDropoutInFile { get; init; }

    /// <summary>What a reader of the file should know: settings that were narrowed or have no effect here.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Linear weights are stored [in, out] (GPT-2's Conv1D) instead of [out, in].</summary>
    public bool WeightsAreInputMajor { get; init; }

    /// <summary>H * D, rows of the query projection.</summary>
    public int QueryWidth => Heads * HeadWidth;

    /// <summary>K * D, rows of the key projection and of the value projection.</summary>
    public int KeyValueWidth => KeyValueHeads * HeadWidth;

    /// <summary>A model from scratch in the style of a family: what a shape leaves open is what the family's own models have.</summary>
    /// <exception cref="InputException">The shape is impossible; the message names every reason.</exception>
    public static DecoderConfig FromShape(
        ModelFamily family, int vocabularySize, int width, int layers, int heads, int contextLength,
        int? keyValueHeads = null, int? headWidth = null, int? feedForwardWidth = null, bool tiedEmbeddings = true,
        double rotaryBase = 10_000, int? bosTokenId = null, IReadOnlyList<int>? eosTokenIds = null)
    {
        var config = family.Style with
        {
            VocabularySize = vocabularySize,
            Width = width,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads ?? heads,
            HeadWidth = headWidth ?? (heads > 0 ? width / heads : 0),
            FeedForwardWidth = feedForwardWidth ?? (int)Math.Min(family.UsualFeedForwardWidth(width), int.MaxValue),
            ContextLength = contextLength,
            RotaryBase = rotaryBase,
            TiedEmbeddings = tiedEmbeddings,
            BosTokenId = bosTokenId,
            EosTokenIds = eosTokenIds ?? [],
        };
        if (headWidth is null && heads > 0 && width % heads != 0)
        {
            throw new InputException(
                $"The model's shape is impossible: width {width} cannot be divided into {heads} heads. Change one of them, or give the head width.");
        }

        return config.Checked("The model's shape");
    }

    /// <summary>Returns this configuration if its numbers are possible.</summary>
    /// <param name="where">What the numbers come from, for the message.</param>
    /// <exception cref="InputException">Some are not; the message names all of them.</exception>
    public DecoderConfig Checked(string where)
    {
        var problems = Problems().ToList();
        return problems.Count == 0
            ? this
            : throw new InputException($"{where} is impossible: {string.Join("; ", problems)}.");
    }

    private IEnumerable<string> Problems()
    {
        (string Name, int Value, int Most)[] counts =
        [
            ("vocabulary size", VocabularySize, 1 << 24), ("width", Width, 1 << 17), ("layers", Layers, 4096),
            ("heads", Heads, 4096), ("key-value heads", KeyValueHeads, 4096), ("head width", HeadWidth, 4096),
            ("feed-forward width", FeedForwardWidth, 1 << 20), ("context length", ContextLength, 1 << 24),
        ];
        foreach (var (name, value, most) in counts)
        {
            if (value < 1 || value > most)
            {
                yield return $"{name} is {value}, it must be in 1..{most}";
            }
        }

        if (KeyValueHeads > 0 && Heads % KeyValueHeads != 0)
        {
            yield return $"{Heads} heads cannot share {KeyValueHeads} key-value heads evenly";
        }

        if (Positions == Positions.Rotary && HeadWidth % 2 != 0)
        {
            yield return $"head width {HeadWidth} is odd, rotary positions turn pairs";
        }

        foreach (var problem in Family.Problems(this))
        {
            yield return problem;
        }

        if (!double.IsFinite(NormEpsilon) || NormEpsilon <= 0 || NormEpsilon >= 1)
        {
            yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"norm epsilon is {NormEpsilon}, it must be in (0, 1)");
        }

        if (Positions == Positions.Rotary && (!double.IsFinite(RotaryBase) || RotaryBase <= 1))
        {
            yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"rotary base is {RotaryBase}, it must be above 1");
        }

        if (!double.IsFinite(InitializerRange) || InitializerRange <= 0)
        {
            yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"initializer range is {InitializerRange}, it must be positive");
        }

        if (ResidualDropoutInFile is not (>= 0 and < 1))
        {
            yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"residual dropout is {ResidualDropoutInFile}, it must be in [0, 1)");
        }

        foreach (var id in EosTokenIds.Append(BosTokenId ?? 0))
        {
            if (id < 0 || id >= VocabularySize)
            {
                yield return $"token id {id} (beginning or end of sequence) is outside of the vocabulary of {VocabularySize}";
            }
        }
    }
}
