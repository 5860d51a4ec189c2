using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>
/// oneDNN, found when the program runs and never required: its C API of versions 2.3 and later and 3, as far as a matrix product wants it. A library is taken
/// only if it multiplies
/// rightly.
/// </summary>
/// <remarks>Sources: oneDNN Developer Guide, <c>dnnl.h</c> and <c>dnnl_types.h</c> of 2.6 and 3.6.</remarks>
public sealed unsafe class OneDnnLibrary
{
    /// <summary>The environment variable that names the library's file, or <c>none</c> to do without.</summary>
    public const string Variable = "RLHF_ONEDNN";

    private const string HowToInstall = "Install it (apt-get install libdnnl3.6 on Debian 13, libdnnl2 on Debian 12), or use precision f32.";
    private const string WrongProcessor = "This processor lacks AVX-512, without which oneDNN hardly ever multiplies bfloat16: use precision f32.";

    private const int CpuEngine = 1;
    private const int InOrderStream = 1;
    private const uint OpenMpRuntime = 2;
    private const uint SequentialRuntime = 1;

    // Debian 13 carries the minor version in the name.
    private static readonly string[] Names = ["libdnnl.so.3", "libdnnl.so.3.6", "libdnnl.so.2", "libdnnl.so", "dnnl.dll", "libdnnl.dylib"];
    private static readonly Lazy<(OneDnnLibrary? Library, string Reason)> Search = new(Find);

    [ThreadStatic]
    private static bool ThreadIsSingle;

    private readonly delegate* unmanaged<int, void> _setThreads;

    private OneDnnLibrary(nint handle, string name)
    {
        Path = PathOf(name);
        var version = ((delegate* unmanaged<VersionRecord*>)NativeLibrary.GetExport(handle, "dnnl_version"))();
        Version = string.Create(CultureInfo.InvariantCulture, $"{version->Major}.{version->Minor}.{version->Patch}");
        Api = version->Major switch
        {
            2 when version->Minor >= 3 => new OneDnnApi2(handle),
            3 => new OneDnnApi3(handle),
            _ => throw new NotSupportedException($"{Path} is version {Version}; this program knows 2.3 to 2.7 and 3"),
        };
        Isa = ((delegate* unmanaged<int>)NativeLibrary.GetExport(handle, "dnnl_get_effective_cpu_isa"))();
        if (version->CpuRuntime is not (OpenMpRuntime or SequentialRuntime))
        {
            throw new NotSupportedException(
                $"{Path} brings threads of its own that cannot be told to stay out; a build with OpenMP, or without threads, is wanted");
        }

        // Found among the libraries that oneDNN itself loaded: whichever OpenMP it was built with.
        if (version->CpuRuntime == OpenMpRuntime)
        {
            _setThreads = (delegate* unmanaged<int, void>)NativeLibrary.GetExport(handle, "omp_set_num_threads");
        }

        OneDnnApi.Check(Api.CreateEngine(CpuEngine, out var engine), "dnnl_engine_create");
        OneDnnApi.Check(Api.CreateStream(engine, InOrderStream, out var stream), "dnnl_stream_create");
        (Engine, Stream) = (engine, stream);
        Implementation = OneDnnSelfTest.Run(this);
    }

    /// <summary>The library, or null where none is found that multiplies bfloat16.</summary>
    public static OneDnnLibrary? Found => Search.Value.Library;

    /// <summary>Why there is none; empty if there is one.</summary>
    public static string WhyNot => Search.Value.Reason;

    /// <summary>What to do where there is none: how to get it, unless it would not help.</summary>
    public static string Advice => X86Base.IsSupported && !Avx512BW.IsSupported ? WrongProcessor : HowToInstall;

    /// <summary>The library's file.</summary>
    public string Path { get; }

    /// <summary>major.minor.patch.</summary>
    public string Version { get; }

    /// <summary>What does the product, in the library's words: <c>brg:avx512_core_bf16</c>.</summary>
    public string Implementation { get; }

    /// <summary>File, version, instruction set and implementation, for people.</summary>
    public string Description => $"{Path}, version {Version}, {NameOf(Isa)}, {Implementation}";

    internal OneDnnApi Api { get; }

    internal nint Engine { get; }

    internal nint Stream { get; }

    private int Isa { get; }

    /// <summary>The library.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static OneDnnLibrary Require() => Found
        ?? throw new InputException($"bfloat16 needs oneDNN: {WhyNot}. {Advice}");

    /// <summary>Keeps the library's own threads out of this thread's calls: the parts of the work are shared out already.</summary>
    internal void UseOneThread()
    {
        if (!ThreadIsSingle && _setThreads != null)
        {
            _setThreads(1);
        }

        ThreadIsSingle = true;
    }

    private static (OneDnnLibrary? Library, string Reason) Find()
    {
        var wanted = Environment.GetEnvironmentVariable(Variable);
        if (wanted == "none")
        {
            return (null, $"{Variable}=none");
        }

        var reasons = new List<string>();
        foreach (var name in wanted is { Length: > 0 } ? [wanted] : Names)
        {
            if (!NativeLibrary.TryLoad(name, out var handle))
            {
                continue;
            }

            try
            {
                return (new OneDnnLibrary(handle, name), "");
            }
            catch (Exception exception) when (exception is NotSupportedException or EntryPointNotFoundException)
            {
                reasons.Add(exception.Message);
            }
        }

        return (null, reasons.Count > 0
            ? string.Join("; ", reasons)
            : wanted is { Length: > 0 } ? $"{Variable}={wanted} cannot be loaded"
            : "no libdnnl is installed");
    }

    /// <summary>The file that was loaded under a name, where the system tells.</summary>
    private static string PathOf(string name)
    {
        const string Maps = "/proc/self/maps";
        var file = System.IO.Path.GetFileName(name);
        return (File.Exists(Maps) ? File.ReadLines(Maps) : [])
            .Select(static line => line.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? line[slash..] : "")
            .FirstOrDefault(path => System.IO.Path.GetFileName(path).StartsWith(file, StringComparison.Ordinal)) ?? name;
    }

    // Bits of dnnl_cpu_isa_t that versions 2 and 3 share; the most capable first.
    private static string NameOf(int isa) => isa switch
    {
        _ when Has(isa, 0x3E7) => "AVX-512 with AMX",
        _ when Has(isa, 0xE7) => "AVX-512 with bfloat16",
        _ when Has(isa, 0x27) => "AVX-512 without bfloat16: slow",
        _ => string.Create(CultureInfo.InvariantCulture, $"instruction set 0x{isa:x}"),
    };

    private static bool Has(int isa, int bits) => (isa & bits) == bits;

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct VersionRecord
    {
        public readonly int Major, Minor, Patch;
        public readonly nint Hash;
        public readonly uint CpuRuntime, GpuRuntime;
    }
}
