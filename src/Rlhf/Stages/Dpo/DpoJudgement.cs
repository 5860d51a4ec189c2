using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Dpo;

/// <summary>The policy's own answers to held-out prompts: while it trains, and at its end beside those of SFT and base.</summary>
internal sealed class DpoJudgement : IDisposable
{
    private readonly StageContext _context;
    private readonly DpoOptions _options;
    private readonly Decoder _policy;
    private readonly Decoder _sft;
    private readonly Decoder? _reward;
    private readonly StageHost _host;
    private readonly HeldOutJudgement _answers;
    private JudgedAnswers? _last;

    private DpoJudgement(StageContext context, DpoOptions options, Decoder policy, StageModels models, StageReader reader,
        (IReadOnlyList<EncodedPrompt> Prompts, IReadOnlyList<PromptRecord>? Records, IReadOnlyList<int> EndIds) from, StageHost host, Arena arena)
    {
        (_context, _options, _policy, _host) = (context, options, policy, host);
        _sft = models.Frozen(context.Models.Supervised.Open(), HeadKind.Language);
        _reward = context.Models.Reward is { } place ? models.Frozen(place.Open(), HeadKind.Scalar, shifted: true) : null;
        var asked = new HeldOutPrompts(
            from.Prompts, from.Records, from.EndIds, options.EvaluationSamples, options.Temperature, options.MaxNewTokens, options.MicroBatchTokens);
        _answers = new HeldOutJudgement(
            context, models, reader.Tokenizer, asked, new PolicyJudges { Reference = _sft, Reward = _reward }, rewards: null, arena);
    }

    /// <summary>A judgement on the held-out prompts of the data, or those of the held-out rows; null where there are fewer than two.</summary>
    public static DpoJudgement? Create(
        StageContext context, DpoOptions options, Decoder policy, StageModels models, StageReader reader, DpoRows rows, StageHost host, Arena arena)
    {
        if (options.EvaluationPrompts == 0)
        {
            return null;
        }

        // Prompts of rows that leave no room are left out below.
        var room = context.Recipe.Data.Prompts is null ? Math.Min(options.MaxNewTokens, reader.ContextLength - 1) : options.MaxNewTokens;
        var encoder = reader.PromptEncoder(options.Limits, room);
        var given = context.Recipe.Data.Prompts is null
            ? []
            : StageReader.Encode(encoder, context.Data.FirstPrompts(heldOut: true, options.EvaluationPrompts));
        EncodedPrompt[] prompts = given.Count > 1
            ? [.. given.Select(static prompt => prompt.Encoded)]
            : [.. PromptsOf(rows.HeldOut, reader.ContextLength - options.MaxNewTokens).Take(options.EvaluationPrompts)];
        if (prompts.Length > 1)
        {
            if (options.BestOf is not null && context.Models.Reward is null && given.Count < 2)
            {
                throw new InputException(
                    $"{context.Step.Name}: dpo.best_of has nothing to choose the best by: the gold rule knows the prompts of data.prompts, and fewer than two of them are held out; hold some out, or take best_of away.");
            }

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
        _last = _answers.Judge(_policy);
        var evaluation = _last.Evaluation;
        _host.Log(step, HeldOutJudgement.MetricsOf(evaluation));
        foreach (var answer in evaluation.Answers.Take(_options.SamplesPerEvaluation))
        {
            _host.Sample(step, answer.Completion.Prompt, answer.Completion.Response, ("kl", answer.Kl));
        }

        _context.Progress.Line(FormattableString.Invariant($"{_context.Step.Name}: step {step}, KL {evaluation.Kl.Value:F2} on held-out prompts"));
    }

    /// <summary>The last evaluation beside SFT and base.</summary>
    public HeldOutResult Compare() => _answers.Compare(_last ?? _answers.Judge(_policy), "DPO", _options.BestOf);

    /// <inheritdoc/>
    public void Dispose()
    {
        _sft.Dispose();
        _reward?.Dispose();
    }
}
