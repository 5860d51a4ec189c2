using Rlhf.Model;
using Rlhf.Model.Families;

namespace Rlhf.Cli.Bench;

/// <summary>
/// The work of a benchmark: a GPT-2 model and fixed lengths. The two shapes are those that <c>bench/peers/run.sh</c> times PyTorch on, down to the length of
/// every prompt and answer.
/// </summary>
/// <param name="Name">What <c>--size</c> calls it.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="Width">C.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="Heads">H.</param>
/// <param name="SftRows">Sequences of an SFT step.</param>
/// <param name="SftTokens">Tokens of each.</param>
/// <param name="PromptLengths">[B] tokens of each prompt of the PPO step.</param>
/// <param name="ResponseLengths">[B] tokens of each answer.</param>
/// <param name="Minibatch">Answers of one PPO update.</param>
/// <param name="Epochs">Passes over the answers.</param>
internal sealed record BenchmarkShape(
    string Name, int Vocabulary, int Width, int Layers, int Heads, int SftRows, int SftTokens, IReadOnlyList<int> PromptLengths,
    IReadOnlyList<int> ResponseLengths, int Minibatch, int Epochs)
{
    private DecoderConfig? _config;

    /// <summary>6 blocks of width 384, 14 million parameters.</summary>
    public static BenchmarkShape Mini { get; } = new(
        "mini", 8192, 384, 6, 6, 16, 256,
        [16, 92, 71, 22, 54, 60, 80, 88, 49, 22, 46, 89, 50, 89, 75, 73, 68, 22, 31, 48, 64, 96, 81, 29, 26, 74, 95, 22, 48, 44, 68, 88],
        [62, 43, 53, 16, 35, 33, 21, 26, 24, 60, 73, 69, 70, 67, 89, 85, 69, 37, 75, 59, 84, 42, 65, 41, 71, 16, 50, 41, 69, 68, 20, 82],
        16, 2)
    { MicroBatchTokens = 2048 };

    /// <summary>GPT-2 small: 12 blocks of width 768, 124 million parameters.</summary>
    public static BenchmarkShape Small { get; } = new(
        "small", 50257, 768, 12, 12, 4, 256,
        [28, 25, 67, 93, 66, 20, 27, 58, 37, 72, 20, 83, 70, 34, 96, 90],
        [57, 18, 47, 47, 26, 28, 38, 88, 91, 28, 51, 91, 85, 38, 52, 89],
        8, 2)
    { MicroBatchTokens = 512 };

    /// <summary>All shapes, the quickest first.</summary>
    public static IReadOnlyList<BenchmarkShape> All { get; } = [Mini, Small];

    /// <summary>Tokens that go through a model at once: it decides memory, and hardly speed.</summary>
    public int MicroBatchTokens { get; init; } = 4096;

    /// <summary>Prompts of the reward-model step.</summary>
    public int RankedPrompts { get; init; } = 4;

    /// <summary>K, ranked answers to each.</summary>
    public int RankedAnswers { get; init; } = 4;

    /// <summary>Tokens of a prompt with its answer; half of them are the prompt.</summary>
    public int RankedTokens { get; init; } = 128;

    /// <summary>Rows of the table of positions.</summary>
    public int ContextLength { get; init; } = 1024;

    /// <summary>The model: learned positions, tied language head.</summary>
    public DecoderConfig Config => _config ??= DecoderConfig.FromShape(ModelFamilies.Default, Vocabulary, Width, Layers, Heads, ContextLength);
}
