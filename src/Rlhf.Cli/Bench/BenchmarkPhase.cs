namespace Rlhf.Cli.Bench;

/// <summary>What is timed.</summary>
internal enum BenchmarkPhase
{
    /// <summary>An SFT step: forward, backward, update.</summary>
    Sft,

    /// <summary>Sampling the answers of a PPO step.</summary>
    Rollout,

    /// <summary>Reference log-probabilities, values, rewards and advantages of these answers.</summary>
    Score,

    /// <summary>The updates of policy and value network: all minibatches of all epochs.</summary>
    Update,

    /// <summary>A reward-model step on rankings of K answers that bring a prompt each.</summary>
    Rm,

    /// <summary>The same where the answers of a ranking share their prompt, half of each sequence.</summary>
    RmShared,
}

/// <summary>One timed phase.</summary>
/// <param name="Phase">Which.</param>
/// <param name="Seconds">The best of its repetitions.</param>
/// <param name="Operations">Floating-point operations that it needs (<see cref="OperationCount"/>).</param>
/// <param name="AllocatedBytes">Managed memory that its last repetition allocated.</param>
/// <param name="Rates">What is done a second, by unit: for example <c>tokens</c>.</param>
internal sealed record PhaseResult(
    BenchmarkPhase Phase, double Seconds, double Operations, long AllocatedBytes, IReadOnlyList<(string Unit, double Value)> Rates);
