using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute;

/// <summary>All devices. A new one is a folder beside <c>Cpu</c> and a line in this list.</summary>
public static class Devices
{
    /// <summary>The environment variable that names the device where nothing else does.</summary>
    public const string Variable = "RLHF_DEVICE";

    private const string Default = "cpu";

    private static readonly (string Name, Func<Precision, int?, IDevice> Create, Func<Precision, CountingDevice> CreateCounting)[] All =
    [
        (Default, static (precision, threads) => CpuDevice.Create(threads, precision: precision), CpuDevice.CreateCounting),
    ];

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => All.Select(static device => device.Name);

    /// <summary>Makes a device.</summary>
    /// <param name="name">Its name in the list; null takes <c>RLHF_DEVICE</c>, or <c>cpu</c>.</param>
    /// <param name="precision">What the operands of matrix products are rounded to.</param>
    /// <param name="threads">Threads of the host; null takes <c>RLHF_THREADS</c>, or one for each core.</param>
    /// <exception cref="InputException">There is no such device, or it does not have the precision on this machine.</exception>
    public static IDevice Create(string? name = null, Precision precision = Precision.F32, int? threads = null) => Named(name).Create(precision, threads);

    /// <summary>A device that computes nothing and counts the memory that the named one would take.</summary>
    /// <exception cref="InputException">There is no such device.</exception>
    public static CountingDevice CreateCounting(string? name = null, Precision precision = Precision.F32) => Named(name).CreateCounting(precision);

    /// <summary>The scalar CPU device on one thread: what the others are checked against.</summary>
    public static IDevice CreateScalar() => CpuDevice.Create(threads: 1, InstructionSet.Scalar);

    private static (string Name, Func<Precision, int?, IDevice> Create, Func<Precision, CountingDevice> CreateCounting) Named(string? name)
    {
        name ??= Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } wanted ? wanted : Default;
        var index = Array.FindIndex(All, device => device.Name == name);
        return index >= 0
            ? All[index]
            : throw new InputException($"There is no device '{name}'; there is {string.Join(", ", Names)}.");
    }
}
