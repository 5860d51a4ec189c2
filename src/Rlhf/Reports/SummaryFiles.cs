using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rlhf.Reports;

/// <summary>Reads and writes <c>summary.json</c> of stages and runs: snake_case keys, absent instead of null.</summary>
public static class SummaryFiles
{
    /// <summary>The JSON form of every summary, which ends with its own checksum. Non-finite numbers stand as "NaN", "Infinity", "-Infinity": named, never
    /// hidden.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>Writes a stage's summary as <c>summary.json</c> in <paramref name="stageFolder"/>.</summary>
    public static void WriteStage(string stageFolder, StageSummary summary) => Write(Path.Combine(stageFolder, "summary.json"), summary);

    /// <summary>Reads a stage's summary from <c>summary.json</c> in <paramref name="stageFolder"/>.</summary>
    /// <exception cref="InputException">The file is absent or is not a stage summary.</exception>
    public static StageSummary ReadStage(string stageFolder) => Read<StageSummary>(Path.Combine(stageFolder, "summary.json"));

    /// <summary>Writes the run's summary as <c>summary.json</c> in <paramref name="runFolder"/>.</summary>
    public static void WriteRun(string runFolder, RunSummary summary) => Write(Path.Combine(runFolder, "summary.json"), summary);

    /// <summary>Reads the run's summary from <c>summary.json</c> in <paramref name="runFolder"/>.</summary>
    /// <exception cref="InputException">The file is absent or is not a run summary.</exception>
    public static RunSummary ReadRun(string runFolder) => Read<RunSummary>(Path.Combine(runFolder, "summary.json"));

    private static void Write<T>(string path, T summary) => CheckedJson.Write(path, summary, Json);

    private static T Read<T>(string path) => CheckedJson.ReadEvenUnchecked<T>(path, Json);
}
