using Rlhf.Runs;

namespace Rlhf.Benchmarks;

/// <summary>
/// Floating-point operations that a phase needs, a multiplication and an addition each counting one: matrix products and causal attention (<see cref="ModelCosts"/>), and the language head for the tokens
/// whose log-probability is wanted. A backward pass needs twice the forward pass. Norms, activations, the optimizer and whatever is computed a second time to save memory are not counted, so a fraction of
/// the peak says how much of the time was arithmetic that cannot be avoided.
/// </summary>
public sealed class OperationCount(BenchmarkShape shape)
{
    private const int ForwardAndBackward = 3;
    private readonly ModelCosts _costs = new(shape.Config);

    /// <summary>Operations of a phase.</summary>
    public double Of(BenchmarkPhase phase) => phase switch
    {
        BenchmarkPhase.Sft => ForwardAndBackward * shape.SftRows * (Trunk(shape.SftTokens) + Head(shape.SftTokens - 1)),
        BenchmarkPhase.Rollout => ResponseHeads + OverAnswers((prompt, response) => Trunk(prompt + response - 1)), // the last token is drawn and not read
        BenchmarkPhase.Score => ResponseHeads + (3 * Answers), // trunks of the reference, the value network and the reward model
        BenchmarkPhase.Update => ForwardAndBackward * shape.Epochs * (ResponseHeads + (2 * Answers)), // policy and value network
        BenchmarkPhase.Rm => ForwardAndBackward * shape.RankedPrompts * shape.RankedAnswers * Trunk(shape.RankedTokens),
        BenchmarkPhase.RmShared => ForwardAndBackward * shape.RankedPrompts * (Trunk(SharedTokens) + (shape.RankedAnswers * (Trunk(shape.RankedTokens) - Trunk(SharedTokens)))),
        _ => throw new ArgumentOutOfRangeException(nameof(phase)),
    };

    private int SharedTokens => shape.RankedTokens / 2;

    private double Answers => OverAnswers((prompt, response) => Trunk(prompt + response));

    private double ResponseHeads => Head(shape.ResponseLengths.Sum());

    private double Trunk(int tokens) => tokens * _costs.ForwardOperations(tokens);

    private double Head(int tokens) => tokens * _costs.HeadOperations;

    private double OverAnswers(Func<int, int, double> operations) => shape.PromptLengths.Zip(shape.ResponseLengths, operations).Sum();
}
