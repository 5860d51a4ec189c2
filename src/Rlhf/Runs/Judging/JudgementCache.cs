using System.Text;
using System.Text.Json;
using Rlhf.Reporting;

namespace Rlhf.Runs.Judging;

/// <summary>What a judge said about two answers in the order in which they stood.</summary>
internal enum Verdict
{
    First,
    Second,
    Tie,

    /// <summary>The reply was none of these; counts as a tie.</summary>
    Unclear,
}

/// <summary>A question that was answered.</summary>
/// <param name="Request">SHA-256 of address and request.</param>
/// <param name="Verdict">What was made of the reply.</param>
/// <param name="Reply">The last reply, as far as it fits a line.</param>
/// <param name="Calls">Replies that it took.</param>
/// <param name="Retries">Requests that failed.</param>
/// <param name="PromptTokens">Tokens sent.</param>
/// <param name="ReplyTokens">Tokens received.</param>
internal sealed record Judged(string Request, Verdict Verdict, string Reply, int Calls, int Retries, long PromptTokens, long ReplyTokens);

/// <summary>
/// <c>judgements.jsonl</c> of a collect stage: every answered question, flushed to the disk as it comes, so that a stage that dies asks nothing twice.
/// </summary>
internal sealed class JudgementCache : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(SummaryFiles.Json) { WriteIndented = false };

    private readonly Dictionary<string, Judged> known = new(StringComparer.Ordinal);
    private readonly FileStream file;

    public JudgementCache(string path)
    {
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        try
        {
            Load();
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What was said to a request; null where it was not asked.</summary>
    public Judged? Find(string request)
    {
        lock (known)
        {
            return known.GetValueOrDefault(request);
        }
    }

    /// <summary>Keeps an answered question.</summary>
    public void Add(Judged judged)
    {
        lock (known)
        {
            known[judged.Request] = judged;
            file.Write([.. JsonSerializer.SerializeToUtf8Bytes(judged, Json), (byte)'\n']);
            file.Flush(flushToDisk: true);
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        lock (known)
        {
            known.Clear();
            file.SetLength(0);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    // A death may have torn the last line.
    private void Load()
    {
        var whole = new byte[file.Length];
        file.ReadExactly(whole);
        var end = Array.LastIndexOf(whole, (byte)'\n') + 1;
        foreach (var line in Encoding.UTF8.GetString(whole, 0, end).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var judged = Parse(line);
            known[judged.Request] = judged;
        }

        file.SetLength(end);
        file.Position = end;
    }

    private Judged Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<Judged>(line, Json) is { Request: not null } judged ? judged : throw new JsonException("expected an object");
        }
        catch (JsonException exception)
        {
            throw new InputException($"{file.Name}: not the judgements of this program: {exception.Message} Remove the file to ask everything again.", exception);
        }
    }
}
