using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Stages;

/// <summary><c>samples.jsonl</c> of a stage: answers for people to read, one a line, with the step at which they were sampled.</summary>
internal sealed class SampleFile(string path)
{
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

        using var lines = JsonLines.Open(path);
        lines.Append(Encoding.UTF8.GetBytes(row.ToJsonString(Json) + "\n"));
    }

    /// <summary>How many answers there are.</summary>
    public int Count() => JsonLines.Read(path).Count;

    /// <summary>Removes the answers behind the first <paramref name="count"/>, which a resumed run samples again, and a line that a death cut off.</summary>
    public void KeepFirst(int count)
    {
        if (count == 0)
        {
            File.Delete(path);
        }
        else if (File.Exists(path))
        {
            JsonLines.Replace(path, JsonLines.Read(path).Take(count));
        }
    }
}
