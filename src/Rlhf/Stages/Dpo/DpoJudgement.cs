using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Stages.Collect;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Dpo;

/// <summary>The policy's own answers to held-out prompts: while it trains, and at its end beside those of SFT and base.</summary>
internal sealed class DpoJudgement : IDisposable
{
    private const ulong EvaluationPurpose = 0x6576616C; // "eval"

    private readonly StageContext _context;
    private readonly DpoOptions _options;
    private readonly Decoder _policy;
    private readonly StageModels _models;
    private readonly Decoder _sft;
    private readonly Decoder? _reward;
    private readonly StageHost _host;
    private readonly IReadOnlyList<EncodedPrompt> _prompts;
    private readonly PolicyEvaluator _evaluator;
    private PolicyEvaluation? _last;

    private DpoJudgement(
        StageContext context, DpoOptions options, Decoder policy, StageModels models, StageReader reader,
        (IReadOnlyList<EncodedPrompt> Prompts, IReadOnlyList<PromptRecord>? Records, IReadOnlyList<int> EndIds) asked, StageHost host, Arena arena)
    {
        (_context, _options, _policy, _prompts, _host) = (context, options, policy, asked.Prompts, host);
        _models = models;
        _sft = models.Frozen(context.Models.Supervised.Open(), HeadKind.Language);
        _reward = context.Models.Reward is { } place ? models.Frozen(place.Open(), HeadKind.Scalar, shifted: true) : null;

        // The recipe's own seed: the same prompts and random numbers in every round, so that policies can be compared.
        var settings = StageTools.Sampling(new SamplingOptions { Temperature = options.Temperature }, options.MaxNewTokens, asked.EndIds,
            Philox.Derive(context.Recipe.Seed, EvaluationPurpose), options.MicroBatchTokens);
        var gold = asked.Records is { } records ? GoldJudge.Of(context.Recipe, records) : null;
        _evaluator = new PolicyEvaluator(_prompts, options.EvaluationSamples, settings, reader.Tokenizer,
            new PolicyJudges { Reference = _sft, Reward = _reward, Gold = gold }, options.MicroBatchTokens, arena);
    }

    /// <summary>A judgement on the held-out prompts of the data, or those of the held-out rows; null where there are fewer than two.</summary>
    public static DpoJudgement? Create(
        StageContext context, DpoOptions options, Decoder policy, StageModels models, StageReader reader, DpoRows rows, StageHost host, Arena arena)
    {
        if (options.EvaluationPrompts == 0)
        {
            return null;
        }

        var encoder = reader.PromptEncoder(options.Limits, options.MaxNewTokens);
        var given = context.Recipe.Data.Prompts is null
            ? []
            : StageReader.Encode(encoder, context.Data.FirstPrompts(heldOut: true, options.EvaluationPrompts));
        EncodedPrompt[] prompts = given.Count > 1
            ? [.. given.Select(static prompt => prompt.Encoded)]
            : [.. PromptsOf(rows.HeldOut, reader.ContextLength - options.MaxNewTokens).Take(options.EvaluationPrompts)];
        if (prompts.Length > 1)
        {
            PromptRecord[]? records = given.Count > 1 ? [.. given.Select(static prompt => prompt.Record)] : null;
            return new DpoJudgement(context, options, policy, models, reader, (prompts, records, encoder.EndIds), host, arena);
        }

        context.Progress.Line(
            $"{context.Step.Name}: fewer than two held-out prompts leave room for an answer: the policy's own answers are not looked at; hold some out, or set dpo.evaluation_prompts: 0");
        return null;
    }

    /// <summary>The distinct prompts of rows that are short enough.</summary>
    public static IEnumerable<EncodedPrompt> PromptsOf(IReadOnlyList<PreferenceRow> rows, int most) =>
        from row in rows.DistinctBy(static row => row.PromptText)
        let first = row.Answers[0]
        where first.PromptLength <= most
        select new EncodedPrompt(first.RowId, row.PromptText, first.Tokens[..first.PromptLength], Truncated: false);

    /// <summary>Has the present policy answer, logs what came out, and keeps some answers for people to read.</summary>
    public void Evaluate(long step)
    {
        _last = _evaluator.Evaluate(_policy, _context.Cancellation);
        var values = new List<(Metric, double)>
        {
            (AnswerMetrics.HeldoutKl, _last.Kl.Value), (AnswerMetrics.HeldoutLength, _last.Length.Value), (AnswerMetrics.HeldoutEntropy, _last.Entropy),
            (AnswerMetrics.HeldoutEosShare, _last.EosShare),
        };
        if (_reward is not null)
        {
            var score = _last.Score;
            values.AddRange(
                [(AnswerMetrics.HeldoutScore, score.Value), (AnswerMetrics.HeldoutScoreLow, score.Low), (AnswerMetrics.HeldoutScoreHigh, score.High)]);
        }

        if (_last.GoldScore is { } gold)
        {
            values.Add((AnswerMetrics.HeldoutGoldScore, gold.Value));
        }

        _host.Log(step, values.ToArray());
        foreach (var answer in _last.Answers.Take(_options.SamplesPerEvaluation))
        {
            _host.Sample(step, answer.Completion.Prompt, answer.Completion.Response, ("kl", answer.Kl));
        }

        _context.Progress.Line(FormattableString.Invariant($"{_context.Step.Name}: step {step}, KL {_last.Kl.Value:F2} on held-out prompts"));
    }

    /// <summary>Adds the figures of the last evaluation beside those of SFT and base, and the answers side by side.</summary>
    public IReadOnlyList<SideBySide> Summarize(FigureTable figures)
    {
        var policy = _last ?? _evaluator.Evaluate(_policy, _context.Cancellation);
        var sft = _evaluator.Evaluate(_sft, _context.Cancellation);
        var start = AnswerSummary.OfBase(_context, _models, _evaluator);
        foreach (var (key, figure) in AnswerSummary.Of(start, sft, policy))
        {
            figures[key] = figure;
        }

        return AnswerSummary.SideBySideOf([.. _prompts.Select(static prompt => prompt.PromptText)], ("base", start), ("SFT", sft), ("DPO", policy));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sft.Dispose();
        _reward?.Dispose();
    }
}
