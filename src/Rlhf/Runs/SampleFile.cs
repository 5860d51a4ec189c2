using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Runs;

/// <summary><c>samples.jsonl</c> of a stage: answers for people to read, one a line, with the step at which they were sampled.</summary>
internal sealed class SampleFile(string path)
{
    // A name that stands twice would be found out only when it is looked for.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The file.</summary>
    public string FullPath => path;

    /// <summary>CRC-32C of the file; 0 where there is none.</summary>
    /// <exception cref="InputException">It cannot be read.</exception>
    public uint Checksum()
    {
        try
        {
            return File.Exists(path) ? Crc32C.OfFile(path) : 0;
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(path, exception);
        }
    }

    /// <summary>Adds an answer.</summary>
    public void Append(long step, string prompt, string response, ReadOnlySpan<(string Name, double Value)> values)
    {
        var row = new JsonObject { ["step"] = step, ["prompt"] = prompt, ["response"] = response };
        foreach (var (name, value) in values)
        {
            row[name] = double.IsFinite(value) ? value : null;
        }

        try
        {
            File.AppendAllText(path, row.ToJsonString(Json) + "\n");
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }
    }

    /// <summary>Removes the answers of later steps, which a resumed run samples again, and a line that a death cut off.</summary>
    public void TruncateAfter(long step)
    {
        if (File.Exists(path))
        {
            var kept = string.Concat(WholeFile.Lines(path, Limits.RowBytes).Where(line => StepOf(line) <= step).Select(line => line + "\n"));
            DurableFiles.WriteAtomically(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(kept)));
        }
    }

    private static long StepOf(string line)
    {
        try
        {
            return JsonNode.Parse(line, documentOptions: Strict)?["step"]?.GetValue<long>() ?? long.MaxValue;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            return long.MaxValue; // none of ours
        }
    }
}
