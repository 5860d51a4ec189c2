namespace Rlhf.Objectives;

/// <summary>The surrogate of one answer, token by token. Where a ratio is the answer's, every token has the answer's loss, and its slope is what the token's
/// own log-probability does to it, so that the same aggregation serves both.</summary>
internal readonly ref struct AnswerTerms
{
    private readonly PolicyAnswers _answers;
    private readonly GroupLossOptions _options;
    private readonly SurrogateTerm _whole;
    private readonly (double Weight, bool Exceeds) _wholeWeight;

    public AnswerTerms(PolicyAnswers answers, int from, int to, GroupLossOptions options)
    {
        _answers = answers;
        _options = options;
        _whole = !options.IsOfAnswers ? default
            : options.Surrogate == PolicySurrogate.GeometricMean ? Geometric(answers, from, to, options) : Whole(answers, from, to, options);
        _wholeWeight = (1, false);
        if (options is { ImportanceCap: not null, ImportanceOfAnswers: true })
        {
            _wholeWeight = GroupLoss.Weight(
                KlEstimators.LogRatio(answers.OldLogProbabilities[from..to], answers.SamplerLogProbabilities[from..to]), options);
        }
    }

    /// <summary>The loss at a token and its slope in the token's log-probability; and the token's own log-ratio.</summary>
    public (SurrogateTerm Term, double LogRatio) At(int token)
    {
        double policy = _answers.LogProbabilities[token];
        var logRatio = policy - _answers.OldLogProbabilities[token];
        if (!_options.IsOfAnswers)
        {
            return (PolicySurrogates.Of(logRatio, policy, _answers.Advantages[token], _options), logRatio);
        }

        var side = _options.Surrogate == PolicySurrogate.GeometricMean ? SideOf(logRatio, _answers.Advantages[token], _options) : ClipSide.None;
        return (side == ClipSide.None ? _whole : _whole with { Slope = 0, Side = side }, logRatio);
    }

    /// <summary>The importance weight at a token, and whether it was above its bound.</summary>
    public (double Weight, bool Exceeds) WeightAt(int token) => _options.ImportanceCap is null || _options.ImportanceOfAnswers
        ? _wholeWeight
        : GroupLoss.Weight((double)_answers.OldLogProbabilities[token] - _answers.SamplerLogProbabilities[token], _options);

    // A token's part of the aggregate is 1 / length of the answer's, so its slope is length times what the log-ratio's share in the whole is.
    private static SurrogateTerm Whole(PolicyAnswers answers, int from, int to, GroupLossOptions options)
    {
        var policy = answers.LogProbabilities[from..to];
        var (logRatio, logProbability, length) = (KlEstimators.LogRatio(policy, answers.OldLogProbabilities[from..to]), 0.0, to - from);
        foreach (var token in policy)
        {
            logProbability += token;
        }

        var isMean = options.Ratio == RatioUnit.AnswerMean;
        var divisor = isMean ? length : 1;
        var term = PolicySurrogates.Of(logRatio / divisor, logProbability / divisor, answers.Advantages[from], options);
        return isMean ? term : term with { Slope = term.Slope * length };
    }

    private static SurrogateTerm Geometric(PolicyAnswers answers, int from, int to, GroupLossOptions options)
    {
        double advantage = answers.Advantages[from], sum = 0;
        for (var t = from; t < to; t++)
        {
            var logRatio = (double)answers.LogProbabilities[t] - answers.OldLogProbabilities[t];
            sum += SideOf(logRatio, advantage, options) switch
            {
                ClipSide.Low => -options.ClipLow,
                ClipSide.High => options.ClipHigh,
                _ => logRatio,
            };
        }

        var loss = -advantage * Math.Exp(sum / (to - from));
        return new SurrogateTerm(loss, loss, ClipSide.None, Bounded: false);
    }

    private static ClipSide SideOf(double logRatio, double advantage, GroupLossOptions options) =>
        advantage > 0 && logRatio > options.ClipHigh ? ClipSide.High : advantage < 0 && logRatio < -options.ClipLow ? ClipSide.Low : ClipSide.None;
}
