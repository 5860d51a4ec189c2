namespace Rlhf.Objectives;

/// <summary>Packed per-token log-probabilities of A answers, one answer after another.</summary>
/// <param name="policy">[N] under the policy being trained.</param>
/// <param name="reference">[N] of the same tokens under the frozen reference; empty for losses without one.</param>
/// <param name="offsets">[A + 1] where each answer begins.</param>
/// <param name="promptTokens">[A] how many tokens at an answer's beginning are its prompt's, which count in the likelihood alone; empty for none.</param>
public readonly ref struct AnswerLogProbabilities(
    ReadOnlySpan<float> policy, ReadOnlySpan<float> reference, ReadOnlySpan<int> offsets, ReadOnlySpan<int> promptTokens = default)
{
    private readonly ReadOnlySpan<float> _policy = policy;
    private readonly ReadOnlySpan<float> _reference = reference;
    private readonly ReadOnlySpan<int> _offsets = offsets;
    private readonly ReadOnlySpan<int> _promptTokens = promptTokens;

    /// <summary>A.</summary>
    public int Answers => _offsets.Length - 1;

    /// <summary>N.</summary>
    public int Tokens => _policy.Length;

    /// <summary>Tokens of an answer, its prompt's left out.</summary>
    public int Length(int answer) => _offsets[answer + 1] - First(answer);

    /// <summary>Tokens that an answer stands with, its prompt's among them.</summary>
    internal int AllTokens(int answer) => _offsets[answer + 1] - _offsets[answer];

    /// <summary>Sum of an answer's log p.</summary>
    public double LogProbability(int answer) => SumOf(_policy, First(answer), _offsets[answer + 1]);

    /// <summary>D: the sum over an answer's tokens of policy - reference; of the policy alone where there is no reference.</summary>
    public double Sum(int answer) => Sum(First(answer), _offsets[answer + 1]);

    /// <summary>The answer as the loss sees it: a sum, a mean, or a sum in which tokens from <paramref name="plainTokens"/> on have a weight.</summary>
    internal double Value(int answer, int plainTokens, PreferenceLossOptions options)
    {
        if (options.IsMean)
        {
            return Sum(answer) / Length(answer);
        }

        var border = First(answer) + Math.Min(plainTokens, Length(answer));
        return options.ExtraTokenWeight == 1 ? Sum(answer) : Sum(First(answer), border) + (options.ExtraTokenWeight * Sum(border, _offsets[answer + 1]));
    }

    /// <summary>Sum of log p of all tokens that an answer stands with.</summary>
    internal double AllLogProbability(int answer) => SumOf(_policy, _offsets[answer], _offsets[answer + 1]);

    /// <summary>Adds <paramref name="slope"/> times d <see cref="Value"/> / d log p of each token.</summary>
    internal void AddSlope(Span<double> gradient, int answer, int plainTokens, double slope, PreferenceLossOptions options)
    {
        var (first, end) = (First(answer), _offsets[answer + 1]);
        var plain = options.IsMean ? slope / (end - first) : slope;
        var border = options.IsMean || options.ExtraTokenWeight == 1 ? end : Math.Min(end, first + plainTokens);
        for (var token = first; token < end; token++)
        {
            gradient[token] += token < border ? plain : options.ExtraTokenWeight * plain;
        }
    }

    /// <summary>Adds a slope to every token that an answer stands with.</summary>
    internal void AddToAll(Span<double> gradient, int answer, double slope)
    {
        for (var token = _offsets[answer]; token < _offsets[answer + 1]; token++)
        {
            gradient[token] += slope;
        }
    }

    internal void Check(Span<float> gradient, bool hasReference)
    {
        PackedRows.Check(_offsets, _policy.Length);
        PackedRows.CheckLength(hasReference ? _policy.Length : 0, _reference.Length, "reference");
        PackedRows.CheckLength(_policy.Length, gradient.Length, nameof(gradient));
        if (!_promptTokens.IsEmpty)
        {
            PackedRows.CheckLength(Answers, _promptTokens.Length, "promptTokens");
        }
    }

    private int First(int answer) => _offsets[answer] + (_promptTokens.IsEmpty ? 0 : _promptTokens[answer]);

    private double Sum(int from, int to) =>
        _reference.IsEmpty ? SumOf(_policy, from, to) : KlEstimators.LogRatio(_policy[from..to], _reference[from..to]);

    private static double SumOf(ReadOnlySpan<float> values, int from, int to)
    {
        var sum = 0.0;
        for (var i = from; i < to; i++)
        {
            sum += values[i];
        }

        return sum;
    }
}
