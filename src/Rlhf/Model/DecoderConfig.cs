namespace Rlhf.Model;

/// <summary>
/// Everything that decides the shapes and the mathematics of a decoder. What families differ in stands here as a property, so that
/// nobody asks which family a model is of.
/// </summary>
public sealed partial record DecoderConfig
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

    /// <summary>Gains are stored as their difference from 1: the norms multiply by 1 + w (Gemma).</summary>
    public bool GainsFromOne { get; init; }

    /// <summary>Where the blocks' norms stand.</summary>
    public NormPlacement NormPlacement { get; init; }

    /// <summary>The last block's result is normalised.</summary>
    public bool HasFinalNorm { get; init; } = true;

    /// <summary>The residual goes on from what the norm before the sublayer gives, not from what it takes (an option of BLOOM).</summary>
    public bool ResidualFromNorm { get; init; }

    /// <summary>Attention and feed-forward block read the same input: x + attention(norm(x)) + feedForward(norm(x)) (GPT-NeoX, GPT-J).</summary>
    public bool ParallelResidual { get; init; }

    /// <summary>How positions enter.</summary>
    public required Positions Positions { get; init; }

    /// <summary>Rows of the learned position table before that of position 0 (OPT: 2).</summary>
    public int PositionOffset { get; init; }

    /// <summary>theta: pair j of a head turns by t * theta^(-2j/r) at position t. Unused without rotary positions.</summary>
    public double RotaryBase { get; init; } = 10_000;

    /// <summary>A change of the rotary frequencies, or null.</summary>
    public RotaryScaling? RotaryScaling { get; init; }

    /// <summary>r, the first components of a head that turn; null: all of them.</summary>
    public int? TurnedWidth { get; init; }

    /// <summary>Pairs that turn are neighbours (2j, 2j + 1) (GPT-J), not (j, j + r/2).</summary>
    public bool TurnsNeighbours { get; init; }

    /// <summary>Which blocks turn queries and keys; null: all of them.</summary>
    public EqualList<bool>? TurnedLayers { get; init; }

    /// <summary>theta, without scaling, of the blocks with a window; null: as the others (Gemma 3).</summary>
    public double? WindowRotaryBase { get; init; }

    /// <summary>Positions that a row sees in blocks with a window, its own included; null: no block has one.</summary>
    public int? Window { get; init; }

    /// <summary>Which blocks have the window; null: all of them.</summary>
    public EqualList<bool>? WindowLayers { get; init; }

    /// <summary>The scores of attention are multiplied by this^(-1/2); null: D (Gemma).</summary>
    public double? QueryScaleWidth { get; init; }

    /// <summary>c in c tanh(score / c) of attention; null: none.</summary>
    public double? ScoreCap { get; init; }

    /// <summary>c in c tanh(logit / c); null: none.</summary>
    public double? LogitCap { get; init; }

    /// <summary>E, components of the token embedding and of what the heads read; null: C. Others are projected to C and back (OPT-350m).</summary>
    public int? NarrowEmbedding { get; init; }

    /// <summary>Multiplies the token embedding on its way in.</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>The embedding is normalised (BLOOM).</summary>
    public bool HasEmbeddingNorm { get; init; }

    /// <summary>The language head has a bias (GPT-J).</summary>
    public bool HeadBias { get; init; }

    /// <summary>The file's fused projection has each head's query, key and value together, not all queries first (GPT-NeoX, BLOOM).</summary>
    public bool QkvByHead { get; init; }

    /// <summary>The form of the feed-forward block.</summary>
    public required FeedForward FeedForward { get; init; }

    /// <summary>The query, key and value projections have biases.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>The attention's output projection has a bias.</summary>
    public required bool OutputBias { get; init; }

    /// <summary>The feed-forward projections have biases.</summary>
    public required bool FeedForwardBias { get; init; }

    /// <summary>What normalises queries and keys before they are turned.</summary>
    public QueryKeyNorm QueryKeyNorm { get; init; }

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
}
