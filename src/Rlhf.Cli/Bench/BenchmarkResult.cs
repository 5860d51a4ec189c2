using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Compute.Operations;
using Rlhf.Runs;

namespace Rlhf.Cli.Bench;

/// <summary>What the machine can do, measured by the process that was benchmarked.</summary>
/// <param name="GemmRate">Floating-point operations a second in the product [2048, 768] [768, 3072].</param>
/// <param name="MatmulPeak">The same for [1024, 1024] [1024, 1024], all threads together: the peak that fractions refer to.</param>
/// <param name="CopyRate">Bytes a second, read and written, while 256 MiB are copied.</param>
internal sealed record MachineRates(double GemmRate, double MatmulPeak, double CopyRate)
{
    private const int PeakSize = 1024;
    private const long CopiedBytes = 256 << 20;

    /// <summary>The faster of two measurements: a shared machine's speed changes, and a peak is what it can do.</summary>
    public MachineRates Best(MachineRates other) =>
        new(Math.Max(GemmRate, other.GemmRate), Math.Max(MatmulPeak, other.MatmulPeak), Math.Max(CopyRate, other.CopyRate));

    /// <summary>Measures them.</summary>
    public static MachineRates Measure(IDevice device) =>
        new(DeviceProbe.MatmulRate(device, 2048, 768, 3072), DeviceProbe.MatmulRate(device, PeakSize, PeakSize, PeakSize),
            DeviceProbe.CopyRate(device, CopiedBytes));
}

/// <summary>The outcome of <c>rlhf bench</c>.</summary>
/// <param name="Size">The shape's name.</param>
/// <param name="Threads">Threads that computed.</param>
/// <param name="Precision"><c>f32</c> or <c>bf16</c>.</param>
/// <param name="Phases">The timed phases.</param>
/// <param name="Machine">The machine's rates, the best of before and after the phases.</param>
/// <param name="PeakMemoryBytes">Most resident memory of the process up to the end of the phases.</param>
internal sealed record BenchmarkResult(
    string Size, int Threads, string Precision, IReadOnlyList<PhaseResult> Phases, MachineRates Machine, long PeakMemoryBytes)
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Seconds of rollout, scores and update together; null if not all three were timed.</summary>
    public double? PpoStepSeconds
    {
        get
        {
            PhaseResult[] parts = [.. Phases.Where(static phase => phase.Phase is BenchmarkPhase.Rollout or BenchmarkPhase.Score or BenchmarkPhase.Update)];
            return parts.Length == 3 ? parts.Sum(static phase => phase.Seconds) : null;
        }
    }

    /// <summary>A phase's share of the matmul peak. The peak is the fastest that this process has seen: a product, or a phase in a minute in which the machine
    /// was faster than in those.</summary>
    public double PeakFraction(PhaseResult phase) => RateOf(phase) / Math.Max(Machine.MatmulPeak, Phases.Max(RateOf));

    private static double RateOf(PhaseResult phase) => phase.Operations / phase.Seconds;

    /// <summary>One JSON object on one line. Keys that PyTorch's script has, too, mean the same.</summary>
    public string ToJson()
    {
        var json = new JsonObject { ["engine"] = $"rlhf {RunEnvironment.ProgramVersion}", ["size"] = Size, ["threads"] = Threads, ["precision"] = Precision };
        foreach (var phase in Phases)
        {
            var name = SnakeCase.Of(phase.Phase);
            json[$"{name}_s"] = Rounded(phase.Seconds);
            foreach (var (unit, value) in phase.Rates)
            {
                json[$"{name}_{unit}_per_s"] = Rounded(value);
            }

            json[$"{name}_gflop"] = Rounded(phase.Operations / 1e9);
            json[$"{name}_peak_fraction"] = Rounded(PeakFraction(phase));
            json[$"{name}_allocated_bytes"] = phase.AllocatedBytes;
        }

        if (PpoStepSeconds is { } seconds)
        {
            json["ppo_step_s"] = Rounded(seconds);
        }

        json["gemm_gflops"] = Rounded(Machine.GemmRate / 1e9);
        json["matmul_peak_gflops"] = Rounded(Machine.MatmulPeak / 1e9);
        json["copy_gb_per_s"] = Rounded(Machine.CopyRate / 1e9);
        json["peak_memory_bytes"] = PeakMemoryBytes;
        return json.ToJsonString(Json);
    }

    private static double Rounded(double value) => Math.Round(value, 4);
}
