using Rlhf.Data;
using Rlhf.Grading;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Rejection;

/// <summary>Samples n answers to each prompt, scores them and keeps the best of each.</summary>
/// <param name="policy">The model that answers.</param>
/// <param name="tokenizer">Turns answers into text.</param>
/// <param name="rewards">What gives them scores.</param>
/// <param name="options">The stage's options.</param>
internal sealed class RejectionSampler(Decoder policy, Tokenizer tokenizer, AnswerRewards rewards, RejectionOptions options)
{
    /// <summary>Tokens that go through a model at once.</summary>
    public const int RowBudget = 4096;

    /// <summary>Prompts that are answered at once: enough for the device, few enough for the memory.</summary>
    public static int PromptsAtOnce(int answersPerPrompt) => Math.Max(1, 256 / answersPerPrompt);

    private readonly RunningMoments[] _bySource = new RunningMoments[rewards.Sources.Count];
    private RunningMoments _all;
    private RunningMoments _best;

    /// <summary>Prompts none of whose answers ended.</summary>
    public int WithoutEnd { get; private set; }

    /// <summary>Tokens that were drawn.</summary>
    public long Tokens { get; private set; }

    /// <summary>Mean score of all answers.</summary>
    public double MeanScore => _all.Mean;

    /// <summary>Mean score of the best answers, before any is left out.</summary>
    public double BestScore => _best.Mean;

    /// <summary>Mean number of a source over all answers.</summary>
    public double MeanOf(int source) => _bySource[source].Mean;

    /// <summary>The best answer to each prompt that has one, in the prompts' order. The same settings, prompts and models give the same.</summary>
    public List<ChosenAnswer> Choose(
        IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> prompts, IReadOnlyList<int> endIds, ulong seed, ProgressTask progress,
        CancellationToken cancellation)
    {
        var settings = StageTools.Sampling(options.Sampling, options.MaxNewTokens, endIds, seed, RowBudget);
        using var generator = new Generator(policy);
        var (n, atOnce) = (options.AnswersPerPrompt, PromptsAtOnce(options.AnswersPerPrompt));
        var chosen = new List<ChosenAnswer>();
        for (var first = 0; first < prompts.Count; first += atOnce)
        {
            var part = prompts.Skip(first).Take(atOnce).ToArray();
            int[][] asked = [.. part.SelectMany(prompt => Enumerable.Repeat(prompt.Encoded.Tokens, n))];
            var answers = generator.Generate(asked, settings with { FirstRow = (uint)(first * n) }, cancellation: cancellation);
            Tokens += answers.Sum(static answer => (long)answer.Response.Length);
            GradedAnswer[] graded = [.. answers.Select((answer, i) => new GradedAnswer(
                StageRewards.PromptOf(part[i / n].Record), tokenizer.Decode(answer.ResponseWithoutEnd), answer.Tokens, answer.Prompt.Length))];
            var scores = rewards.Learn(graded, cancellation);
            Count(scores);
            for (var i = 0; i < part.Length; i++)
            {
                if (BestOf(answers, scores.Total, i * n) is { } best)
                {
                    _best = _best.With(scores.Total[best]);
                    var bySource = rewards.Sources.Select((source, k) => (source.Name, scores.BySource[k][best]));
                    chosen.Add(new ChosenAnswer(
                        part[i].Record, part[i].Encoded.Tokens, graded[best].Text, answers[best].Response, scores.Total[best], [.. bySource],
                        RunningMoments.Of(scores.Total.AsSpan(i * n, n)).Mean));
                }
                else
                {
                    WithoutEnd++;
                }
            }

            progress.Advance(part.Length);
        }

        return chosen;
    }

    /// <summary>What is left of the best answers, in their order.</summary>
    public static List<ChosenAnswer> Filter(List<ChosenAnswer> chosen, RejectionOptions options)
    {
        var good = chosen.Where(answer => !(answer.Score < options.MinScore)).ToList();
        if (options.TopShare is not { } share)
        {
            return good;
        }

        var kept = good.Index().OrderByDescending(static answer => answer.Item.Score).ThenBy(static answer => answer.Index)
            .Take((int)Math.Ceiling(share * good.Count)).Select(static answer => answer.Index).ToHashSet();
        return [.. good.Where((_, i) => kept.Contains(i))];
    }

    private void Count(RewardScores scores)
    {
        if (Array.Exists(scores.Total, static score => !float.IsFinite(score)))
        {
            throw new RunFailedException("An answer got a score that is no finite number: the rewards cannot be compared.");
        }

        _all += RunningMoments.Of(scores.Total);
        for (var k = 0; k < _bySource.Length; k++)
        {
            _bySource[k] += RunningMoments.Of(scores.BySource[k]);
        }
    }

    /// <summary>The number of the first of the best answers among those that may be chosen; null where none may.</summary>
    private int? BestOf(Completion[] answers, float[] scores, int start)
    {
        int? best = null;
        for (var i = start; i < start + options.AnswersPerPrompt; i++)
        {
            if ((answers[i].Finished || !options.FinishedOnly) && answers[i].Response.Length > 0 && (best is null || scores[i] > scores[best.Value]))
            {
                best = i;
            }
        }

        return best;
    }
}
