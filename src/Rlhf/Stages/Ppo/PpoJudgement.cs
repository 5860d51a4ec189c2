using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Labelers;
using Rlhf.Model;
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
    private const int SideBySidePrompts = 12;
    private const ulong EvaluationPurpose = 0x6576616C; // "eval"

    private readonly StageContext _context;
    private readonly PpoOptions _options;
    private readonly PpoModels _models;
    private readonly StageModels _stored;
    private readonly StageHost _host;
    private readonly List<(PromptRecord Record, EncodedPrompt Encoded)> _prompts;
    private readonly PolicyEvaluator _evaluator;
    private PolicyEvaluation? _last;

    public PpoJudgement(StageContext context, PpoOptions options, PpoModels models, StageModels stored, Tokenizer tokenizer, IReadOnlyList<int> endIds,
        List<(PromptRecord Record, EncodedPrompt Encoded)> prompts, StageHost host, Arena arena)
    {
        (_context, _options, _models, _stored, _prompts, _host) = (context, options, models, stored, prompts, host);

        // The recipe's own seed: the same prompts and random numbers in every round, so that policies can be compared.
        var seed = Philox.Derive(context.Recipe.Seed, EvaluationPurpose);
        var settings =
            StageTools.Sampling(new SamplingOptions { Temperature = options.Temperature }, _options.MaxNewTokens, endIds, seed, _options.MicroBatchTokens);
        var judges = new PolicyJudges { Reference = models.Reference, Reward = models.Reward, Second = models.Second, Gold = GoldOf(context.Recipe, prompts) };
        _evaluator = new PolicyEvaluator(
            [.. prompts.Select(prompt => prompt.Encoded)], _options.EvaluationSamples, settings, tokenizer, judges, _options.MicroBatchTokens, arena);
    }

    /// <summary>Evaluates the present policy and logs what came out.</summary>
    public void Evaluate(long step, ScoreScale scale)
    {
        _evaluator.Scale = scale;
        _last = _evaluator.Evaluate(_models.Policy, _context.Cancellation);
        var score = _last.Score;
        var values = new List<(Metric, double)>
        {
            (PpoMetrics.HeldoutScore, score.Value),
            (PpoMetrics.HeldoutScoreLow, score.Low),
            (PpoMetrics.HeldoutScoreHigh, score.High),
            (PpoMetrics.HeldoutKl, _last.Kl.Value),
            (PpoMetrics.HeldoutLength, _last.Length.Value),
            (PpoMetrics.HeldoutEntropy, _last.Entropy),
            (PpoMetrics.HeldoutEosShare, _last.EosShare),
        };
        if (_last.SecondScore is { } second)
        {
            values.Add((PpoMetrics.HeldoutSecondScore, second.Value));
        }

        if (_last.GoldScore is { } gold)
        {
            values.Add((PpoMetrics.HeldoutGoldScore, gold.Value));
        }

        _host.Log(step, values.ToArray());
        _context.Progress.Line(FormattableString.Invariant($"{_context.Step.Name}: step {step}, held-out score {score.Value:F3}, KL {_last.Kl.Value:F2}"));
    }

    /// <summary>The stage's summary, after the last evaluation.</summary>
    public StageSummary Summarize(PpoResult result)
    {
        var ppo = _last!;
        var sft = _evaluator.Evaluate(_models.Reference, _context.Cancellation);
        var start = EvaluateBase();
        var rows = MetricsFile.Read(_context.Run.FullPath).Where(row => row.Stage == _context.Step.Name).ToArray();
        return StageTools.SummaryOf(_context, result.Steps, Figures(start, sft, ppo, result)) with
        {
            Learned = _evaluator.Learned(sft, ppo),
            Alarms = AlarmsOf(rows),
            Frontier = [.. rows.Select(PointOf).OfType<FrontierPoint>()],
            SideBySide = SideBySideOf(("base", start), ("SFT", sft), ("PPO", ppo)),
        };
    }

    /// <summary>The judge that knows the truth, where the recipe's labeler is the gold rule.</summary>
    private static Func<int, string, double>? GoldOf(Recipe recipe, List<(PromptRecord Record, EncodedPrompt Encoded)> prompts)
    {
        if (recipe.Find<CollectOptions>()?.Labeler != CollectOptions.GoldLabeler)
        {
            return null;
        }

        var rule = new GoldRule();
        return (prompt, answer) => rule.Scores(prompts[prompt].Record.Prompt, [answer])[0];
    }

    private PolicyEvaluation? EvaluateBase()
    {
        if (_context.Models.Base.Folder == _context.Models.Supervised.Folder)
        {
            return null;
        }

        using var decoder = _stored.Frozen(_context.Models.Base.Open(), HeadKind.Language);
        return _evaluator.Evaluate(decoder, _context.Cancellation);
    }

    private static FigureTable Figures(PolicyEvaluation? start, PolicyEvaluation sft, PolicyEvaluation ppo, PpoResult result)
    {
        var figures = new FigureTable
        {
            [PpoMetrics.EvaluationPrompts] = new(ppo.Answers.Select(static answer => answer.Prompt).Distinct().Count()),
            [PpoMetrics.EvaluationAnswers] = new(ppo.Answers.Count),
            [PpoMetrics.Score] = ppo.Score.ToFigure(),
            [PpoMetrics.SftScore] = sft.Score.ToFigure(),
            [PpoMetrics.ScoreGain] = GainOf(sft, ppo, static answer => answer.Score).ToFigure(),
            [PpoMetrics.Kl] = ppo.Kl.ToFigure("nats"),
            [PpoMetrics.WinRate] = WinRate.Of(
                ByPrompt(ppo, static answer => answer.Score), ByPrompt(sft, static answer => answer.Score)).Rate.ToFigure("share"),
            [PpoMetrics.ResponseLength] = ppo.Length.ToFigure("tokens"),
            [PpoMetrics.SftResponseLength] = sft.Length.ToFigure("tokens"),
            [PpoMetrics.EosShare] = new(ppo.EosShare, Unit: "share"),
            [PpoMetrics.SftEosShare] = new(sft.EosShare, Unit: "share"),
            [PpoMetrics.DistinctShare] = new(ppo.DistinctShare, Unit: "share"),
            [PpoMetrics.SftDistinctShare] = new(sft.DistinctShare, Unit: "share"),
            [PpoMetrics.Entropy] = new(ppo.Entropy, Unit: "nats"),
            [PpoMetrics.SftEntropy] = new(sft.Entropy, Unit: "nats"),
            [PpoMetrics.KlCoefficient] = new(result.KlCoefficient),
            [PpoMetrics.ScoreScaleMean] = new(result.Scale.Mean),
            [PpoMetrics.ScoreScaleDeviation] = new(result.Scale.StandardDeviation),
        };
        void Add(Metric metric, Estimate? estimate)
        {
            if (estimate is not null)
            {
                figures[metric] = estimate.ToFigure();
            }
        }

        Add(PpoMetrics.SecondScore, ppo.SecondScore);
        Add(PpoMetrics.SftSecondScore, sft.SecondScore);
        Add(PpoMetrics.GoldScore, ppo.GoldScore);
        Add(PpoMetrics.SftGoldScore, sft.GoldScore);
        Add(PpoMetrics.GoldGain, ppo.GoldScore is null ? null : GainOf(sft, ppo, static answer => answer.GoldScore!.Value));
        Add(PpoMetrics.BaseScore, start?.Score);
        Add(PpoMetrics.BaseGoldScore, start?.GoldScore);
        return figures;
    }

    private static Estimate GainOf(PolicyEvaluation before, PolicyEvaluation after, Func<EvaluatedAnswer, double> figure) =>
        Intervals.PairedBootstrap(ByPrompt(after, figure), ByPrompt(before, figure));

    private static double[] ByPrompt(PolicyEvaluation evaluation, Func<EvaluatedAnswer, double> figure) =>
        [.. evaluation.Answers.GroupBy(static answer => answer.Prompt).OrderBy(static group => group.Key).Select(group => group.Average(figure))];

    private IReadOnlyList<Alarm> AlarmsOf(IEnumerable<MetricsRow> rows)
    {
        var history =
            from row in rows
            let entropy = row.Of(PpoMetrics.Entropy)
            let kl = row.Of(PpoMetrics.Kl)
            where entropy is not null && kl is not null
            select new PpoStepFigures(
                row.Step, kl.Value, row.Of(PpoMetrics.ResponseLength)!.Value, entropy.Value, row.Of(PpoMetrics.Score)!.Value, row.Of(PpoMetrics.SecondScore),
                row.Of(PpoMetrics.ScoreDeviation));
        var alarms = Alarms.Of([.. history], _options.Alarms);
        foreach (var alarm in alarms)
        {
            _context.Progress.Line($"{_context.Step.Name}: alarm: {alarm.Message}");
        }

        return alarms;
    }

    private static FrontierPoint? PointOf(MetricsRow row) => row.Of(PpoMetrics.HeldoutScore) is { } score && row.Of(PpoMetrics.HeldoutKl) is { } kl
        ? new FrontierPoint(
            row.Step, kl, score, row.Of(PpoMetrics.HeldoutScoreLow), row.Of(PpoMetrics.HeldoutScoreHigh), row.Of(PpoMetrics.HeldoutSecondScore),
            row.Of(PpoMetrics.HeldoutGoldScore))
        : null;

    private SideBySide[] SideBySideOf(params (string Name, PolicyEvaluation? Evaluation)[] evaluations) =>
    [
        .. _prompts.Take(SideBySidePrompts).Select((prompt, number) => new SideBySide(prompt.Encoded.PromptText,
        [
            .. evaluations.Where(pair => pair.Evaluation is not null).Select(pair => ToAnswer(pair.Name, pair.Evaluation!.Answers[number])),
        ])),
    ];

    private static ModelAnswer ToAnswer(string model, EvaluatedAnswer answer) => new(
        model, answer.Text, answer.Score, answer.SecondScore, answer.GoldScore, answer.Completion.Response.Length, answer.Completion.Finished);
}
