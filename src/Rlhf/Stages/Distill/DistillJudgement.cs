using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Stages.Collect;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Distill;

/// <summary>The student's own answers to held-out prompts: how far it is from its teacher while it trains, and at its end its answers beside those of SFT, base
/// and teacher.</summary>
internal sealed class DistillJudgement : IDisposable
{
    private const ulong EvaluationPurpose = 0x6576616C; // "eval"

    private readonly StageContext _context;
    private readonly StageModels _models;
    private readonly Decoder _student;
    private readonly Decoder _teacher;
    private readonly Decoder _sft;
    private readonly Decoder? _reward;
    private readonly StageHost _host;
    private readonly IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> _prompts;
    private readonly PolicyEvaluator _evaluator;
    private PolicyEvaluation? _last;
    private Estimate? _teacherKl;

    public DistillJudgement(
        StageContext context, DistillOptions options, StageModels models, (Decoder Student, Decoder Teacher) pair, StageReader reader, IReadOnlyList<int> endIds,
        IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> prompts, StageHost host, Arena arena)
    {
        (_context, _models, _prompts, _host) = (context, models, prompts, host);
        (_student, _teacher) = pair;
        _sft = models.Frozen(context.Models.Supervised.Open(), HeadKind.Language);
        _reward = context.Models.Reward is { } place ? models.Frozen(place.Open(), HeadKind.Scalar, shifted: true) : null;

        // The recipe's own seed: the same prompts and random numbers in every round, so that policies can be compared.
        var settings = StageTools.Sampling(new SamplingOptions { Temperature = options.Temperature }, options.MaxNewTokens, endIds,
            Philox.Derive(context.Recipe.Seed, EvaluationPurpose), options.MicroBatchTokens);
        var gold = GoldJudge.Of(context.Recipe, [.. prompts.Select(static prompt => prompt.Record)]);
        _evaluator = new PolicyEvaluator([.. prompts.Select(static prompt => prompt.Encoded)], options.EvaluationSamples, settings, reader.Tokenizer,
            new PolicyJudges { Reference = _sft, Reward = _reward, Gold = gold }, options.MicroBatchTokens, arena);
    }

    /// <summary>Has the present student answer, and logs what came out.</summary>
    public void Evaluate(long step, DistillTrainer trainer)
    {
        _last = _evaluator.Evaluate(_student, _context.Cancellation);
        _teacherKl = TeacherKlOf(_last, trainer);
        _host.Log(step, [(DistillMetrics.HeldoutTeacherKl, _teacherKl.Value), .. AnswerSummary.HeldOut(_last)]);
        _context.Progress.Line(FormattableString.Invariant(
            $"{_context.Step.Name}: step {step}, KL to the teacher {_teacherKl.Value:F3} nats a token on held-out prompts"));
    }

    /// <summary>Adds the figures of the last evaluation beside those of SFT, base and teacher, and the answers side by side.</summary>
    public IReadOnlyList<SideBySide> Summarize(FigureTable figures, DistillTrainer trainer)
    {
        if (_last is null)
        {
            _last = _evaluator.Evaluate(_student, _context.Cancellation);
            _teacherKl = TeacherKlOf(_last, trainer);
        }

        var sft = _evaluator.Evaluate(_sft, _context.Cancellation);
        var start = AnswerSummary.OfBase(_context, _models, _evaluator);
        var teacher = _evaluator.Evaluate(_teacher, _context.Cancellation);
        foreach (var (key, figure) in AnswerSummary.Of(start, sft, _last))
        {
            figures[key] = figure;
        }

        AnswerSummary.Add(figures, DistillMetrics.TeacherKl, _teacherKl, "nats per token");
        AnswerSummary.Add(figures, DistillMetrics.TeacherGoldScore, teacher.GoldScore);
        AnswerSummary.Add(figures, DistillMetrics.TeacherScore, _reward is null ? null : teacher.Score);
        var before = MetricsFile.Read(_context.Run.FullPath).Where(row => row.Stage == _context.Step.Name && row.Step == 0)
            .Select(static row => row.Of(DistillMetrics.HeldoutTeacherKl)).FirstOrDefault(static value => value is not null);
        if (before is { } value)
        {
            figures[DistillMetrics.StartTeacherKl] = new Figure(value, Unit: "nats per token");
        }

        return AnswerSummary.SideBySideOf([.. _prompts.Select(static prompt => prompt.Encoded.PromptText)],
            ("base", start), ("SFT", sft), ("student", _last), ("teacher", teacher));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sft.Dispose();
        _reward?.Dispose();
    }

    /// <summary>Mean over tokens, with an interval over prompts.</summary>
    private static Estimate TeacherKlOf(PolicyEvaluation evaluation, DistillTrainer trainer)
    {
        var sums = trainer.TeacherKl([.. evaluation.Answers.Select(static answer => answer.Completion)]);
        return Intervals.Mean(
        [
            .. evaluation.Answers.Zip(sums).GroupBy(static pair => pair.First.Prompt)
                .Select(static group => group.Average(static pair => pair.Second / pair.First.Completion.Response.Length)),
        ]);
    }
}
