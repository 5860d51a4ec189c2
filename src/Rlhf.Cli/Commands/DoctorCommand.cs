using System.CommandLine;
using System.Runtime.InteropServices;
using Rlhf.Numerics.Cpu;
using Rlhf.Runs;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf doctor</c>: what the program finds on this machine, and whether it computes rightly here.</summary>
internal static class DoctorCommand
{
    private const double LargestDifference = 1e-4;

    private static readonly string[] OneDnn = ["libdnnl.so.3", "libdnnl.so.2", "dnnl.dll", "libdnnl.dylib"];

    public static Command Create() =>
        new Command("doctor", "Shows what the program finds on this machine and tests its kernels.")
            .WithExamples("rlhf doctor", "RLHF_ISA=avx2 RLHF_THREADS=1 rlhf doctor")
            .Does((parsed, _) => Examine(parsed.Output()));

    private static int Examine(TextWriter output)
    {
        using var device = CpuDevice.Create();
        var environment = RunEnvironment.Current(device.Description);
        void Line(string name, FormattableString value) => output.WriteLine($"{name,-14}{FormattableString.Invariant(value)}");

        Line("program", $"{environment.Program}");
        Line("runtime", $"{environment.Runtime}, {environment.System}, {environment.Architecture}");
        Line("processor", $"{environment.Processor ?? "unknown"}, {environment.Cores} cores");
        Line("device", $"{environment.Device} (of {string.Join(", ", InstructionSets.Available).ToLowerInvariant()})");
        Line("memory", $"{environment.MemoryBytes / 1073741824.0:F1} GiB");
        Line("disk", $"{new DriveInfo(Path.GetFullPath(".")).AvailableFreeSpace / 1073741824.0:F1} GiB free here");
        Line("oneDNN", $"{FindOneDnn() ?? "not found (not needed for float32)"}");
        Line("matmul", $"{DeviceProbe.MatmulRate(device) / 1e9:F0} GFLOP/s in float32");
        var difference = DeviceProbe.LargestDifference(device);
        var good = difference <= LargestDifference;
        Line("kernels", $"{(good ? "agree" : "DISAGREE")} with the scalar reference (largest relative difference {difference:E1})");
        return good ? ExitCode.Success : ExitCode.Failed;
    }

    private static string? FindOneDnn()
    {
        foreach (var name in OneDnn)
        {
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                NativeLibrary.Free(handle);
                return name;
            }
        }

        return null;
    }
}
