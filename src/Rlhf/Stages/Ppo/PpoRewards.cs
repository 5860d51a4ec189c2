using Rlhf.Compute.Operations;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Text;

namespace Rlhf.Stages.Ppo;

/// <summary>What gives PPO's answers their scores: the reward model alone, or a list of sources that also read the prompts' texts and right answers.</summary>
public sealed class PpoRewards : IDisposable
{
    private readonly AnswerRewards _rewards;
    private readonly IReadOnlyList<GradedPrompt> _prompts;
    private readonly Tokenizer? _tokenizer;
    private readonly CancellationToken _cancellation;
    private readonly RunningMoments[] _means;
    private readonly RunningMoments[] _shares;

    private PpoRewards(AnswerRewards rewards, IReadOnlyList<GradedPrompt> prompts, Tokenizer? tokenizer, CancellationToken cancellation)
    {
        (_rewards, _prompts, _tokenizer, _cancellation) = (rewards, prompts, tokenizer, cancellation);
        (_means, _shares) = (new RunningMoments[rewards.Sources.Count], new RunningMoments[rewards.Sources.Count]);
    }

    /// <summary>A list of sources.</summary>
    /// <param name="rewards">The sources; the caller disposes of them.</param>
    /// <param name="prompts">The training prompts, by their numbers.</param>
    /// <param name="tokenizer">Turns answers into text.</param>
    /// <param name="cancellation">Ends the work of judges and programs.</param>
    public static PpoRewards OfList(AnswerRewards rewards, IReadOnlyList<GradedPrompt> prompts, Tokenizer tokenizer, CancellationToken cancellation) =>
        new(rewards, prompts, tokenizer, cancellation);

    /// <summary>Reward models alone, whose scores are added; 0 where there is none.</summary>
    public static PpoRewards OfModels(IReadOnlyList<Decoder> models, int rowBudget, Arena arena)
    {
        IEnumerable<IGrader> graders = models.Count > 0 ? models.Select(model => new ModelGrader(model, rowBudget, arena)) : [new Nothing()];
        return new PpoRewards(
            new AnswerRewards([.. graders.Select(static (grader, i) => new RewardSource($"{i}", 1, RewardNormalization.None, grader))]), [], null, default);
    }

    /// <summary>Whether it is a list of sources.</summary>
    public bool IsList => _tokenizer is not null;

    /// <summary>Whether a source is measured in the SFT model's samples.</summary>
    public bool WantsSamples => _rewards.WantsSamples;

    /// <summary>Scores of a step's answers [B]; running scales learn from them.</summary>
    /// <param name="answers">[B] the answers.</param>
    /// <param name="rows">[B] the numbers of their prompts; not read where a reward model alone scores.</param>
    public float[] Learn(Completion[] answers, IReadOnlyList<int> rows)
    {
        var scores = _rewards.Learn(Graded(answers, rows), _cancellation);
        foreach (var (i, numbers) in scores.BySource.Index())
        {
            _means[i] += RunningMoments.Of(numbers);
            _shares[i] += RunningMoments.Of([.. numbers.Select(static number => number > 0 ? 1f : 0f)]);
        }

        return scores.Total;
    }

    /// <summary>Scores of the SFT model's samples [B], after they have set the scales that are measured in them.</summary>
    public float[] Measure(Completion[] answers, IReadOnlyList<int> rows) => _rewards.Measure(Graded(answers, rows), _cancellation).Total;

    /// <summary>What each source of a list gave since the last time.</summary>
    public IEnumerable<(Metric, double)> TakeMetrics()
    {
        var values = new List<(Metric, double)>();
        foreach (var (i, source) in _rewards.Sources.Index().Where(_ => IsList))
        {
            values.Add((GradingMetrics.RewardMean.Of(source.Name), _means[i].Mean));
            values.Add((GradingMetrics.RewardPositive.Of(source.Name), _shares[i].Mean));
        }

        Array.Clear(_means);
        Array.Clear(_shares);
        return values;
    }

    /// <summary>Adds the scales to a checkpoint.</summary>
    public void AddTo(Dictionary<string, double> numbers) => _rewards.AddTo(numbers);

    /// <summary>Takes the scales from a checkpoint.</summary>
    public void Restored(IDictionary<string, double> numbers) => _rewards.Restored(numbers);

    /// <inheritdoc/>
    public void Dispose() => _rewards.Dispose();

    private GradedAnswer[] Graded(Completion[] answers, IReadOnlyList<int> rows) =>
    [
        .. answers.Select((answer, i) => _tokenizer is null
            ? new GradedAnswer(Unread, "", answer.Tokens, answer.Prompt.Length)
            : new GradedAnswer(_prompts[rows[i]], _tokenizer.Decode(answer.ResponseWithoutEnd), answer.Tokens, answer.Prompt.Length)),
    ];

    private static GradedPrompt Unread { get; } = new("", "", new Dictionary<string, string>());

    /// <summary>Stands for rules in a plan.</summary>
    private sealed class Nothing : IGrader
    {
        public float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) => new float[answers.Count];

        public void Dispose()
        {
        }
    }
}
