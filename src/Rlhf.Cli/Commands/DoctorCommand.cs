using System.CommandLine;
using Rlhf.Compute;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Operations;
using Rlhf.Hub;
using Rlhf.Runs;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf doctor</c>: what the program finds on this machine, and whether it computes rightly here.</summary>
internal static class DoctorCommand
{
    private const double LargestDifference = 1e-4;
    private const double LargestDifferenceInBf16 = 0.02; // rounding to 8 bits, summed over 96 products

    public static Command Create() =>
        new Command("doctor", "Shows what the program finds on this machine and tests its kernels.")
            .WithExamples("rlhf doctor", "RLHF_ISA=avx2 RLHF_THREADS=1 rlhf doctor")
            .Does((parsed, _) => Examine(parsed.Output()));

    private static int Examine(TextWriter output)
    {
        using var device = Devices.Create();
        var environment = RunEnvironment.Current(device);
        void Line(string name, FormattableString value) => output.WriteLine($"{name,-14}{FormattableString.Invariant(value)}");

        Line("program", $"{environment.Program}");
        Line("runtime", $"{environment.Runtime}, {environment.System}, {environment.Architecture}");
        Line("processor", $"{environment.Processor ?? "unknown"}, {environment.Cores} cores");
        Line("device", $"{environment.Device} (of {string.Join(", ", CpuDevice.Available).ToLowerInvariant()}); devices: {string.Join(", ", Devices.Names)}");
        Line("memory", $"{environment.MemoryBytes / 1073741824.0:F1} GiB");
        Line("disk", $"{new DriveInfo(Path.GetFullPath(".")).AvailableFreeSpace / 1073741824.0:F1} GiB free here");
        var hub = HubFiles.Access.Settings;
        Line("hub", $"{hub.Shown}; {(hub.TokenSource is { } source ? $"token from {source}" : "no token (HF_TOKEN)")}{(hub.Offline ? "; offline (HF_HUB_OFFLINE)" : "")}");
        Line("hub cache", $"{hub.Cache}{(Directory.Exists(hub.Cache) ? "" : " (not there yet)")}");
        Line("oneDNN", $"{OneDnnLibrary.Found?.Description ?? $"{OneDnnLibrary.WhyNot}; wanted for precision bf16 only. {OneDnnLibrary.Advice}"}");
        Line("matmul", $"{DeviceProbe.MatmulRate(device) / 1e9:F0} GFLOP/s in float32");
        var good = Agrees("kernels", device, LargestDifference, Line);
        if (OneDnnLibrary.Found is not null)
        {
            using var narrow = Devices.Create(precision: Precision.Bf16);
            Line("matmul", $"{DeviceProbe.MatmulRate(narrow) / 1e9:F0} GFLOP/s in bfloat16");
            good &= Agrees("in bfloat16", narrow, LargestDifferenceInBf16, Line);
        }

        return good ? ExitCode.Success : ExitCode.Failed;
    }

    private static bool Agrees(string name, IDevice device, double allowed, Action<string, FormattableString> line)
    {
        var difference = DeviceProbe.LargestDifference(device);
        line(name, $"{(difference <= allowed ? "agree" : "DISAGREE")} with the scalar reference (largest relative difference {difference:E1})");
        return difference <= allowed;
    }
}
