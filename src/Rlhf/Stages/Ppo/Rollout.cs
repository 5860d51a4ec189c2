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

    /// <summary>log p of each token that ratios are taken to [R]: the same, or, of stale rollouts, that of the policy before it is trained on them.</summary>
    public required float[] OldLogProbabilities { get; init; }

    /// <summary>log p under the reference [R].</summary>
    public required float[] ReferenceLogProbabilities { get; init; }

    /// <summary>The value network's estimate in the state before each token [R]; empty without one.</summary>
    public required float[] Values { get; init; }

    /// <summary>The reward model's scores as they are [B].</summary>
    public required float[] RawScores { get; init; }

    /// <summary>The second reward model's scores [B]; empty without one.</summary>
    public required float[] SecondScores { get; init; }

    /// <summary>Scores after normalisation, before clip and penalty [B].</summary>
    public required float[] Scores { get; init; }

    /// <summary>Scores after clip and penalties, KL not taken off [B].</summary>
    public required float[] Rewards { get; init; }

    /// <summary>KL estimate per token [R].</summary>
    public required float[] Kl { get; init; }

    /// <summary>Advantages, whitened if asked [R].</summary>
    public required float[] Advantages { get; init; }

    /// <summary>Targets of the value network [R]; empty without one.</summary>
    public required float[] Returns { get; init; }

    /// <summary>Response tokens of answers [from, to).</summary>
    public Range TokensOf(int from, int to) => Offsets[from]..Offsets[to];

    /// <summary>Where each answer's tokens begin [B + 1].</summary>
    public static int[] OffsetsOf(Completion[] answers)
    {
        var offsets = new int[answers.Length + 1];
        for (var i = 0; i < answers.Length; i++)
        {
            offsets[i + 1] = offsets[i] + answers[i].Response.Length;
        }

        return offsets;
    }

    /// <summary>The answers of groups whose rewards are not all equal, of groups of <paramref name="size"/> answers.</summary>
    internal int[] RowsThatDiffer(int size) =>
    [
        .. Enumerable.Range(0, Completions.Length / size)
            .Where(group => Rewards.AsSpan(group * size, size).ContainsAnyExcept(Rewards[group * size]))
            .SelectMany(group => Enumerable.Range(group * size, size)),
    ];

    /// <summary>Some of the answers, before advantages are known.</summary>
    internal Rollout Pick(int[] rows)
    {
        Completion[] answers = [.. rows.Select(row => Completions[row])];
        var offsets = OffsetsOf(answers);
        return this with
        {
            Completions = answers,
            Offsets = offsets,
            LogProbabilities = Tokens(LogProbabilities),
            OldLogProbabilities = Tokens(OldLogProbabilities),
            ReferenceLogProbabilities = Tokens(ReferenceLogProbabilities),
            RawScores = Answers(RawScores),
            SecondScores = Answers(SecondScores),
            Scores = Answers(Scores),
            Rewards = Answers(Rewards),
            Kl = new float[offsets[^1]],
            Advantages = new float[offsets[^1]],
        };

        float[] Answers(float[] values) => values.Length == 0 ? [] : [.. rows.Select(row => values[row])];

        float[] Tokens(float[] values) => [.. rows.SelectMany(row => values[TokensOf(row, row + 1)])];
    }

    /// <summary>These answers and more, before advantages are known.</summary>
    internal Rollout With(Rollout more)
    {
        Completion[] answers = [.. Completions, .. more.Completions];
        var offsets = OffsetsOf(answers);
        return this with
        {
            Completions = answers,
            Offsets = offsets,
            LogProbabilities = [.. LogProbabilities, .. more.LogProbabilities],
            OldLogProbabilities = [.. OldLogProbabilities, .. more.OldLogProbabilities],
            ReferenceLogProbabilities = [.. ReferenceLogProbabilities, .. more.ReferenceLogProbabilities],
            RawScores = [.. RawScores, .. more.RawScores],
            SecondScores = [.. SecondScores, .. more.SecondScores],
            Scores = [.. Scores, .. more.Scores],
            Rewards = [.. Rewards, .. more.Rewards],
            Kl = new float[offsets[^1]],
            Advantages = new float[offsets[^1]],
        };
    }
}
