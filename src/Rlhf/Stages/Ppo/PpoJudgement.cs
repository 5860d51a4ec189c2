using Rlhf.Compute;
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

/// <summary>A PPO run judged on held-out prompts: while it goes on (into the metrics, from which a resumed run reads it back), and at its end against SFT and base.</summary>
internal sealed class PpoJudgement
{
    private const int SideBySidePrompts = 12;
    private const ulong EvaluationPurpose = 0x6576616C; // "eval"

    private readonly StageContext _context;
    private readonly PpoOptions _options;
    private readonly PpoModels _models;
    private readonly StageHost _host;
    private readonly List<(PromptRecord Record, EncodedPrompt Encoded)> _prompts;
    private readonly PolicyEvaluator _evaluator;
    private PolicyEvaluation? _last;

    public PpoJudgement(StageContext context, PpoOptions options, PpoModels models, Tokenizer tokenizer, IReadOnlyList<int> endIds, List<(PromptRecord Record, EncodedPrompt Encoded)> prompts, StageHost host, Arena arena)
    {
        (_context, _options, _models, _prompts, _host) = (context, options, models, prompts, host);

        // The recipe's own seed: the same prompts and random numbers in every round, so that policies can be compared.
        var seed = Philox.Derive(context.Recipe.Seed, EvaluationPurpose);
        var settings = StageTools.Sampling(new SamplingOptions { Temperature = options.Temperature }, _options.MaxNewTokens, endIds, seed, _options.MicroBatchTokens);
        var judges = new PolicyJudges { Reference = models.Reference, Reward = models.Reward, Second = models.Second, Gold = GoldOf(context.Recipe, prompts) };
        _evaluator = new PolicyEvaluator([.. prompts.Select(prompt => prompt.Encoded)], _options.EvaluationSamples, settings, tokenizer, judges, _options.MicroBatchTokens, arena);
    }

    /// <summary>Evaluates the present policy and logs what came out.</summary>
    public void Evaluate(long step, ScoreScale scale)
    {
        _evaluator.Scale = scale;
        _last = _evaluator.Evaluate(_models.Policy, _context.Cancellation);
        var score = _last.Score;
        var values = new List<(string, double)>
        {
            ("heldout_score", score.Value),
            ("heldout_score_low", score.Low),
            ("heldout_score_high", score.High),
            ("heldout_kl", _last.Kl.Value),
            ("heldout_length", _last.Length.Value),
            ("heldout_entropy", _last.Entropy),
            ("heldout_eos_share", _last.EosShare),
        };
        if (_last.SecondScore is { } second)
        {
            values.Add(("heldout_second_score", second.Value));
        }

        if (_last.GoldScore is { } gold)
        {
            values.Add(("heldout_gold_score", gold.Value));
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

        using var decoder = _context.LoadFrozen(_context.Models.Base.Folder, HeadKind.Language).Decoder;
        return _evaluator.Evaluate(decoder, _context.Cancellation);
    }

    private static Dictionary<string, Figure> Figures(PolicyEvaluation? start, PolicyEvaluation sft, PolicyEvaluation ppo, PpoResult result)
    {
        var figures = new Dictionary<string, Figure>
        {
            [FigureNames.EvaluationPrompts] = new(ppo.Answers.Select(static answer => answer.Prompt).Distinct().Count()),
            [FigureNames.EvaluationAnswers] = new(ppo.Answers.Count),
            [FigureNames.Score] = ppo.Score.ToFigure(),
            [FigureNames.SftScore] = sft.Score.ToFigure(),
            [FigureNames.ScoreGain] = GainOf(sft, ppo, static answer => answer.Score).ToFigure(),
            [FigureNames.Kl] = ppo.Kl.ToFigure("nats"),
            [FigureNames.WinRate] = WinRate.Of(ByPrompt(ppo, static answer => answer.Score), ByPrompt(sft, static answer => answer.Score)).Rate.ToFigure("share"),
            [FigureNames.ResponseLength] = ppo.Length.ToFigure("tokens"),
            [FigureNames.SftResponseLength] = sft.Length.ToFigure("tokens"),
            [FigureNames.EosShare] = new(ppo.EosShare, Unit: "share"),
            ["sft_eos_share"] = new(sft.EosShare, Unit: "share"),
            [FigureNames.DistinctShare] = new(ppo.DistinctShare, Unit: "share"),
            ["sft_distinct_share"] = new(sft.DistinctShare, Unit: "share"),
            ["entropy"] = new(ppo.Entropy, Unit: "nats"),
            ["sft_entropy"] = new(sft.Entropy, Unit: "nats"),
            ["kl_coefficient"] = new(result.KlCoefficient),
            ["score_scale_mean"] = new(result.Scale.Mean),
            ["score_scale_deviation"] = new(result.Scale.StandardDeviation),
        };
        void Add(string name, Estimate? estimate)
        {
            if (estimate is not null)
            {
                figures[name] = estimate.ToFigure();
            }
        }

        Add(FigureNames.SecondScore, ppo.SecondScore);
        Add(FigureNames.SftSecondScore, sft.SecondScore);
        Add(FigureNames.GoldScore, ppo.GoldScore);
        Add(FigureNames.SftGoldScore, sft.GoldScore);
        Add("gold_gain", ppo.GoldScore is null ? null : GainOf(sft, ppo, static answer => answer.GoldScore!.Value));
        Add(FigureNames.BaseScore, start?.Score);
        Add(FigureNames.BaseGoldScore, start?.GoldScore);
        return figures;
    }

    private static Estimate GainOf(PolicyEvaluation before, PolicyEvaluation after, Func<EvaluatedAnswer, double> figure) =>
        Intervals.PairedBootstrap(ByPrompt(after, figure), ByPrompt(before, figure));

    private static double[] ByPrompt(PolicyEvaluation evaluation, Func<EvaluatedAnswer, double> figure) =>
        [.. evaluation.Answers.GroupBy(static answer => answer.Prompt).OrderBy(static group => group.Key).Select(group => group.Average(figure))];

    private IReadOnlyList<Alarm> AlarmsOf(IEnumerable<MetricsRow> rows)
    {
        var history = rows.Where(row => row.Values.ContainsKey("entropy") && row.Values.ContainsKey("kl")).Select(row => new PpoStepFigures(
            row.Step, row.Values["kl"], row.Values["response_length"], row.Values["entropy"], row.Values["score"],
            row.Values.TryGetValue("second_score", out var second) ? second : null,
            row.Values.TryGetValue("score_deviation", out var deviation) ? deviation : null)).ToArray();
        var alarms = Alarms.Of(history, _options.Alarms);
        foreach (var alarm in alarms)
        {
            _context.Progress.Line($"{_context.Step.Name}: alarm: {alarm.Message}");
        }

        return alarms;
    }

    private static FrontierPoint? PointOf(MetricsRow row)
    {
        double? Value(string name) => row.Values.TryGetValue(name, out var value) ? value : null;
        return Value("heldout_score") is { } score && Value("heldout_kl") is { } kl
            ? new FrontierPoint(row.Step, kl, score, Value("heldout_score_low"), Value("heldout_score_high"), Value("heldout_second_score"), Value("heldout_gold_score"))
            : null;
    }

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
