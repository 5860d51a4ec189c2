using System.Globalization;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>
/// A judge behind the OpenAI chat API ranks K answers. Every pair is asked about in both orders; an answer beats another if it does so in both, else the two
/// are equal: a judge that
/// likes what stands first decides nothing. The ranking is by pairs won, a tie half a win (Copeland); answers with as many share a tier.
/// </summary>
internal sealed class JudgeLabeler : ILabeler
{
    private const int EnoughUnclear = 50;

    private readonly JudgeOptions _options;
    private readonly ChatClient _client;
    private readonly JudgementCache<Judged> _cache;
    private readonly TextTemplate _template;
    private Question[][] _questions = []; // by row

    /// <summary>Prepares a judge; what it has said before stands in <paramref name="cacheFile"/>.</summary>
    /// <exception cref="InputException">The environment variable of the API key is not set.</exception>
    public JudgeLabeler(JudgeOptions options, string cacheFile)
    {
        _options = options;
        _template = new TextTemplate(options.Prompt, "collect.judge.prompt");
        _client = new ChatClient(options, "collect.judge");
        _cache = new JudgementCache<Judged>(cacheFile);
    }

    /// <summary>The name of the judge as a labeler.</summary>
    public static string NameOf(JudgeOptions options) => $"judge {options.Model}";

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Figure> Rank(IReadOnlyList<CollectedAnswers> answers, RankingJob job)
    {
        _questions = [.. answers.Select(row => QuestionsOf(row).ToArray())];
        Ask(job.Progress, job.Stage, job.Cancellation);
        RankingFile.Write(job.File, answers.Zip(_questions, (row, own) => row.RankedBy(NameOf(_options), Wins(row.Texts.Count, own))), job.Origin);
        return Figures();
    }

    /// <summary>Asks whatever was not asked before.</summary>
    /// <exception cref="RunFailedException">The judge fails, or says nothing that can be read.</exception>
    private void Ask(ProgressReporter reporter, string stage, CancellationToken cancellation)
    {
        var all = _questions.SelectMany(own => own).ToArray();
        var open = all.Where(question => _cache.Find(question.Request) is null).DistinctBy(question => question.Request).ToArray();
        using var progress = reporter.Start(stage, all.Length, "judgements");
        progress.Skip(all.Length - open.Length);
        var (clear, unclear, hopeless) = (all.Count(IsClear), 0, false);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Parallel, CancellationToken = cancellation };
        System.Threading.Tasks.Parallel.ForEachAsync(open, parallel, async (question, cancelled) =>
        {
            if (Volatile.Read(ref hopeless))
            {
                return;
            }

            _cache.Add(await Ask(question, cancelled).ConfigureAwait(false));
            _ = IsClear(question) ? Interlocked.Increment(ref clear) : Interlocked.Increment(ref unclear);
            progress.Advance(1);
            if (Volatile.Read(ref clear) == 0 && Volatile.Read(ref unclear) >= EnoughUnclear)
            {
                Volatile.Write(ref hopeless, true); // said once, when the questions on their way are back
            }
        }).GetAwaiter().GetResult();
        if (hopeless || (clear == 0 && all.Length > 0))
        {
            throw NothingReadable();
        }
    }

    /// <summary>What the judging took, and how the judge was.</summary>
    private FigureTable Figures()
    {
        var judged = _questions.SelectMany(own => own).Select(question => _cache.Find(question.Request)!).DistinctBy(item => item.Request).ToArray();
        var pairs = _questions.SelectMany(PairsOf).ToArray();
        var chosen = judged.Count(item => item.Verdict is Verdict.First or Verdict.Second);
        var figures = JudgeMetrics.FiguresOf(judged, _options, JudgeMetrics.JudgeUnclear, judged.Count(item => item.Verdict == Verdict.Unclear));
        figures[JudgeMetrics.JudgeDisagreement] = new(pairs.Length == 0 ? 0 : (double)pairs.Count(IsDisagreement) / pairs.Length, Unit: "share");
        if (chosen > 0)
        {
            figures[JudgeMetrics.JudgeFirstChosen] = Intervals.Wilson(judged.Count(item => item.Verdict == Verdict.First), chosen).ToFigure("share");
        }

        return figures;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _client.Dispose();
        _cache.Dispose();
    }

    /// <summary>A pair of answers in the order in which they are shown.</summary>
    private sealed record Question(CollectedAnswers Row, int First, int Second, string Request);

    private IEnumerable<Question> QuestionsOf(CollectedAnswers row) =>
        from first in Enumerable.Range(0, row.Texts.Count)
        from second in Enumerable.Range(0, row.Texts.Count)
        where first != second
        select new Question(row, first, second, _client.HashOf(BodyOf(row, first, second)));

    private byte[] BodyOf(CollectedAnswers row, int first, int second) => _client.RequestOf(_template.Render(
        field => field switch { "first" => row.Texts[first], "second" => row.Texts[second], _ => row.Prompt.Prompt.Text }, row.Prompt.Position.ToString()));

    private async Task<Judged> Ask(Question question, CancellationToken cancellation)
    {
        var body = BodyOf(question.Row, question.First, question.Second);
        var (reply, calls) = await _client.AskUntil(body, text => VerdictOf(text) != Verdict.Unclear, cancellation).ConfigureAwait(false);
        return new Judged(
            question.Request, VerdictOf(reply.Text), reply.Beginning, calls, reply.Retries, reply.PromptTokens, reply.ReplyTokens);
    }

    // A judge that thinks aloud says it at the end.
    private Verdict VerdictOf(string? reply)
    {
        var word = reply?.Split('\n').Select(JudgeOptions.WordOf).LastOrDefault(line => line.Length > 0);
        return word is null ? Verdict.Unclear
            : word == JudgeOptions.WordOf(_options.First) ? Verdict.First
            : word == JudgeOptions.WordOf(_options.Second) ? Verdict.Second
            : word == JudgeOptions.WordOf(_options.Tie) ? Verdict.Tie
            : Verdict.Unclear;
    }

    private bool IsClear(Question question) => _cache.Find(question.Request) is { Verdict: not Verdict.Unclear };

    private double[] Wins(int answers, Question[] own)
    {
        var wins = new double[answers];
        foreach (var pair in PairsOf(own))
        {
            var won = (pair.Forward, pair.Backward) switch { (Verdict.First, Verdict.Second) => 1, (Verdict.Second, Verdict.First) => 0, _ => 0.5 };
            wins[pair.A] += won;
            wins[pair.B] += 1 - won;
        }

        return wins;
    }

    private static bool IsDisagreement((int A, int B, Verdict Forward, Verdict Backward) pair) =>
        (pair.Forward, pair.Backward) is not ((Verdict.First, Verdict.Second) or (Verdict.Second, Verdict.First) or (Verdict.Tie, Verdict.Tie));

    /// <summary>Every pair of a row with what was said of it in either order.</summary>
    private IEnumerable<(int A, int B, Verdict Forward, Verdict Backward)> PairsOf(Question[] own)
    {
        var verdicts = own.ToDictionary(question => (question.First, question.Second), question => _cache.Find(question.Request)!.Verdict);
        return verdicts.Where(item => item.Key.First < item.Key.Second)
            .Select(item => (item.Key.First, item.Key.Second, item.Value, verdicts[(item.Key.Second, item.Key.First)]));
    }

    private RunFailedException NothingReadable()
    {
        var replies = _questions.SelectMany(own => own).Select(question => _cache.Find(question.Request)?.Reply).Where(reply => reply is not null).ToArray();
        _cache.Clear(); // worth nothing, and the server may be put right
        return new RunFailedException(string.Create(CultureInfo.InvariantCulture,
            $"None of {replies.Length} replies of the judge at {_options.Endpoint} ends in a line that says {_options.First}, {_options.Second} or {_options.Tie}; one is \"{VisibleText.Plain(replies.FirstOrDefault() ?? "")}\". Is {_options.Model} the right model, and is collect.judge.max_tokens ({_options.MaxTokens}) enough? A changed recipe needs another --out."));
    }
}
