using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Operations;

namespace Rlhf.Runs;

/// <summary><c>environment.json</c>: where a run ran.</summary>
/// <param name="Program">The program's version, with the commit it was built from.</param>
/// <param name="Runtime">The .NET runtime.</param>
/// <param name="System">The operating system.</param>
/// <param name="Architecture">The processor architecture.</param>
/// <param name="Processor">The processor's name, where the system tells it.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
/// <param name="Device">The device that computes: its instruction set and threads.</param>
/// <param name="Precision"><c>f32</c> or <c>bf16</c>.</param>
/// <param name="OneDnn">The library that multiplies in bfloat16: file, version, instruction set; null in float32, which does without.</param>
public sealed record RunEnvironment(
    string Program, string Runtime, string System, string Architecture, string? Processor, int Cores, long MemoryBytes, string Device, string Precision,
    string? OneDnn)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>The program's version.</summary>
    public static string ProgramVersion { get; } =
        typeof(RunEnvironment).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The environment of this process.</summary>
    public static RunEnvironment Current(IDevice device) => new(
        ProgramVersion,
        RuntimeInformation.FrameworkDescription,
        RuntimeInformation.OSDescription,
        RuntimeInformation.ProcessArchitecture.ToString(),
        ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        device.Description,
        SnakeCase.Of(device.Precision),
        device.Precision == Compute.Operations.Precision.Bf16 ? OneDnnLibrary.Found?.Description : null);

    /// <summary>The JSON of <c>environment.json</c>.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    private static string? ProcessorName()
    {
        const string Description = "/proc/cpuinfo";
        return !File.Exists(Description) ? null : File.ReadLines(Description)
            .Where(line => line.StartsWith("model name", StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
            .FirstOrDefault();
    }
}
