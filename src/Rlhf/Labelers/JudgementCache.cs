using System.Text.Json;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>What a judge said about two answers in the order in which they stood.</summary>
internal enum Verdict
{
    First,
    Second,
    Tie,

    /// <summary>The reply was none of these; counts as a tie.</summary>
    Unclear,
}

/// <summary>A question that was answered, as it is kept.</summary>
internal interface IAnswered
{
    /// <summary>SHA-256 of address and request.</summary>
    string Request { get; }

    /// <summary>Replies that it took.</summary>
    int Calls { get; }

    /// <summary>Requests that failed.</summary>
    int Retries { get; }

    /// <summary>Tokens sent.</summary>
    long PromptTokens { get; }

    /// <summary>Tokens received.</summary>
    long ReplyTokens { get; }
}

/// <summary>A question that was answered.</summary>
/// <param name="Request">SHA-256 of address and request.</param>
/// <param name="Verdict">What was made of the reply.</param>
/// <param name="Reply">The last reply, as far as it fits a line.</param>
/// <param name="Calls">Replies that it took.</param>
/// <param name="Retries">Requests that failed.</param>
/// <param name="PromptTokens">Tokens sent.</param>
/// <param name="ReplyTokens">Tokens received.</param>
internal sealed record Judged(string Request, Verdict Verdict, string Reply, int Calls, int Retries, long PromptTokens, long ReplyTokens)
    : IAnswered;

/// <summary>
/// <c>judgements.jsonl</c> of a stage: every answered question with a checksum, flushed to the disk as it comes, so that a stage that dies asks nothing
/// twice.
/// </summary>
internal sealed class JudgementCache<T> : IDisposable where T : class, IAnswered
{
    private static readonly JsonSerializerOptions Json = new(SummaryFiles.Json) { WriteIndented = false };

    private readonly Dictionary<string, T> _known = new(StringComparer.Ordinal);
    private readonly string _path;
    private readonly JsonLines _lines;

    public JudgementCache(string path)
    {
        (_path, _lines) = (path, JsonLines.Open(path));
        try
        {
            foreach (var (i, line) in JsonLines.Read(path).Index())
            {
                var judged = Parse([.. line.Span, (byte)'\n'], i + 1);
                _known[judged.Request] = judged;
            }
        }
        catch
        {
            _lines.Dispose();
            throw;
        }
    }

    /// <summary>What was said to a request; null where it was not asked.</summary>
    public T? Find(string request)
    {
        lock (_known)
        {
            return _known.GetValueOrDefault(request);
        }
    }

    /// <summary>Keeps an answered question.</summary>
    public void Add(T judged)
    {
        lock (_known)
        {
            _known[judged.Request] = judged;
            _lines.Append(CheckedJson.ToBytes(judged, Json), toDisk: true);
        }
    }

    /// <summary>Everything that was said.</summary>
    public IReadOnlyList<T> All
    {
        get
        {
            lock (_known)
            {
                return [.. _known.Values];
            }
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        lock (_known)
        {
            _known.Clear();
            _lines.Keep([]);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lines.Dispose();

    private T Parse(ReadOnlySpan<byte> line, int number)
    {
        const string Remedy = "Remove the line to ask its question again, or the file to ask everything again.";
        if (!CheckedJson.IsWhole(line, Json))
        {
            throw InputException.At(_path, number, 1, $"the judgement is damaged or was changed: its checksum is not that of the line. {Remedy}");
        }

        try
        {
            return CheckedJson.Parse<T>(line, Json);
        }
        catch (JsonException exception)
        {
            throw InputException.At(_path, number, 1, $"not a judgement of this program: {FailureText.Of(exception)} {Remedy}");
        }
    }
}
