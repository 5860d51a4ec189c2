using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Ppo;

/// <summary>A PPO run judged on held-out prompts: while it goes on (into the metrics, from which a resumed run reads it back), and at its end against SFT and
/// base.</summary>
internal sealed class PpoJudgement
{
    private const ulong EvaluationPurpose = 0x6576616C; // "eval"

    private readonly StageContext _context;
    private readonly PpoOptions _options;
    private readonly PpoModels _models;
    private readonly StageHost _host;
    private readonly HeldOutJudgement _answers;
    private readonly AlarmWatch _alarms;
    private readonly AnswerRewards? _rewards;
    private JudgedAnswers? _last;

    public PpoJudgement(StageContext context, PpoOptions options, PpoModels models, StageModels stored, Tokenizer tokenizer, IReadOnlyList<int> endIds,
        List<(PromptRecord Record, EncodedPrompt Encoded)> prompts, StageHost host, Arena arena, AnswerRewards? rewards)
    {
        (_context, _options, _models, _host, _rewards) = (context, options, models, host, rewards);
        _alarms = new AlarmWatch(context, options.Alarms, StepOf);
        host.Logged = _alarms.Look;
        PromptRecord[] records = [.. prompts.Select(static prompt => prompt.Record)];
        var asked = new HeldOutPrompts([.. prompts.Select(static prompt => prompt.Encoded)], records, endIds, options.EvaluationSamples, options.Temperature,
            options.MaxNewTokens, options.MicroBatchTokens);
        var judges = new PolicyJudges
        {
            Reference = models.Reference,
            Reward = models.Reward,
            Second = models.Second,
        };
        _answers = new HeldOutJudgement(context, stored, tokenizer, asked, judges, rewards, arena);
    }

    /// <summary>Evaluates the present policy and logs what came out.</summary>
    public void Evaluate(long step, ScoreScale scale)
    {
        _answers.Evaluator.Scale = scale;
        _last = _answers.Judge(_models.Policy);
        var evaluation = _last.Evaluation;
        _host.Log(step, HeldOutJudgement.MetricsOf(evaluation));
        _context.Progress.Line(
            FormattableString.Invariant($"{_context.Step.Name}: step {step}, held-out score {evaluation.Score.Value:F3}, KL {evaluation.Kl.Value:F2}"));
    }

    /// <summary>The stage's summary, after the last evaluation.</summary>
    public StageSummary Summarize(PpoResult result)
    {
        var ppo = _last!.Evaluation;
        var compared = _answers.Compare(_last, "PPO", _options.BestOf);
        var figures = compared.Figures;
        figures[PpoMetrics.KlCoefficient] = new Figure(result.KlCoefficient);
        figures[PpoMetrics.ScoreScaleMean] = new Figure(result.Scale.Mean);
        figures[PpoMetrics.ScoreScaleDeviation] = new Figure(result.Scale.StandardDeviation);
        var learned = _answers.Evaluator.Learned(compared.Sft, ppo);
        if (_rewards is not null)
        {
            StageRewards.AddTo(figures, _rewards);
        }

        MetricsRow[] rows = [.. _context.LoggedRows()];
        return StageTools.SummaryOf(_context, result.Steps, figures) with
        {
            BestOfN = compared.BestOfN,
            Learned = learned,
            Alarms = _alarms.All(rows),
            Example = AnswerExample(),
            Frontier = FrontierSection.PointsOf(rows),
            SideBySide = compared.SideBySide,
        };
    }

    // The prompt whose answers the reward model's stage has shown.
    private WorkedExample? AnswerExample()
    {
        if (WorkedExamples.Before(_context) is not { } asked || asked.Tokens.Count + _options.MaxNewTokens > _models.Policy.Config.ContextLength)
        {
            return null;
        }

        ModelAnswer Of(string name, Model.Decoder model)
        {
            var (completion, text, score) = _answers.Evaluator.AnswerTo(model, [.. asked.Tokens]);
            return new ModelAnswer(name, text, double.IsNaN(score) ? null : score, Tokens: completion.Response.Length, Finished: completion.Finished);
        }

        return asked with { Answers = [Of("SFT", _models.Reference), Of("PPO", _models.Policy)], Ranking = null, Labeler = null };
    }

    private static StepFigures? StepOf(MetricsRow row) => row.Of(AnswerMetrics.Entropy) is { } entropy && row.Of(AnswerMetrics.Kl) is { } kl
        ? new StepFigures(
            row.Step, kl, row.Of(AnswerMetrics.ResponseLength)!.Value, entropy, row.Of(AnswerMetrics.Score)!.Value, row.Of(AnswerMetrics.SecondScore),
            row.Of(PpoMetrics.ScoreDeviation))
        : null;
}
