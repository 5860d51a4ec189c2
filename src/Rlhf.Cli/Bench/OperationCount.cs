using Rlhf.Stages;

namespace Rlhf.Cli.Bench;

/// <summary>
/// Floating-point operations that a phase needs, a multiplication and an addition each counting one: matrix products and causal attention
/// (<see cref="ModelCosts"/>), in the last block for target
/// rows alone but for keys and values, and the language head for the tokens whose log-probability is wanted. A backward pass needs twice the forward pass.
/// Norms, activations, the optimizer and whatever is computed a second time to save memory are not counted, so a fraction of
/// the peak says how much of the time was arithmetic that cannot be avoided.
/// </summary>
internal sealed class OperationCount(BenchmarkShape shape)
{
    private const int ForwardAndBackward = 3;
    private readonly ModelCosts _costs = new(shape.Config);

    /// <summary>Operations of a phase.</summary>
    public double Of(BenchmarkPhase phase) => phase switch
    {
        BenchmarkPhase.Sft => ForwardAndBackward * shape.SftRows * (Trunk(shape.SftTokens, shape.SftTokens - 1) + Head(shape.SftTokens - 1)),
        BenchmarkPhase.Rollout => ResponseHeads + OverAnswers(
            (prompt, response) => Trunk(prompt + response - 1, response)), // the last token is drawn and not read
        BenchmarkPhase.Score => ResponseHeads + (2 * Answers) + OverAnswers(
            (prompt, response) => Trunk(prompt + response, 1)), // reference, value network; reward model
        BenchmarkPhase.Update => ForwardAndBackward * shape.Epochs * (ResponseHeads + (2 * Answers)), // policy and value network
        BenchmarkPhase.Rm => ForwardAndBackward * shape.RankedPrompts * shape.RankedAnswers * Trunk(shape.RankedTokens, 1),
        BenchmarkPhase.RmShared => ForwardAndBackward * shape.RankedPrompts * (Trunk(SharedTokens,
        0) + (shape.RankedAnswers * (Trunk(shape.RankedTokens, 1) - Trunk(SharedTokens, 0)))),
        _ => throw new ArgumentOutOfRangeException(nameof(phase)),
    };

    private int SharedTokens => shape.RankedTokens / 2;

    private double Answers => OverAnswers((prompt, response) => Trunk(prompt + response, response));

    private double ResponseHeads => Head(shape.ResponseLengths.Sum());

    private double Trunk(int tokens, int targets) => (tokens * _costs.ForwardOperations(tokens)) - ((tokens - targets) * _costs.QueryOperations(tokens));

    private double Head(int tokens) => tokens * _costs.HeadOperations;

    private double OverAnswers(Func<int, int, double> operations) => shape.PromptLengths.Zip(shape.ResponseLengths, operations).Sum();
}
