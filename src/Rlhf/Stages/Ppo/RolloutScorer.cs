using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Sampling;

namespace Rlhf.Stages.Ppo;

/// <summary>The models that read sampled answers: reference, reward model, value network if there is one, and a second reward model.</summary>
internal sealed class RolloutScorer : IDisposable
{
    private readonly PpoOptions _options;
    private readonly Scorer _reference;
    private readonly PpoRewards _reward;
    private readonly PpoRewards? _own;
    private readonly Scorer? _second;
    private readonly Scorer? _value;

    public RolloutScorer(PpoOptions options, PpoModels models, Arena arena, PpoRewards? rewards)
    {
        _options = options;
        _reference = new Scorer(models.Reference, options.MicroBatchTokens, arena);
        _own = rewards is null ? PpoRewards.OfModels([models.Reward!], options.MicroBatchTokens, arena) : null;
        _reward = rewards ?? _own!;
        _second = models.Second is null ? null : new Scorer(models.Second, options.MicroBatchTokens, arena);
        _value = options.HasValues ? new Scorer(models.Value ?? models.Policy, options.MicroBatchTokens, arena) : null;
    }

    /// <summary>Of the scores that are the unit.</summary>
    public RunningMoments Moments { get; set; }

    /// <summary>In what scores are measured now.</summary>
    public ScoreScale Scale => _options.ScoreNormalization == ScoreNormalization.None ? ScoreScale.None : ScoreScale.Of(Moments);

    /// <summary>What gives the scores.</summary>
    public PpoRewards Sources => _reward;

    /// <summary>Whether scores, or some of their sources, are measured in the SFT model's samples.</summary>
    public bool WantsSamples => _options.ScoreNormalization == ScoreNormalization.SftSamples || _reward.WantsSamples;

    /// <summary>Takes the scores of these answers for the unit.</summary>
    public void Measure(Completion[] answers, IReadOnlyList<int> rows)
    {
        var moments = RunningMoments.Of(_reward.Measure(answers, rows));
        Moments = _options.ScoreNormalization == ScoreNormalization.SftSamples ? moments : Moments;
    }

    /// <summary>Scores, rewards, reference log-probabilities and values of sampled answers; KL and advantages are still 0.</summary>
    /// <param name="answers">[B] the answers.</param>
    /// <param name="prompts">[B] the numbers of their prompts.</param>
    public Rollout Judge(Completion[] answers, IReadOnlyList<int> prompts)
    {
        int[][] sequences = [.. answers.Select(static answer => answer.Tokens)];
        int[] promptLengths = [.. answers.Select(static answer => answer.Prompt.Length)];
        var offsets = Rollout.OffsetsOf(answers);
        var raw = _reward.Learn(answers, prompts);
        if (_options.ScoreNormalization == ScoreNormalization.Running)
        {
            Moments += RunningMoments.Of(raw);
        }

        var scale = Scale;
        float[] scores = [.. raw.Select(score => (float)scale.Apply(score))];
        float[] sampled = [.. answers.SelectMany(static answer => answer.LogProbabilities)];
        return new Rollout
        {
            Completions = answers,
            Offsets = offsets,
            LogProbabilities = sampled,
            OldLogProbabilities = _options.OffPolicySteps > 1 ? [.. sampled] : sampled,
            ReferenceLogProbabilities = _reference.ResponseLogProbabilities(sequences, promptLengths, _options.Temperature).LogProbabilities,
            Values = _value?.ResponseValues(sequences, promptLengths) ?? [],
            RawScores = raw,
            SecondScores = _second?.Rewards(sequences, promptLengths) ?? [],
            Scores = scores,
            Rewards = RewardsOf(answers, scores),
            Kl = new float[offsets[^1]],
            Advantages = new float[offsets[^1]],
            Returns = new float[_value is null ? 0 : offsets[^1]],
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reference.Dispose();
        _own?.Dispose();
        _second?.Dispose();
        _value?.Dispose();
    }

    private float[] RewardsOf(Completion[] answers, float[] scores)
    {
        var rewards = new float[scores.Length];
        bool[] finished = [.. answers.Select(static answer => answer.Finished)];
        ScoreShaping.Apply(scores, finished, ScoreScale.None, _options.ScoreClip, _options.MissingEosPenalty, rewards);
        if (_options.Overlong is { } overlong)
        {
            for (var i = 0; i < rewards.Length; i++)
            {
                rewards[i] += (float)(overlong.Penalty
                    * ScoreShaping.Overlong(answers[i].Response.Length, _options.MaxNewTokens, overlong.Share * _options.MaxNewTokens));
            }
        }

        return rewards;
    }
}
