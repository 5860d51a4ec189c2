namespace Rlhf.Cli.Bench;

/// <summary>What is varied.</summary>
internal enum GrowthAxis
{
    /// <summary>Tokens of a sequence.</summary>
    Length,

    /// <summary>Sequences of a step.</summary>
    Batch,

    /// <summary>V.</summary>
    Vocabulary,

    /// <summary>C.</summary>
    Width,
}

/// <summary>A shape on the way from small to large: GPT-2 with four blocks, all tokens of a step in one micro-batch.</summary>
/// <param name="Length">Tokens of each sequence.</param>
/// <param name="Batch">Sequences.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="Width">C, heads of 64.</param>
internal sealed record GrowthShape(int Length, int Batch, int Vocabulary, int Width)
{
    /// <summary>What the others hold while one is varied.</summary>
    public static GrowthShape Base { get; } = new(256, 4, 4096, 256);

    private const int HeadWidth = 64;
    private const int LongestSequence = 4096;

    private static readonly Dictionary<GrowthAxis, int[]> Values = new()
    {
        [GrowthAxis.Length] = [128, 256, 512, 1024, 2048, LongestSequence],
        [GrowthAxis.Batch] = [1, 2, 4, 8, 16, 32, 64],
        [GrowthAxis.Vocabulary] = [512, 2048, 8192, 32768, 131072],
        [GrowthAxis.Width] = [64, 128, 256, 512, 1024],
    };

    /// <summary>The shapes along one axis, from the smallest.</summary>
    public static IEnumerable<(int Value, GrowthShape Shape)> Along(GrowthAxis axis) => Values[axis].Select(value => (value, axis switch
    {
        GrowthAxis.Length => Base with { Length = value },
        GrowthAxis.Batch => Base with { Batch = value },
        GrowthAxis.Vocabulary => Base with { Vocabulary = value },
        GrowthAxis.Width => Base with { Width = value },
        _ => throw new ArgumentOutOfRangeException(nameof(axis)),
    }));

    /// <summary>The step's work; every shape has the same table of positions.</summary>
    public BenchmarkShape ToBenchmark() =>
        new("growth", Vocabulary, Width, 4, Width / HeadWidth, Batch, Length, [], [], Minibatch: 1, Epochs: 1)
        {
            ContextLength = LongestSequence,
            MicroBatchTokens = Batch * Length,
        };
}

/// <summary>What one shape took.</summary>
/// <param name="Value">Where it stands on the axis.</param>
/// <param name="TrainingRate">Tokens a second in a training step: forward, backward, AdamW.</param>
/// <param name="ScoringRate">Tokens a second in a forward pass with log-probabilities.</param>
/// <param name="TrainingBytes">Memory that the training step holds: weights, gradient, moments, activations, workspaces.</param>
/// <param name="ScoringBytes">Memory that the forward pass of a frozen model holds: weights, activations, workspaces.</param>
internal sealed record GrowthPoint(int Value, double TrainingRate, double ScoringRate, long TrainingBytes, long ScoringBytes);
