using Rlhf.Sampling;

namespace Rlhf.Stages.Ppo;

/// <summary>One batch of sampled answers with everything PPO learns from. Arrays per token hold the response tokens of all answers one after another (R in
/// all).</summary>
public sealed record Rollout
{
    /// <summary>The answers [B].</summary>
    public required Completion[] Completions { get; init; }

    /// <summary>Where each answer's tokens begin in the arrays per token [B + 1].</summary>
    public required int[] Offsets { get; init; }

    /// <summary>log p of each token under the policy that sampled it [R].</summary>
    public required float[] LogProbabilities { get; init; }

    /// <summary>log p under the reference [R].</summary>
    public required float[] ReferenceLogProbabilities { get; init; }

    /// <summary>The value network's estimate in the state before each token [R].</summary>
    public required float[] Values { get; init; }

    /// <summary>The reward model's scores as they are [B].</summary>
    public required float[] RawScores { get; init; }

    /// <summary>The second reward model's scores [B]; empty without one.</summary>
    public required float[] SecondScores { get; init; }

    /// <summary>Scores after normalisation, before clip and penalty [B].</summary>
    public required float[] Scores { get; init; }

    /// <summary>KL estimate per token [R].</summary>
    public required float[] Kl { get; init; }

    /// <summary>Advantages, whitened if asked [R].</summary>
    public required float[] Advantages { get; init; }

    /// <summary>Targets of the value network [R].</summary>
    public required float[] Returns { get; init; }

    /// <summary>Response tokens of answers [from, to).</summary>
    public Range TokensOf(int from, int to) => Offsets[from]..Offsets[to];
}
