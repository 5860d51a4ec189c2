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
/// <c>judgements.jsonl</c> of a collect stage: every answered question with a checksum, flushed to the disk as it comes, so that a stage that dies asks nothing twice.
/// </summary>
internal sealed class JudgementCache : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(SummaryFiles.Json) { WriteIndented = false };

    private readonly Dictionary<string, Judged> known = new(StringComparer.Ordinal);
    private readonly FileStream file;

    public JudgementCache(string path)
    {
        try
        {
            if (File.Exists(path))
            {
                WholeFile.RefuseSpecial(path);
            }

            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }

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
            try
            {
                file.Write(CheckedJson.ToBytes(judged, Json));
                file.Flush(flushToDisk: true);
            }
            catch (IOException exception)
            {
                throw FileFailure.Unwritable(file.Name, exception);
            }
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
        var whole = file.Length <= Limits.RunFile ? new byte[file.Length] : throw new InputException($"{file.Name} is larger than any file of its kind.");
        file.ReadExactly(whole);
        var end = Array.LastIndexOf(whole, (byte)'\n') + 1;
        for (var (number, start) = (1, 0); start < end; number++)
        {
            var length = Array.IndexOf(whole, (byte)'\n', start) + 1 - start;
            var judged = Parse(whole.AsSpan(start, length), number);
            known[judged.Request] = judged;
            start += length;
        }

        file.SetLength(end);
        file.Position = end;
    }

    private Judged Parse(ReadOnlySpan<byte> line, int number)
    {
        const string Remedy = "Remove the line to ask its question again, or the file to ask everything again.";
        if (!CheckedJson.IsWhole(line, Json))
        {
            throw InputException.At(file.Name, number, 1, $"the judgement is damaged or was changed: its checksum is not that of the line. {Remedy}");
        }

        try
        {
            return CheckedJson.Parse<Judged>(line, Json);
        }
        catch (JsonException exception)
        {
            throw InputException.At(file.Name, number, 1, $"not a judgement of this program: {FailureText.Of(exception)} {Remedy}");
        }
    }
}
