using System.Text.Json;
using Rlhf.Objectives;

namespace Rlhf.Tests.Objectives;

/// <summary>B pairs of a fixture as 2 B answers: all better ones, then all worse ones.</summary>
internal sealed class PreferencePairs
{
    private readonly int[] _better;
    private readonly int[] _worse;
    private readonly float[] _reference;
    private readonly float[][] _prompts;

    /// <param name="better">Lengths of the better answers.</param>
    /// <param name="worse">Lengths of the worse ones.</param>
    /// <param name="policy">Log-probabilities of both under the policy.</param>
    /// <param name="reference">The same under the reference.</param>
    /// <param name="prompts">[B,P] log-probabilities of the better answers' prompts, where the fixture has them.</param>
    public PreferencePairs(int[] better, int[] worse, float[] policy, float[] reference, JsonElement? prompts = null)
    {
        (_better, _worse, Policy, _reference) = (better, worse, policy, reference);
        _prompts = prompts is { } rows ? [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(e => (float)e.GetDouble()).ToArray())] : [];
    }

    public float[] Policy { get; }

    private int[] Lengths => [.. _better, .. _worse];

    private int BetterTokens => _better.Sum();

    public int[] Offsets => Golden.Offsets(Lengths);

    public AnswerLogProbabilities Answers(float[] policy, bool hasReference = true) => new(policy, hasReference ? _reference : [], Offsets);

    /// <summary>Sum over tokens of policy - reference, or of either, of each answer.</summary>
    public double[] Sums(float[] values) =>
        [.. Enumerable.Range(0, Lengths.Length).Select(i => values[Offsets[i]..Offsets[i + 1]].Sum(static value => (double)value))];

    public (PreferenceStatistics Statistics, float[] Better, float[] Worse, float[] Prompts) Compute(PreferenceLossOptions options, double shift = 0) =>
        Compute(options, Policy, [.. Enumerable.Range(0, _better.Length)], shift);

    /// <summary>These pairs as a part of a batch of all of them.</summary>
    public (PreferenceStatistics Statistics, float[] Better, float[] Worse, float[] Prompts) Compute(
        PreferenceLossOptions options, float[] policy, int[] part, double shift = 0, bool alone = false)
    {
        if (options.LikelihoodMean == LikelihoodMean.BatchTokensWithPrompts)
        {
            return WithPrompts(options);
        }

        var margins = Margins(policy);
        var offsets = options.Objective == PreferenceObjective.Aot
            ? PreferenceLoss.SortedOffsets(margins, Margins(_reference), options.Beta)
            : new double[_better.Length];
        PreferencePair[] pairs = [.. part.Select(i => new PreferencePair(i, _better.Length + i, 1, offsets[i]))];
        var totals = alone ? new PreferenceTotals(1, 1) : new PreferenceTotals(_better.Length, BetterTokens);
        var gradient = new float[policy.Length];
        var statistics = PreferenceLoss.Compute(Answers(policy, options.HasReference), pairs, totals, options, gradient, shift);
        return (statistics, gradient[..BetterTokens], gradient[BetterTokens..], []);
    }

    private double[] Margins(float[] values)
    {
        var sums = Sums(values);
        return [.. Enumerable.Range(0, _better.Length).Select(i => sums[i] - sums[_better.Length + i])];
    }

    private (PreferenceStatistics Statistics, float[] Better, float[] Worse, float[] Prompts) WithPrompts(PreferenceLossOptions options)
    {
        int[] prompts = [.. _prompts.Select(static row => row.Length), .. new int[_worse.Length]];
        var offsets = Golden.Offsets([.. Lengths.Zip(prompts, static (answer, prompt) => answer + prompt)]);
        float[] WithPrompt(int i) => [.. i < _prompts.Length ? _prompts[i] : [], .. Policy[Offsets[i]..Offsets[i + 1]]];
        float[] policy = [.. Enumerable.Range(0, Lengths.Length).SelectMany(WithPrompt)];
        var gradient = new float[policy.Length];
        var totals = new PreferenceTotals(_better.Length, BetterTokens + prompts.Sum());
        PreferencePair[] pairs = [.. Enumerable.Range(0, _better.Length).Select(i => new PreferencePair(i, _better.Length + i))];
        var statistics = PreferenceLoss.Compute(new AnswerLogProbabilities(policy, [], offsets, prompts), pairs, totals, options, gradient);
        float[] Of(IEnumerable<int> answers, bool ofPrompt) => [.. answers.SelectMany(
            i => ofPrompt ? gradient[offsets[i]..(offsets[i] + prompts[i])] : gradient[(offsets[i] + prompts[i])..offsets[i + 1]])];
        var (first, second) = (Enumerable.Range(0, _better.Length), Enumerable.Range(_better.Length, _worse.Length));
        return (statistics, Of(first, false), Of(second, false), Of(first, true));
    }
}
