using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Runs;

/// <summary><c>samples.jsonl</c> of a stage: answers for people to read, one a line, with the step at which they were sampled.</summary>
internal sealed class SampleFile(string path)
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Adds an answer.</summary>
    public void Append(long step, string prompt, string response, ReadOnlySpan<(string Name, double Value)> values)
    {
        var row = new JsonObject { ["step"] = step, ["prompt"] = prompt, ["response"] = response };
        foreach (var (name, value) in values)
        {
            row[name] = double.IsFinite(value) ? value : null;
        }

        File.AppendAllText(path, row.ToJsonString(Json) + "\n");
    }

    /// <summary>Removes the answers of later steps, which a resumed run samples again, and a line that a death cut off.</summary>
    public void TruncateAfter(long step)
    {
        if (File.Exists(path))
        {
            var kept = string.Concat(File.ReadLines(path).Where(line => StepOf(line) <= step).Select(line => line + "\n"));
            DurableFiles.WriteAtomically(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(kept)));
        }
    }

    private static long StepOf(string line)
    {
        try
        {
            return JsonNode.Parse(line)?["step"]?.GetValue<long>() ?? long.MaxValue;
        }
        catch (JsonException)
        {
            return long.MaxValue;
        }
    }
}
