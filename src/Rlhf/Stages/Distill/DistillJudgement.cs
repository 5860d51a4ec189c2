using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Distill;

/// <summary>The student's own answers to held-out prompts: how far it is from its teacher while it trains, and at its end its answers beside those of SFT, base
/// and teacher.</summary>
internal sealed class DistillJudgement : IDisposable
{
    private readonly StageContext _context;
    private readonly Decoder _student;
    private readonly Decoder _teacher;
    private readonly Decoder _sft;
    private readonly Decoder? _reward;
    private readonly StageHost _host;
    private readonly HeldOutJudgement _answers;
    private JudgedAnswers? _last;
    private Estimate? _teacherKl;

    public DistillJudgement(
        StageContext context, DistillOptions options, StageModels models, (Decoder Student, Decoder Teacher) pair, StageReader reader,
        IReadOnlyList<int> endIds, IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> prompts, StageHost host, Arena arena)
    {
        (_context, _host) = (context, host);
        (_student, _teacher) = pair;
        _sft = models.Frozen(context.Models.Supervised.Open(), HeadKind.Language);
        _reward = context.Models.Reward is { } place ? models.Frozen(place.Open(), HeadKind.Scalar, shifted: true) : null;
        PromptRecord[] records = [.. prompts.Select(static prompt => prompt.Record)];
        var asked = new HeldOutPrompts(
            [.. prompts.Select(static prompt => prompt.Encoded)], records, endIds, options.EvaluationSamples, options.Temperature, options.MaxNewTokens,
            options.MicroBatchTokens);
        var judges = new PolicyJudges { Reference = _sft, Reward = _reward };
        _answers = new HeldOutJudgement(context, models, reader.Tokenizer, asked, judges, rewards: null, arena);
    }

    /// <summary>Has the present student answer, and logs what came out.</summary>
    public void Evaluate(long step, DistillTrainer trainer)
    {
        Judge(trainer);
        _host.Log(step, [(DistillMetrics.HeldoutTeacherKl, _teacherKl!.Value), .. HeldOutJudgement.MetricsOf(_last!.Evaluation)]);
        _context.Progress.Line(FormattableString.Invariant(
            $"{_context.Step.Name}: step {step}, KL to the teacher {_teacherKl.Value:F3} nats a token on held-out prompts"));
    }

    /// <summary>The last evaluation beside SFT, base and teacher.</summary>
    public HeldOutResult Compare(DistillTrainer trainer)
    {
        if (_last is null)
        {
            Judge(trainer);
        }

        var teacher = _answers.Judge(_teacher).Evaluation;
        var result = _answers.Compare(_last!, "student", bestOf: null, ("teacher", teacher));
        AnswerSummary.Add(result.Figures, DistillMetrics.TeacherKl, _teacherKl, "nats per token");
        AnswerSummary.Add(result.Figures, DistillMetrics.TeacherGoldScore, teacher.GoldScore);
        AnswerSummary.Add(result.Figures, DistillMetrics.TeacherScore, _reward is null ? null : teacher.Score);
        if (KlAtStart() is { } before)
        {
            result.Figures[DistillMetrics.StartTeacherKl] = new Figure(before, Unit: "nats per token");
        }

        return result;
    }

    /// <summary>Score against KL, evaluation by evaluation.</summary>
    public FrontierPoint[] Frontier() => FrontierSection.PointsOf(_context.LoggedRows());

    /// <inheritdoc/>
    public void Dispose()
    {
        _sft.Dispose();
        _reward?.Dispose();
    }

    private void Judge(DistillTrainer trainer)
    {
        _last = _answers.Judge(_student);
        var answers = _last.Evaluation.Answers;
        var sums = trainer.TeacherKl([.. answers.Select(static answer => answer.Completion)]);
        _teacherKl = Intervals.Mean(
        [
            .. answers.Zip(sums).GroupBy(static pair => pair.First.Prompt)
                .Select(static group => group.Average(static pair => pair.Second / pair.First.Completion.Response.Length)),
        ]);
    }

    // From the metrics: a resumed run has not seen it.
    private double? KlAtStart() => _context.LoggedRows().Where(static row => row.Step == 0)
        .Select(static row => row.Of(DistillMetrics.HeldoutTeacherKl)).FirstOrDefault(static value => value is not null);
}
