namespace Rlhf.Evaluation;

/// <summary>
/// Finds out what PPO learned, in two steps: the constructor finds the risen phrases and lists the answers to be scored again
/// (<see cref="Requests"/>); <see cref="Report"/> takes the scores. A second reward model trained on the same data shares the first one's
/// shortcuts, so agreement between the two proves nothing; taking the words out does.
/// </summary>
public sealed class LearnedAnalysis
{
    private const ulong ControlSeed = 20220304;

    private readonly IReadOnlyList<LearnedAnswer> _sft;
    private readonly IReadOnlyList<LearnedAnswer> _ppo;
    private readonly LearnedOptions _options;
    private readonly List<PhraseChange> _risen;
    private readonly List<PhraseChange> _fallen;
    private readonly List<Trial> _trials = [];
    private readonly List<RescoreRequest> _requests = [];

    // Phrases taken out; requests [First, First + Count) have them out, [First + Count, First + 2 Count) are the control of the same answers.
    private sealed record Trial(IReadOnlyList<string> Phrases, int First, int Count);

    /// <summary>Compares the answers and prepares the ablations.</summary>
    /// <param name="sft">The SFT model's answers, at least one.</param>
    /// <param name="ppo">PPO's answers to the same prompts.</param>
    /// <param name="options">Settings; none for the defaults.</param>
    /// <exception cref="ArgumentException">The prompts differ, or only some answers have a second score.</exception>
    public LearnedAnalysis(IReadOnlyList<LearnedAnswer> sft, IReadOnlyList<LearnedAnswer> ppo, LearnedOptions? options = null)
    {
        if (ppo.Count == 0 || !sft.Select(a => a.Prompt).ToHashSet().SetEquals(ppo.Select(a => a.Prompt)))
        {
            throw new ArgumentException("Both models must have answered the same prompts, at least one.", nameof(ppo));
        }

        if (sft.Concat(ppo).Select(a => a.SecondScore is null).Distinct().Count() > 1)
        {
            throw new ArgumentException("Either all answers have a second score or none.", nameof(ppo));
        }

        (_sft, _ppo, _options) = (sft, ppo, options ?? new LearnedOptions());
        var changes = PhraseChanges.Of([.. sft.Select(a => a.Text)], [.. ppo.Select(a => a.Text)]);
        _risen = PhraseChanges.Largest(changes, 1, _options.SmallestZ, _options.Phrases);
        _fallen = PhraseChanges.Largest(changes, -1, _options.SmallestZ, _options.Phrases);

        string[] tried = [.. _risen.Take(_options.Ablations).Select(p => p.Phrase)];
        foreach (var phrase in tried)
        {
            AddTrial([phrase]);
        }

        if (tried.Length > 1)
        {
            AddTrial(tried);
        }
    }

    /// <summary>Answers to be scored again, in this order.</summary>
    public IReadOnlyList<RescoreRequest> Requests => _requests;

    /// <summary>Both steps at once.</summary>
    /// <param name="sft">The SFT model's answers.</param>
    /// <param name="ppo">PPO's answers to the same prompts.</param>
    /// <param name="rescore">Scores the changed answers, one result for each in their order.</param>
    /// <param name="options">Settings; none for the defaults.</param>
    public static LearnedReport Run(
        IReadOnlyList<LearnedAnswer> sft, IReadOnlyList<LearnedAnswer> ppo,
        Func<IReadOnlyList<RescoreRequest>, IReadOnlyList<Rescored>> rescore, LearnedOptions? options = null)
    {
        var analysis = new LearnedAnalysis(sft, ppo, options);
        return analysis.Report(analysis.Requests.Count == 0 ? [] : rescore(analysis.Requests));
    }

    /// <summary>The report, given the scores of <see cref="Requests"/> in their order.</summary>
    public LearnedReport Report(IReadOnlyList<Rescored> rescored)
    {
        if (rescored.Count != _requests.Count)
        {
            throw new ArgumentException($"{_requests.Count} answers were to be scored again, {rescored.Count} scores are given.", nameof(rescored));
        }

        if (_ppo[0].SecondScore is not null && rescored.Any(r => r.SecondScore is null))
        {
            throw new ArgumentException("The answers have second scores, so those scored again need them.", nameof(rescored));
        }

        var (before, after) = (Figures(_sft), Figures(_ppo));
        var ablations = _trials.Select(t => AblationOf(t, rescored, before, after)).ToList();
        var together = ablations.Find(a => a.Phrases.Count > 1);
        ablations.RemoveAll(a => a.Phrases.Count > 1);
        var gain = Gain();
        var matched = LengthMatching.Of(_sft, _ppo);
        var judged = new LearnedJudgement(before, after, gain, matched, _risen, ablations, together, _options);
        return new LearnedReport
        {
            Sft = before,
            Ppo = after,
            Gain = gain,
            GainAtSimilarLength = matched,
            Risen = _risen,
            Fallen = _fallen,
            Ablations = ablations,
            Together = together,
            Verdict = judged.Verdict,
            Summary = judged.Summary,
        };
    }

    private void AddTrial(string[] phrases)
    {
        var first = _requests.Count;
        var random = new SplitMix64(ControlSeed);
        var controls = new List<RescoreRequest>();
        for (var i = 0; i < _ppo.Count; i++)
        {
            var words = TextWords.Split(_ppo[i].Text);
            var places = phrases.SelectMany(p => TextCuts.Find(words, p)).Order().ToList();
            if (places.Count == 0)
            {
                continue;
            }

            _requests.Add(new RescoreRequest(i, TextCuts.Remove(_ppo[i].Text, places)));
            controls.Add(new RescoreRequest(i, TextCuts.Remove(_ppo[i].Text, OtherWords(words, places, random))));
        }

        _requests.AddRange(controls);
        _trials.Add(new Trial(phrases, first, controls.Count));
    }

    // As many words as the places hold, drawn from the other words of the answer (all of them if they are fewer).
    private static List<(int Start, int End)> OtherWords(List<TextWord> words, List<(int Start, int End)> places, SplitMix64 random)
    {
        bool Inside(TextWord word) => places.Exists(p => word.Start >= p.Start && word.End <= p.End);
        var others = words.Where(w => w.IsWord && !Inside(w)).ToList();
        for (var wanted = Math.Min(words.Count(Inside), others.Count); others.Count > 0; others.RemoveAt(random.Next(others.Count)))
        {
            // The words that are left to be taken out are those that survive the draw.
            if (others.Count == wanted)
            {
                break;
            }
        }

        return [.. others.Select(w => (w.Start, w.End))];
    }

    private Ablation AblationOf(Trial trial, IReadOnlyList<Rescored> rescored, AnswerFigures before, AnswerFigures after)
    {
        double Mean(int first, Func<LearnedAnswer, double> own, Func<Rescored, double> again)
        {
            var sum = _ppo.Sum(own);
            for (var i = first; i < first + trial.Count; i++)
            {
                sum += again(rescored[i]) - own(_ppo[_requests[i].Answer]);
            }

            return sum / _ppo.Count;
        }

        var gain = after.Score - before.Score;
        var score = Mean(trial.First, a => a.Score, r => r.Score);
        var control = Mean(trial.First + trial.Count, a => a.Score, r => r.Score);
        return new Ablation
        {
            Phrases = trial.Phrases,
            ChangedShare = (double)trial.Count / _ppo.Count,
            Score = score,
            SecondScore = after.SecondScore is null ? null : Mean(trial.First, a => a.SecondScore!.Value, r => r.SecondScore!.Value),
            ControlScore = control,
            GainLost = gain > 0 ? (after.Score - score) / gain : null,
            ControlGainLost = gain > 0 ? (after.Score - control) / gain : null,
        };
    }

    private Estimate Gain()
    {
        var before = _sft.GroupBy(a => a.Prompt).ToDictionary(g => g.Key, g => g.Average(a => a.Score));
        var after = _ppo.GroupBy(a => a.Prompt).OrderBy(g => g.Key).ToList();
        return Intervals.PairedBootstrap([.. after.Select(g => g.Average(a => a.Score))], [.. after.Select(g => before[g.Key])]);
    }

    private static AnswerFigures Figures(IReadOnlyList<LearnedAnswer> answers)
    {
        var finished = answers.Where(a => a.Finished).ToList();
        var cut = answers.Where(a => !a.Finished).ToList();
        return new AnswerFigures
        {
            Answers = answers.Count,
            Score = answers.Average(a => a.Score),
            SecondScore = answers.Average(a => a.SecondScore),
            Tokens = answers.Average(a => a.Tokens),
            Cut = cut.Count,
            FinishedScore = finished.Count == 0 ? null : finished.Average(a => a.Score),
            CutScore = cut.Count == 0 ? null : cut.Average(a => a.Score),
            LengthCorrelation = WithLength(answers),
            FinishedLengthCorrelation = WithLength(finished),
        };
    }

    private static double? WithLength(IReadOnlyList<LearnedAnswer> answers) =>
        Correlation.Pearson([.. answers.Select(a => (double)a.Tokens)], [.. answers.Select(a => a.Score)]);
}
