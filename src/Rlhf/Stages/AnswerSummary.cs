using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>A policy's answers to held-out prompts beside those of SFT and base, as figures and side by side.</summary>
internal static class AnswerSummary
{
    private const int SideBySidePrompts = 12;

    /// <summary>The base model's answers; null where the policy's stage starts from that model.</summary>
    public static PolicyEvaluation? OfBase(StageContext context, StageModels models, PolicyEvaluator evaluator)
    {
        if (context.Models.Base.Folder == context.Models.Supervised.Folder)
        {
            return null;
        }

        using var decoder = models.Frozen(context.Models.Base.Open(), HeadKind.Language);
        return evaluator.Evaluate(decoder, context.Cancellation);
    }

    /// <summary>The figures; scores are absent where nobody gave them.</summary>
    /// <param name="start">Answers of the base model, where it is another.</param>
    /// <param name="sft">Answers of the SFT model.</param>
    /// <param name="policy">Answers of the policy.</param>
    public static FigureTable Of(PolicyEvaluation? start, PolicyEvaluation sft, PolicyEvaluation policy)
    {
        var figures = new FigureTable
        {
            [AnswerMetrics.EvaluationPrompts] = new(policy.Answers.Select(static answer => answer.Prompt).Distinct().Count()),
            [AnswerMetrics.EvaluationAnswers] = new(policy.Answers.Count),
            [AnswerMetrics.Kl] = policy.Kl.ToFigure("nats"),
            [AnswerMetrics.ResponseLength] = policy.Length.ToFigure("tokens"),
            [AnswerMetrics.SftResponseLength] = sft.Length.ToFigure("tokens"),
            [AnswerMetrics.EosShare] = new(policy.EosShare, Unit: "share"),
            [AnswerMetrics.SftEosShare] = new(sft.EosShare, Unit: "share"),
            [AnswerMetrics.DistinctShare] = new(policy.DistinctShare, Unit: "share"),
            [AnswerMetrics.SftDistinctShare] = new(sft.DistinctShare, Unit: "share"),
            [AnswerMetrics.Entropy] = new(policy.Entropy, Unit: "nats"),
            [AnswerMetrics.SftEntropy] = new(sft.Entropy, Unit: "nats"),
        };
        if (!double.IsNaN(policy.Answers[0].Score))
        {
            figures[AnswerMetrics.Score] = policy.Score.ToFigure();
            figures[AnswerMetrics.SftScore] = sft.Score.ToFigure();
            figures[AnswerMetrics.ScoreGain] = GainOf(sft, policy, static answer => answer.Score).ToFigure();
            figures[AnswerMetrics.WinRate] = WinRate.Of(
                ByPrompt(policy, static answer => answer.Score), ByPrompt(sft, static answer => answer.Score)).Rate.ToFigure("share");
            Add(figures, AnswerMetrics.BaseScore, start?.Score);
        }

        Add(figures, AnswerMetrics.SecondScore, policy.SecondScore);
        Add(figures, AnswerMetrics.SftSecondScore, sft.SecondScore);
        Add(figures, AnswerMetrics.SecondScoreGain, policy.SecondScore is null ? null : GainOf(sft, policy, static answer => answer.SecondScore!.Value));
        Add(figures, AnswerMetrics.GoldScore, policy.GoldScore);
        Add(figures, AnswerMetrics.SftGoldScore, sft.GoldScore);
        Add(figures, AnswerMetrics.GoldGain, policy.GoldScore is null ? null : GainOf(sft, policy, static answer => answer.Gold!.Score));
        Add(figures, AnswerMetrics.BaseGoldScore, start?.GoldScore);
        Add(figures, AnswerMetrics.RightShare, policy.RightShare, "share");
        Add(figures, AnswerMetrics.SftRightShare, sft.RightShare, "share");
        Add(figures, AnswerMetrics.BaseRightShare, start?.RightShare, "share");
        Add(figures, AnswerMetrics.PoliteShare, policy.PoliteShare, "share");
        Add(figures, AnswerMetrics.SftPoliteShare, sft.PoliteShare, "share");
        Add(figures, AnswerMetrics.BasePoliteShare, start?.PoliteShare, "share");
        return figures;
    }

    /// <summary>Sets a figure that was measured.</summary>
    public static void Add(FigureTable figures, Metric metric, Estimate? estimate, string? unit = null)
    {
        if (estimate is not null)
        {
            figures[metric] = estimate.ToFigure(unit);
        }
    }

    /// <summary>The first prompts with an answer of each model.</summary>
    public static SideBySide[] SideBySideOf(IReadOnlyList<string> prompts, params (string Name, PolicyEvaluation? Evaluation)[] evaluations) =>
    [
        .. prompts.Take(SideBySidePrompts).Select((prompt, number) => new SideBySide(prompt,
        [
            .. evaluations.Where(pair => pair.Evaluation is not null).Select(pair => ToAnswer(pair.Name, pair.Evaluation!.Answers[number])),
        ])),
    ];

    private static Estimate GainOf(PolicyEvaluation before, PolicyEvaluation after, Func<EvaluatedAnswer, double> figure) =>
        Intervals.PairedBootstrap(ByPrompt(after, figure), ByPrompt(before, figure));

    private static double[] ByPrompt(PolicyEvaluation evaluation, Func<EvaluatedAnswer, double> figure) =>
        [.. evaluation.Answers.GroupBy(static answer => answer.Prompt).OrderBy(static group => group.Key).Select(group => group.Average(figure))];

    private static ModelAnswer ToAnswer(string model, EvaluatedAnswer answer) => new(
        model, answer.Text, double.IsNaN(answer.Score) ? null : answer.Score, answer.SecondScore, answer.Gold?.Score, answer.Completion.Response.Length,
        answer.Completion.Finished, answer.Gold?.InWords);
}
