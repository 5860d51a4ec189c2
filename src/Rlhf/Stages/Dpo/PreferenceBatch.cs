using Rlhf.Objectives;

namespace Rlhf.Stages.Dpo;

/// <summary>What the loss of a part needs to know of the whole batch.</summary>
/// <param name="Totals">What means divide by.</param>
/// <param name="Point">BCO's shift or KTO's reference point.</param>
/// <param name="Offsets">AOT: what is taken off each pair's x, in the order of the batch's pairs; null otherwise.</param>
public sealed record BatchContext(PreferenceTotals Totals, double Point = 0, double[]? Offsets = null);

/// <summary>Rows of a batch as the objectives take them: all answers one after another, and what is preferred among them.</summary>
public sealed class PreferenceBatch(DpoOptions options)
{
    private readonly PreferenceLossOptions _loss = options.ToLoss();
    private readonly List<PreferencePair> _pairs = [];
    private readonly List<AnswerOrder> _orders = [];
    private readonly List<bool> _desirable = [];
    private readonly List<double> _weights = [];
    private readonly List<int> _offsets = [0];
    private readonly List<int> _promptTokens = [];
    private readonly List<float> _reference = [];

    /// <summary>Pairs of all rows.</summary>
    public IReadOnlyList<PreferencePair> Pairs => _pairs;

    /// <summary>Whether a loss learns the prompts of better answers, which are then targets, too.</summary>
    public static bool LearnsPrompts(PreferenceLossOptions loss) =>
        loss is { LikelihoodCoefficient: > 0, LikelihoodMean: LikelihoodMean.BatchTokensWithPrompts };

    /// <summary>[K] tokens of each answer's prompt that are targets: those of better answers where the loss learns them.</summary>
    public static int[] PromptTargets(PreferenceRow row, PreferenceLossOptions loss)
    {
        var targets = new int[row.Answers.Length];
        foreach (var pair in LearnsPrompts(loss) ? row.Pairs : [])
        {
            targets[pair.Better] = row.Answers[pair.Better].PromptLength - 1; // nothing predicts a sequence's first token
        }

        return targets;
    }

    /// <summary>Adds a row.</summary>
    public void Add(PreferenceRow row)
    {
        var first = _offsets.Count - 1;
        var prompts = PromptTargets(row, _loss);
        for (var i = 0; i < row.Answers.Length; i++)
        {
            _promptTokens.Add(prompts[i]);
            _offsets.Add(_offsets[^1] + prompts[i] + row.Answers[i].ResponseLength);
            _weights.Add(row.Weight);
        }

        _pairs.AddRange(row.Pairs.Select(pair => pair with { Better = first + pair.Better, Worse = first + pair.Worse }));
        if (row.Tiers.Count > 0)
        {
            _orders.Add(new AnswerOrder(first, row.Tiers, row.Weight));
        }

        _desirable.AddRange(row.Desirable);
        _reference.AddRange(row.Reference.Span);
    }

    /// <summary>What means over these rows divide by.</summary>
    public PreferenceTotals Totals => options.Loss == PreferenceObjective.Kto ? new(_weights.Sum(), 0)
        : options.Rankings == RankingForm.PlackettLuce ? new(_orders.Sum(static order => order.Weight), 0)
        : new(_pairs.Sum(static pair => pair.Weight), _pairs.Sum(pair => pair.Weight * TokensOf(pair.Better)));

    /// <summary>Loss and gradient of these rows as a part of a batch.</summary>
    /// <param name="policy">[N] log p of the rows' targets.</param>
    /// <param name="whole">The batch.</param>
    /// <param name="firstPair">The number of the first pair among those of the batch.</param>
    /// <param name="gradient">[N] d loss / d log p; replaced.</param>
    public PreferenceStatistics Compute(ReadOnlySpan<float> policy, BatchContext whole, int firstPair, Span<float> gradient)
    {
        var answers = new AnswerLogProbabilities(policy, _reference.ToArray(), _offsets.ToArray(), _promptTokens.ToArray());
        if (options.Loss == PreferenceObjective.Kto)
        {
            var kto = new KtoLossOptions(_loss.Beta, options.DesirableWeight, options.UndesirableWeight);
            return KtoLoss.Compute(answers, _desirable.ToArray(), _weights.ToArray(), whole.Point, kto, whole.Totals.Weight, gradient);
        }

        if (options.Rankings == RankingForm.PlackettLuce)
        {
            return PlackettLuceLoss.Compute(answers, _orders.ToArray(), _loss.Beta, whole.Totals.Weight, gradient);
        }

        PreferencePair[] pairs = whole.Offsets is { } offsets
            ? [.. _pairs.Select((pair, i) => pair with { Offset = offsets[firstPair + i] })]
            : [.. _pairs];
        return PreferenceLoss.Compute(answers, pairs, whole.Totals, _loss, gradient, whole.Point);
    }

    /// <summary>Of each answer the sum over its tokens of log p in <paramref name="values"/>, which stand as the answers do.</summary>
    public double[] Sums(ReadOnlySpan<float> values)
    {
        var answers = new AnswerLogProbabilities(values, [], _offsets.ToArray(), _promptTokens.ToArray());
        var sums = new double[answers.Answers];
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] = answers.LogProbability(i);
        }

        return sums;
    }

    /// <summary>log p of all tokens under the reference.</summary>
    public ReadOnlySpan<float> Reference => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_reference);

    private double TokensOf(int answer) => _offsets[answer + 1] - _offsets[answer];
}
