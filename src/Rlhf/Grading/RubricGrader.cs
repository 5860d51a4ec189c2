using System.Globalization;
using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Reports;

namespace Rlhf.Grading;

/// <summary>A question about an answer that a judge replied to.</summary>
/// <param name="Request">SHA-256 of address and request.</param>
/// <param name="Marks">The marks on their scales; null where the reply had none.</param>
/// <param name="Reply">The last reply, as far as it fits a line.</param>
/// <param name="Calls">Replies that it took.</param>
/// <param name="Retries">Requests that failed.</param>
/// <param name="PromptTokens">Tokens sent.</param>
/// <param name="ReplyTokens">Tokens received.</param>
internal sealed record Marked(
    string Request, IReadOnlyList<double?> Marks, string Reply, int Calls, int Retries, long PromptTokens, long ReplyTokens) : IAnswered;

/// <summary>
/// A judge behind the OpenAI chat API marks single answers: the mean of its marks, each as (mark - low) / (high - low), by their weights. A mark that cannot
/// be read, also when asked again, counts as the lowest: what confuses a judge must not pay. Replies are kept on the disk, so nothing is asked twice.
/// </summary>
internal sealed class RubricGrader : IGrader
{
    private const int EnoughUnclear = 50;

    private readonly RubricOptions _options;
    private readonly string _key;
    private readonly string? _reference;
    private readonly ChatClient _client;
    private readonly JudgementCache<Marked> _cache;
    private readonly TextTemplate _template;
    private readonly IReadOnlyList<IReadOnlyList<CriterionOptions>> _calls;

    /// <summary>Prepares a judge.</summary>
    /// <param name="options">Which, and what it marks.</param>
    /// <param name="key">Its key in the recipe, for messages.</param>
    /// <param name="reference">The name of the field with the right answer; null for none.</param>
    /// <param name="cacheFile">Where its replies are kept.</param>
    /// <exception cref="InputException">The environment variable of the API key is not set, or the file is damaged.</exception>
    public RubricGrader(RubricOptions options, string key, string? reference, string cacheFile)
    {
        (_options, _key, _reference) = (options, key, reference);
        _template = new TextTemplate(options.Prompt, $"{key}.prompt");
        _calls = options.Together ? [options.Criteria] : [.. options.Criteria.Select(static criterion => (CriterionOptions[])[criterion])];
        _client = new ChatClient(options, key);
        _cache = new JudgementCache<Marked>(cacheFile);
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Figure> Figures => JudgeMetrics.FiguresOf(
        _cache.All, _options, GradingMetrics.JudgeUnreadable, _cache.All.Sum(static item => item.Marks.Count(static mark => mark is null)));

    /// <inheritdoc/>
    public float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation)
    {
        var questions = answers.Select(answer => _calls.Select(criteria => (Body: BodyOf(answer, criteria), Criteria: criteria))
            .Select(question => new Question(_client.HashOf(question.Body), question.Body, question.Criteria)).ToArray()).ToArray();
        var open = questions.SelectMany(static own => own).Where(question => _cache.Find(question.Request) is null);
        Ask([.. open.DistinctBy(static question => question.Request)], cancellation);
        return [.. questions.Select(ScoreOf)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _client.Dispose();
        _cache.Dispose();
    }

    private sealed record Question(string Request, byte[] Body, IReadOnlyList<CriterionOptions> Criteria);

    private void Ask(Question[] open, CancellationToken cancellation)
    {
        var (clear, unclear) = (open.Length > 0 && _cache.All.Any(IsClear) ? 1 : 0, 0);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Parallel, CancellationToken = cancellation };
        Parallel.ForEachAsync(open, parallel, async (question, cancelled) =>
        {
            if (Volatile.Read(ref clear) == 0 && Volatile.Read(ref unclear) >= EnoughUnclear)
            {
                return;
            }

            var marked = await Ask(question, cancelled).ConfigureAwait(false);
            _cache.Add(marked);
            _ = IsClear(marked) ? Interlocked.Increment(ref clear) : Interlocked.Increment(ref unclear);
        }).GetAwaiter().GetResult();
        if (clear == 0 && unclear > 0)
        {
            var reply = VisibleText.Plain(_cache.Find(open[0].Request)?.Reply ?? "");
            _cache.Clear(); // worth nothing, and the server may be put right
            throw new RunFailedException(string.Create(CultureInfo.InvariantCulture,
                $"None of {unclear} replies of the judge at {_options.Endpoint} has a line with a criterion's name, a colon and a mark of its scale; one is \"{reply}\". Is {_options.Model} the right model, and is {_key}.max_tokens ({_options.MaxTokens}) enough?"));
        }
    }

    private async Task<Marked> Ask(Question question, CancellationToken cancellation)
    {
        var (reply, calls) = await _client.AskUntil(
            question.Body, text => RubricReply.Marks(text, question.Criteria).All(static mark => !double.IsNaN(mark)), cancellation).ConfigureAwait(false);
        double?[] marks = [.. RubricReply.Marks(reply.Text, question.Criteria).Select(static mark => double.IsNaN(mark) ? (double?)null : mark)];
        return new Marked(question.Request, marks, reply.Beginning, calls, reply.Retries, reply.PromptTokens, reply.ReplyTokens);
    }

    private float ScoreOf(Question[] questions)
    {
        var (sum, weights) = (0.0, 0.0);
        foreach (var question in questions)
        {
            foreach (var (criterion, mark) in question.Criteria.Zip(_cache.Find(question.Request)!.Marks))
            {
                sum += criterion.Weight * (((mark ?? criterion.Low) - criterion.Low) / (criterion.High - criterion.Low));
                weights += criterion.Weight;
            }
        }

        return (float)(sum / weights);
    }

    private byte[] BodyOf(GradedAnswer answer, IReadOnlyList<CriterionOptions> criteria) => _client.RequestOf(_template.Render(
        field => field switch
        {
            "prompt" => answer.Prompt.Text,
            "answer" => answer.Text,
            "criteria" => string.Join('\n', criteria.Select(static criterion =>
                FormattableString.Invariant($"- {criterion.Name} ({criterion.Low} to {criterion.High}): {criterion.Question}"))),
            _ => _reference is null ? "" : answer.Prompt.References[_reference],
        }, answer.Prompt.Id));

    private static bool IsClear(Marked marked) => marked.Marks.Any(static mark => mark is not null);
}
