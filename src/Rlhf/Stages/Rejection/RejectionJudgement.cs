using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Stages.Reward;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Rejection;

/// <summary>The trained policy judged on held-out prompts by what its answers are chosen by.</summary>
internal sealed class RejectionJudgement : IModelWatch
{
    private readonly StageContext _context;
    private readonly RejectionOptions _options;
    private readonly TrainedModel _trained;
    private readonly Decoder _sft;
    private readonly Decoder? _second;
    private readonly AnswerRewards _rewards;
    private readonly AlarmWatch _alarms;
    private readonly HeldOutJudgement _answers;
    private JudgedAnswers? _last;

    private RejectionJudgement(
        StageContext context, RejectionOptions options, TrainedModel trained, List<(PromptRecord Record, EncodedPrompt Encoded)> prompts,
        IReadOnlyList<int> endIds, Dictionary<string, double> scales)
    {
        (_context, _options, _trained) = (context, options, trained);
        _sft = trained.Models.Frozen(context.Models.Supervised.Open(), HeadKind.Language);
        _rewards = StageRewards.Open(context, trained.Models, options, trained.Reader.Tokenizer, options.MicroBatchTokens, trained.Arena);
        _rewards.Restored(scales); // as the answers that were chosen
        _second = SecondModelOptions.NewestOf(context) is { } place
            ? trained.Models.Frozen(StageRewards.OpenReward(place), HeadKind.Scalar, shifted: true)
            : null;
        _alarms = new AlarmWatch(context, options.Alarms, EvaluationOf, smoothing: 1);
        trained.Host.Logged = _alarms.Look;
        PromptRecord[] records = [.. prompts.Select(static prompt => prompt.Record)];
        var asked = new HeldOutPrompts([.. prompts.Select(static prompt => prompt.Encoded)], records, endIds, options.EvaluationSamples,
            options.Sampling.Temperature, options.MaxNewTokens, options.MicroBatchTokens);
        var judges = new PolicyJudges { Reference = _sft, Second = _second };
        _answers = new HeldOutJudgement(context, trained.Models, trained.Reader.Tokenizer, asked, judges, _rewards, trained.Arena);
    }

    /// <summary>A judgement on held-out prompts; null where there are fewer than two.</summary>
    public static RejectionJudgement? Create(
        StageContext context, RejectionOptions options, TrainedModel trained, List<(PromptRecord Record, EncodedPrompt Encoded)> prompts,
        IReadOnlyList<int> endIds, Dictionary<string, double> scales)
    {
        if (prompts.Count > 1)
        {
            return new RejectionJudgement(context, options, trained, prompts, endIds, scales);
        }

        if (options.EvaluationPrompts > 0)
        {
            context.Progress.Line(
                $"{context.Step.Name}: fewer than two prompts are held out: the policy is not judged; set data.prompts.held_out or data.evaluation_prompts, or rejection.evaluation_prompts: 0");
        }

        return null;
    }

    /// <inheritdoc/>
    public void Evaluate(long step)
    {
        _last = _answers.Judge(_trained.Decoder);
        var evaluation = _last.Evaluation;
        _trained.Host.Log(step, HeldOutJudgement.MetricsOf(evaluation));
        foreach (var answer in evaluation.Answers.Take(_options.SamplesPerEvaluation))
        {
            _trained.Host.Sample(step, answer.Completion.Prompt, answer.Completion.Response, ("score", answer.Score), ("kl", answer.Kl));
        }

        _context.Progress.Line(
            FormattableString.Invariant($"{_context.Step.Name}: step {step}, held-out score {evaluation.Score.Value:F3}, KL {evaluation.Kl.Value:F2}"));
    }

    /// <inheritdoc/>
    public StageSummary Complete(StageSummary summary)
    {
        var compared = _answers.Compare(_last ?? _answers.Judge(_trained.Decoder), "rejection", _options.BestOf);
        StageRewards.AddTo(compared.Figures, _rewards);
        var links = new List<ModelLink>(summary.Inputs) { StageTools.LinkTo(_context.Models.Supervised, "reference") };
        links.AddRange(SecondModelOptions.NewestOf(_context) is { } second ? [StageTools.LinkTo(second, "second_reward")] : []);
        MetricsRow[] rows = [.. _context.LoggedRows()];
        return summary with
        {
            Figures = new Dictionary<string, Figure>(summary.Figures.Concat(compared.Figures)),
            Inputs = links,
            Alarms = _alarms.All(rows),
            BestOfN = compared.BestOfN,
            Frontier = FrontierSection.PointsOf(rows),
            SideBySide = compared.SideBySide,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sft.Dispose();
        _second?.Dispose();
        _rewards.Dispose();
    }

    // Each has as many answers as many steps of PPO.
    private static StepFigures? EvaluationOf(MetricsRow row) => row.Of(AnswerMetrics.HeldoutKl) is { } kl
        ? new StepFigures(row.Step, kl, row.Of(AnswerMetrics.HeldoutLength)!.Value, row.Of(AnswerMetrics.HeldoutEntropy)!.Value,
            row.Of(AnswerMetrics.HeldoutScore)!.Value, row.Of(AnswerMetrics.HeldoutSecondScore))
        : null;
}
