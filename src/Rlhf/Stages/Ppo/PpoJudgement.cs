using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Stages.Collect;
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
    private readonly StageModels _stored;
    private readonly StageHost _host;
    private readonly List<(PromptRecord Record, EncodedPrompt Encoded)> _prompts;
    private readonly PolicyEvaluator _evaluator;
    private readonly HashSet<string> _told = [];
    private List<PpoStepFigures>? _history;
    private readonly AnswerRewards? _rewards;
    private readonly Func<int, ulong, PolicyEvaluator> _evaluatorOf;
    private IReadOnlyList<float[]> _numbers = []; // of the last evaluation by source
    private PolicyEvaluation? _last;

    public PpoJudgement(StageContext context, PpoOptions options, PpoModels models, StageModels stored, Tokenizer tokenizer, IReadOnlyList<int> endIds,
        List<(PromptRecord Record, EncodedPrompt Encoded)> prompts, StageHost host, Arena arena, AnswerRewards? rewards)
    {
        (_context, _options, _models, _stored, _prompts, _host, _rewards) = (context, options, models, stored, prompts, host, rewards);
        host.Logged = Watch;

        // The recipe's own seed: the same prompts and random numbers in every round, so that policies can be compared.
        var seed = Philox.Derive(context.Recipe.Seed, EvaluationPurpose);
        var settings =
            StageTools.Sampling(new SamplingOptions { Temperature = options.Temperature }, _options.MaxNewTokens, endIds, seed, _options.MicroBatchTokens);
        var judges = new PolicyJudges
        {
            Reference = models.Reference,
            Reward = models.Reward,
            Grade = rewards is null ? null : Grade,
            Second = models.Second,
            Gold = GoldJudge.Of(context.Recipe, [.. prompts.Select(static prompt => prompt.Record)]),
        };
        _evaluatorOf = (samples, stream) => new PolicyEvaluator(
            [.. prompts.Select(prompt => prompt.Encoded)], samples, settings with { Stream = stream }, tokenizer, judges, _options.MicroBatchTokens, arena);
        _evaluator = _evaluatorOf(_options.EvaluationSamples, 0);
    }

    private float[] Grade(IReadOnlyList<PromptedAnswer> answers)
    {
        var scores = _rewards!.Score(
            [.. answers.Select(answer => new GradedAnswer(
                StageRewards.PromptOf(_prompts[answer.Prompt].Record), answer.Text, answer.Tokens, answer.PromptLength))], _context.Cancellation);
        _numbers = scores.BySource;
        return scores.Total;
    }

    /// <summary>Evaluates the present policy and logs what came out.</summary>
    public void Evaluate(long step, ScoreScale scale)
    {
        _evaluator.Scale = scale;
        _last = _evaluator.Evaluate(_models.Policy, _context.Cancellation);
        var score = _last.Score;
        var values = new List<(Metric, double)>
        {
            (AnswerMetrics.HeldoutScore, score.Value),
            (AnswerMetrics.HeldoutScoreLow, score.Low),
            (AnswerMetrics.HeldoutScoreHigh, score.High),
            (AnswerMetrics.HeldoutKl, _last.Kl.Value),
            (AnswerMetrics.HeldoutLength, _last.Length.Value),
            (AnswerMetrics.HeldoutEntropy, _last.Entropy),
            (AnswerMetrics.HeldoutEosShare, _last.EosShare),
        };
        if (_last.SecondScore is { } second)
        {
            values.Add((PpoMetrics.HeldoutSecondScore, second.Value));
        }

        if (_last.GoldScore is { } gold)
        {
            values.Add((AnswerMetrics.HeldoutGoldScore, gold.Value));
        }

        _host.Log(step, values.ToArray());
        _context.Progress.Line(FormattableString.Invariant($"{_context.Step.Name}: step {step}, held-out score {score.Value:F3}, KL {_last.Kl.Value:F2}"));
    }

    /// <summary>The stage's summary, after the last evaluation.</summary>
    public StageSummary Summarize(PpoResult result)
    {
        var (ppo, policyNumbers) = (_last!, _numbers);
        var sft = _evaluator.Evaluate(_models.Reference, _context.Cancellation);
        var sftNumbers = _numbers;
        var start = AnswerSummary.OfBase(_context, _stored, _evaluator);
        var figures = Figures(start, sft, ppo, result);
        foreach (var (i, source) in (_rewards?.Sources ?? []).Index())
        {
            figures[GradingMetrics.RewardMean.Of(source.Name)] = ByPrompt(policyNumbers[i]);
            figures[GradingMetrics.SftRewardMean.Of(source.Name)] = ByPrompt(sftNumbers[i]);
        }

        if (_rewards is not null)
        {
            StageRewards.AddTo(figures, _rewards);
        }

        var rows = MetricsFile.Read(_context.Run.FullPath).Where(row => row.Stage == _context.Step.Name).ToArray();
        return StageTools.SummaryOf(_context, result.Steps, figures) with
        {
            BestOfN = BestOfSft(),
            Learned = _evaluator.Learned(sft, ppo),
            Alarms = AlarmsOf(rows),
            Example = AnswerExample(),
            Frontier = [.. rows.Select(PointOf).OfType<FrontierPoint>()],
            SideBySide = AnswerSummary.SideBySideOf(
                [.. _prompts.Select(static prompt => prompt.Encoded.PromptText)], ("base", start), ("SFT", sft), ("PPO", ppo)),
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
            var (completion, text, score) = _evaluator.AnswerTo(model, [.. asked.Tokens]);
            return new ModelAnswer(name, text, double.IsNaN(score) ? null : score, Tokens: completion.Response.Length, Finished: completion.Finished);
        }

        return asked with { Answers = [Of("SFT", _models.Reference), Of("PPO", _models.Policy)], Ranking = null, Labeler = null };
    }

    private Figure ByPrompt(float[] numbers) => Intervals.Mean(
        [.. numbers.Index().GroupBy(one => one.Index % _prompts.Count).Select(static group => group.Average(static one => (double)one.Item))]).ToFigure();

    /// <summary>What sampling more of the SFT model's answers and taking the best would give.</summary>
    private BestOfNPoint[]? BestOfSft()
    {
        if (_options.BestOf is not { } most)
        {
            return null;
        }

        var evaluator = _evaluatorOf(most, EvaluationPurpose);
        evaluator.Scale = _evaluator.Scale;
        return BestOfNPoints.Of(evaluator.Evaluate(_models.Reference, _context.Cancellation));
    }

    private static FigureTable Figures(PolicyEvaluation? start, PolicyEvaluation sft, PolicyEvaluation ppo, PpoResult result)
    {
        var figures = AnswerSummary.Of(start, sft, ppo);
        figures[PpoMetrics.KlCoefficient] = new Figure(result.KlCoefficient);
        figures[PpoMetrics.ScoreScaleMean] = new Figure(result.Scale.Mean);
        figures[PpoMetrics.ScoreScaleDeviation] = new Figure(result.Scale.StandardDeviation);
        AnswerSummary.Add(figures, PpoMetrics.SecondScore, ppo.SecondScore);
        AnswerSummary.Add(figures, PpoMetrics.SftSecondScore, sft.SecondScore);
        return figures;
    }

    private IReadOnlyList<Alarm> AlarmsOf(IEnumerable<MetricsRow> rows)
    {
        var alarms = Alarms.Of([.. rows.Select(StepOf).OfType<PpoStepFigures>()], _options.Alarms);
        Tell(alarms);
        return alarms;
    }

    /// <summary>Tells of alarms at the step that gives cause; a resumed run tells of the earlier ones again.</summary>
    private void Watch(MetricsRow row)
    {
        if (StepOf(row) is not { } step)
        {
            return;
        }

        if (_history is null)
        {
            var before = MetricsFile.Read(_context.Run.FullPath).Where(other => other.Stage == row.Stage).Select(StepOf).OfType<PpoStepFigures>();
            _history = [.. before]; // this step is among them
            Tell(Alarms.Of(_history, _options.Alarms));
            return;
        }

        _history.Add(step);
        Tell(Alarms.AtLast(_history, _options.Alarms).Where(alarm => _told.Add(alarm.Name)));
    }

    private void Tell(IEnumerable<Alarm> alarms)
    {
        foreach (var alarm in alarms)
        {
            _told.Add(alarm.Name);
            _context.Progress.Alarm(_context.Step.Name, alarm);
        }
    }

    private static PpoStepFigures? StepOf(MetricsRow row) => row.Of(AnswerMetrics.Entropy) is { } entropy && row.Of(AnswerMetrics.Kl) is { } kl
        ? new PpoStepFigures(
            row.Step, kl, row.Of(AnswerMetrics.ResponseLength)!.Value, entropy, row.Of(AnswerMetrics.Score)!.Value, row.Of(PpoMetrics.SecondScore),
            row.Of(PpoMetrics.ScoreDeviation))
        : null;

    private static FrontierPoint? PointOf(MetricsRow row) => row.Of(AnswerMetrics.HeldoutScore) is { } score && row.Of(AnswerMetrics.HeldoutKl) is { } kl
        ? new FrontierPoint(
            row.Step, kl, score, row.Of(AnswerMetrics.HeldoutScoreLow), row.Of(AnswerMetrics.HeldoutScoreHigh), row.Of(PpoMetrics.HeldoutSecondScore),
            row.Of(AnswerMetrics.HeldoutGoldScore))
        : null;
}
