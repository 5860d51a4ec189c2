using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Evaluation;

/// <summary>One sampled answer to a held-out prompt, judged.</summary>
/// <param name="Prompt">Number of the prompt.</param>
/// <param name="Text">The answer as a person reads it.</param>
/// <param name="Completion">Its tokens.</param>
/// <param name="Score">By the reward model, on the evaluation's scale; NaN without a reward model.</param>
/// <param name="SecondScore">By the second reward model, as it is; null without one.</param>
/// <param name="Gold">By the gold rule; null without one.</param>
/// <param name="Kl">Sum over its tokens of log p - log p of the reference; NaN without a reference.</param>
/// <param name="Entropy">Mean entropy per token, nats.</param>
public sealed record EvaluatedAnswer(
    int Prompt, string Text, Completion Completion, double Score, double? SecondScore, GoldVerdict? Gold, double Kl, double Entropy);

/// <summary>A policy's answers to the held-out prompts and what they come to. Intervals are over prompts.</summary>
/// <param name="Answers">Sample by sample: all prompts, then all prompts again.</param>
public sealed record PolicyEvaluation(IReadOnlyList<EvaluatedAnswer> Answers)
{
    /// <summary>Mean score.</summary>
    public Estimate Score => MeanOf(static answer => answer.Score);

    /// <summary>Mean score by the second reward model.</summary>
    public Estimate? SecondScore => Answers[0].SecondScore is null ? null : MeanOf(static answer => answer.SecondScore!.Value);

    /// <summary>Mean score by the gold rule.</summary>
    public Estimate? GoldScore => OfGold(static gold => gold.Score);

    /// <summary>Share of answers that give the right value and no other, and are not rude, by the gold rule.</summary>
    public Estimate? RightShare => OfGold(static gold => gold.Fact == FactVerdict.Right ? 1 : 0);

    /// <summary>Share of answers with a courtesy and without an insult, right or wrong, by the gold rule.</summary>
    public Estimate? PoliteShare => OfGold(static gold => gold.Polite ? 1 : 0);

    /// <summary>Mean KL to the reference, nats per answer.</summary>
    public Estimate Kl => MeanOf(static answer => answer.Kl);

    /// <summary>Mean length, tokens.</summary>
    public Estimate Length => MeanOf(static answer => answer.Completion.Response.Length);

    /// <summary>Mean entropy per token, nats.</summary>
    public double Entropy =>
        Answers.Sum(static answer => answer.Entropy * answer.Completion.Response.Length) / Answers.Sum(static answer => answer.Completion.Response.Length);

    /// <summary>Share of answers that ended by themselves.</summary>
    public double EosShare => Answers.Count(static answer => answer.Completion.Finished) / (double)Answers.Count;

    /// <summary>Distinct answers over all answers.</summary>
    public double DistinctShare => Answers.Select(static answer => answer.Text).Distinct().Count() / (double)Answers.Count;

    /// <summary>A mean over answers with an interval that takes prompts, not answers, as independent.</summary>
    public Estimate MeanOf(Func<EvaluatedAnswer, double> figure) =>
        Intervals.Mean([.. Answers.GroupBy(static answer => answer.Prompt).Select(group => group.Average(figure))]);

    private Estimate? OfGold(Func<GoldVerdict, double> figure) => Answers[0].Gold is null ? null : MeanOf(answer => figure(answer.Gold!));

    /// <summary>For <see cref="LearnedAnalysis"/>.</summary>
    public IReadOnlyList<LearnedAnswer> ForLearning() => [.. Answers.Select(static answer => new LearnedAnswer
    {
        Prompt = answer.Prompt,
        Text = answer.Text,
        Score = answer.Score,
        SecondScore = answer.SecondScore,
        Tokens = answer.Completion.Response.Length,
        Finished = answer.Completion.Finished,
    })];
}

/// <summary>An answer to a held-out prompt that is to be scored.</summary>
/// <param name="Prompt">Number of the prompt.</param>
/// <param name="Text">The answer as a person reads it.</param>
/// <param name="Tokens">Prompt and answer.</param>
/// <param name="PromptLength">Tokens of the prompt.</param>
public sealed record PromptedAnswer(int Prompt, string Text, int[] Tokens, int PromptLength);

/// <summary>Who judges answers.</summary>
public sealed record PolicyJudges
{
    /// <summary>KL is measured to this model; null: not at all.</summary>
    public Decoder? Reference { get; init; }

    /// <summary>The reward model; null: no score.</summary>
    public Decoder? Reward { get; init; }

    /// <summary>What gives scores in the place of a reward model; null: nothing else does.</summary>
    public Func<IReadOnlyList<PromptedAnswer>, float[]>? Grade { get; init; }

    /// <summary>A second reward model.</summary>
    public Decoder? Second { get; init; }

    /// <summary>The truth: the judgement of an answer's text to the prompt of a number, where it is known.</summary>
    public Func<int, string, GoldVerdict>? Gold { get; init; }
}

/// <summary>Samples answers to the same held-out prompts from any policy and has them judged. The same policy always gives the same answers.</summary>
public sealed class PolicyEvaluator
{
    private readonly IReadOnlyList<EncodedPrompt> _prompts;
    private readonly int _samples;
    private readonly GenerationSettings _settings;
    private readonly Tokenizer _tokenizer;
    private readonly PolicyJudges _judges;
    private readonly int _rowBudget;
    private readonly Arena _arena; // one model after another works in it

    /// <summary>Prepares evaluations.</summary>
    /// <param name="prompts">The held-out prompts, at least two: intervals go by prompts.</param>
    /// <param name="samples">Answers to each prompt.</param>
    /// <param name="settings">How answers are sampled.</param>
    /// <param name="tokenizer">Turns answers into text and back.</param>
    /// <param name="judges">Who judges.</param>
    /// <param name="rowBudget">Tokens that go through a model at once.</param>
    /// <param name="arena">Memory for activations, which others may use in turn.</param>
    public PolicyEvaluator(
        IReadOnlyList<EncodedPrompt> prompts, int samples, GenerationSettings settings, Tokenizer tokenizer, PolicyJudges judges, int rowBudget, Arena arena)
    {
        if (prompts.Count < 2)
        {
            throw new InputException(
                (prompts.Count == 0
                    ? "There is no held-out prompt to evaluate a policy on"
                    : "There is one held-out prompt to evaluate a policy on, and an interval needs two")
                + ": give data.evaluation_prompts or a larger held_out share of data.prompts.");
        }

        (_prompts, _samples, _settings, _tokenizer, _judges, _rowBudget, _arena) = (prompts, samples, settings, tokenizer, judges, rowBudget, arena);
    }

    /// <summary>In what the first reward model's scores are measured.</summary>
    public ScoreScale Scale { get; set; } = ScoreScale.None;

    /// <summary>Answers of a policy, judged.</summary>
    public PolicyEvaluation Evaluate(Decoder policy, CancellationToken cancellation = default) => Evaluate(policy, null, cancellation);

    /// <summary>Answers of a policy, judged.</summary>
    /// <param name="policy">Has a language head.</param>
    /// <param name="onToken">Told the number of the answer and the token after each draw.</param>
    /// <param name="cancellation">Ends the work between passes.</param>
    public PolicyEvaluation Evaluate(Decoder policy, Action<int, int>? onToken, CancellationToken cancellation = default)
    {
        using var generator = new Generator(policy, _arena);
        int[][] prompts = [.. Enumerable.Range(0, _prompts.Count * _samples).Select(i => _prompts[i % _prompts.Count].Tokens)];
        var completions = generator.Generate(prompts, _settings, onToken, cancellation);
        int[][] sequences = [.. completions.Select(static completion => completion.Tokens)];
        int[] promptLengths = [.. completions.Select(static completion => completion.Prompt.Length)];
        var temperature = _settings.Sampling.IsGreedy ? 1 : _settings.Sampling.Temperature;
        var (own, entropies) = ScorerOf(policy).ResponseLogProbabilities(sequences, promptLengths, temperature);
        var reference = _judges.Reference is { } judge
            ? ScorerOf(judge).ResponseLogProbabilities(sequences, promptLengths, temperature).LogProbabilities
            : null;
        string[] texts = [.. completions.Select(completion => _tokenizer.Decode(completion.ResponseWithoutEnd))];
        var scores = ScoresOf(sequences, promptLengths, i => i % _prompts.Count, texts);
        var second = _judges.Second is { } other ? ScorerOf(other).Rewards(sequences, promptLengths) : null;
        var answers = new EvaluatedAnswer[completions.Length];
        var at = 0;
        for (var i = 0; i < answers.Length; i++)
        {
            var tokens = completions[i].Response.Length;
            answers[i] = new EvaluatedAnswer(
                i % _prompts.Count, texts[i], completions[i], scores is null ? double.NaN : Scale.Apply(scores[i]), second?[i],
                _judges.Gold?.Invoke(i % _prompts.Count, texts[i]),
                reference is null ? double.NaN : KlEstimators.LogRatio(own.AsSpan(at, tokens), reference.AsSpan(at, tokens)), MeanOf(entropies, at, tokens));
            at += tokens;
        }

        return new PolicyEvaluation(answers);
    }

    /// <summary>The policy's answer to one more prompt, with the reward model's own score of it, on no other scale; NaN without a reward model.</summary>
    public (Completion Completion, string Text, double Score) AnswerTo(Decoder policy, int[] prompt)
    {
        using var generator = new Generator(policy, _arena);
        var answer = generator.Generate([prompt], _settings)[0];
        var score = _judges.Reward is { } reward ? ScorerOf(reward).Rewards([answer.Tokens], [prompt.Length])[0] : double.NaN;
        return (answer, _tokenizer.Decode(answer.ResponseWithoutEnd), score);
    }

    /// <summary>Scores changed answers again, as <see cref="LearnedAnalysis.Requests"/> asks: same prompt, same ending.</summary>
    public IReadOnlyList<Rescored> Rescore(PolicyEvaluation evaluation, IReadOnlyList<RescoreRequest> requests)
    {
        int[][] sequences = [.. requests.Select(request =>
        {
            var answer = evaluation.Answers[request.Answer].Completion;
            int[] ending = answer.Finished ? [answer.Response[^1]] : [];
            return (int[])[.. answer.Prompt, .. _tokenizer.Encode(request.Text), .. ending];
        })];
        int[] promptLengths = [.. requests.Select(request => evaluation.Answers[request.Answer].Completion.Prompt.Length)];
        string[] texts = [.. requests.Select(static request => request.Text)];
        var scores = ScoresOf(sequences, promptLengths, i => evaluation.Answers[requests[i].Answer].Prompt, texts)
            ?? throw new InvalidOperationException("Answers are scored again by what scored them; there is nothing.");
        var second = _judges.Second is { } other ? ScorerOf(other).Rewards(sequences, promptLengths) : null;
        return [.. scores.Select((score, i) => new Rescored(Scale.Apply(score), second?[i]))];
    }

    /// <summary>What the policy learned since SFT, with its risen words taken out and scored again.</summary>
    public LearnedReport Learned(PolicyEvaluation sft, PolicyEvaluation ppo) =>
        LearnedAnalysis.Run(sft.ForLearning(), ppo.ForLearning(), requests => Rescore(ppo, requests));

    private float[]? ScoresOf(int[][] sequences, int[] promptLengths, Func<int, int> promptOf, string[] texts) =>
        _judges.Grade is { } grade ? grade([.. texts.Select((text, i) => new PromptedAnswer(promptOf(i), text, sequences[i], promptLengths[i]))])
            : _judges.Reward is { } reward ? ScorerOf(reward).Rewards(sequences, promptLengths)
            : null;

    private Scorer ScorerOf(Decoder decoder) => new(decoder, _rowBudget, _arena);

    private static double MeanOf(float[] values, int start, int count)
    {
        var sum = 0.0;
        for (var i = start; i < start + count; i++)
        {
            sum += values[i];
        }

        return sum / count;
    }
}
