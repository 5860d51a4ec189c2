using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>The held-out prompts of a stage and how they are answered.</summary>
/// <param name="Prompts">The prompts.</param>
/// <param name="Records">Their rows; null where they are those of rankings.</param>
/// <param name="EndIds">Tokens that end an answer.</param>
/// <param name="Samples">Answers to each.</param>
/// <param name="Temperature">Of sampling and of the log-probabilities.</param>
/// <param name="MaxNewTokens">An answer is cut after so many tokens.</param>
/// <param name="RowBudget">Tokens that go through a model at once.</param>
internal sealed record HeldOutPrompts(
    IReadOnlyList<EncodedPrompt> Prompts, IReadOnlyList<PromptRecord>? Records, IReadOnlyList<int> EndIds, int Samples, double Temperature, int MaxNewTokens,
    int RowBudget);

/// <summary>Answers of one model to the held-out prompts.</summary>
/// <param name="Evaluation">The answers, judged.</param>
/// <param name="Numbers">Of a list of rewards: for each source the numbers of all answers.</param>
internal sealed record JudgedAnswers(PolicyEvaluation Evaluation, IReadOnlyList<float[]> Numbers);

/// <summary>A policy judged by its answers to held-out prompts, whatever trains it: while it trains, and at its end beside SFT and base.</summary>
internal sealed class HeldOutJudgement
{
    private const ulong EvaluationPurpose = 0x6576616C; // "eval"

    private readonly StageContext _context;
    private readonly StageModels _stored;
    private readonly HeldOutPrompts _asked;
    private readonly Decoder _sft;
    private readonly AnswerRewards? _rewards;
    private readonly Func<int, ulong, PolicyEvaluator> _evaluatorOf;
    private IReadOnlyList<float[]> _numbers = []; // of the last answers by source

    /// <summary>Prepares it.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="stored">Loads models.</param>
    /// <param name="tokenizer">Turns answers into text.</param>
    /// <param name="asked">The prompts.</param>
    /// <param name="judges">The models that judge; the reference is the SFT model.</param>
    /// <param name="rewards">A list of rewards, which scores in the place of a reward model; null for none.</param>
    /// <param name="arena">Memory for activations, which others use in turn.</param>
    public HeldOutJudgement(
        StageContext context, StageModels stored, Tokenizer tokenizer, HeldOutPrompts asked, PolicyJudges judges, AnswerRewards? rewards, Arena arena)
    {
        (_context, _stored, _asked, _sft, _rewards) = (context, stored, asked, judges.Reference!, rewards);

        // The recipe's own seed: the same prompts and random numbers in every round, so that policies can be compared.
        var settings = StageTools.Sampling(new SamplingOptions { Temperature = asked.Temperature }, asked.MaxNewTokens, asked.EndIds,
            Philox.Derive(context.Recipe.Seed, EvaluationPurpose), asked.RowBudget);
        var all = judges with
        {
            Grade = rewards is null ? null : Grade,
            Gold = asked.Records is { } records ? GoldJudge.Of(records) : null,
        };
        _evaluatorOf = (samples, stream) =>
            new PolicyEvaluator(asked.Prompts, samples, settings with { Stream = stream }, tokenizer, all, asked.RowBudget, arena);
        Evaluator = _evaluatorOf(asked.Samples, 0);
    }

    /// <summary>Answers and judges.</summary>
    public PolicyEvaluator Evaluator { get; }

    /// <summary>Has a model answer the prompts.</summary>
    public JudgedAnswers Judge(Decoder model)
    {
        var evaluation = Evaluator.Evaluate(model, _context.Cancellation);
        return new JudgedAnswers(evaluation, _numbers);
    }

    /// <summary>What is logged of a policy's answers.</summary>
    public static (Metric, double)[] MetricsOf(PolicyEvaluation evaluation)
    {
        var values = new List<(Metric, double)>();
        if (!double.IsNaN(evaluation.Answers[0].Score))
        {
            var score = evaluation.Score;
            values.AddRange(
                [(AnswerMetrics.HeldoutScore, score.Value), (AnswerMetrics.HeldoutScoreLow, score.Low), (AnswerMetrics.HeldoutScoreHigh, score.High)]);
        }

        values.AddRange(
        [
            (AnswerMetrics.HeldoutKl, evaluation.Kl.Value), (AnswerMetrics.HeldoutLength, evaluation.Length.Value),
            (AnswerMetrics.HeldoutEntropy, evaluation.Entropy), (AnswerMetrics.HeldoutEosShare, evaluation.EosShare),
        ]);
        if (evaluation.SecondScore is { } second)
        {
            values.Add((AnswerMetrics.HeldoutSecondScore, second.Value));
        }

        if (evaluation.GoldScore is { } gold)
        {
            values.Add((AnswerMetrics.HeldoutGoldScore, gold.Value));
        }

        return [.. values];
    }

    /// <summary>The policy's last answers beside those of SFT and base.</summary>
    /// <param name="policy">The policy's answers.</param>
    /// <param name="name">What the policy is called beside the others.</param>
    /// <param name="bestOf">Sets the best of so many answers of SFT beside it; null: not.</param>
    /// <param name="others">Answers of further models that are shown beside these.</param>
    public HeldOutResult Compare(JudgedAnswers policy, string name, int? bestOf, params (string Name, PolicyEvaluation? Evaluation)[] others)
    {
        var sft = Judge(_sft);
        var start = AnswerSummary.OfBase(_context, _stored, Evaluator);
        var figures = AnswerSummary.Of(start, sft.Evaluation, policy.Evaluation);
        foreach (var (i, source) in (_rewards?.Sources ?? []).Index())
        {
            figures[GradingMetrics.RewardMean.Of(source.Name)] = ByPrompt(policy.Numbers[i]);
            figures[GradingMetrics.SftRewardMean.Of(source.Name)] = ByPrompt(sft.Numbers[i]);
        }

        BestOfNPoint[]? best = null;
        if (bestOf is { } most)
        {
            var evaluator = _evaluatorOf(most, EvaluationPurpose);
            evaluator.Scale = Evaluator.Scale;
            var samples = evaluator.Evaluate(_sft, _context.Cancellation);
            best = BestOfSft.Points(samples);
            BestOfSft.AddAtEqualKl(figures, samples, policy.Evaluation);
        }

        return new HeldOutResult(figures, sft.Evaluation, best, AnswerSummary.SideBySideOf(
            [.. _asked.Prompts.Select(static prompt => prompt.PromptText)],
            [("base", start), ("SFT", sft.Evaluation), (name, policy.Evaluation), .. others]));
    }

    private float[] Grade(IReadOnlyList<PromptedAnswer> answers)
    {
        var scores = _rewards!.Score(
            [.. answers.Select(answer => new GradedAnswer(
                StageRewards.PromptOf(_asked.Records![answer.Prompt]), answer.Text, answer.Tokens, answer.PromptLength))], _context.Cancellation);
        _numbers = scores.BySource;
        return scores.Total;
    }

    private Figure ByPrompt(float[] numbers) => Intervals.Mean(
        [.. numbers.Index().GroupBy(one => one.Index % _asked.Prompts.Count).Select(static group => group.Average(static one => (double)one.Item))]).ToFigure();
}

/// <summary>What a policy's answers came to.</summary>
/// <param name="Figures">The figures.</param>
/// <param name="Sft">The SFT model's answers.</param>
/// <param name="BestOfN">The best of n of SFT; null where it was not asked for.</param>
/// <param name="SideBySide">Some of the answers.</param>
internal sealed record HeldOutResult(FigureTable Figures, PolicyEvaluation Sft, BestOfNPoint[]? BestOfN, SideBySide[] SideBySide);
