using System.Runtime.InteropServices;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>
/// oneDNN's product of one shape, with memory objects for one worker: C [M, 64] in float32 = A [M, K] in bfloat16 times one panel [K, 64] in bfloat16, all
/// dense. The panel stands in the
/// library's format BA16a64b2a: for each two of K's rows, 64 pairs. As K is a multiple of 32 and there is one panel, any range of whole 32 rows of a longer
/// panel has the same format.
/// </summary>
internal sealed unsafe class OneDnnProduct : IDisposable
{
    /// <summary>Columns of a panel.</summary>
    public const int Columns = 64;

    /// <summary>What K must be a multiple of.</summary>
    public const int DepthStep = 32;

    private const int Bf16 = 2, F32 = 3; // dnnl_data_type_t
    private const int RowMajor = 3; // dnnl_ab
    private const int Source = 1, Weights = 33, Destination = 17, Scratchpad = 80; // DNNL_ARG_*
    private const int Operands = 4;

    private readonly OneDnnLibrary _library;
    private readonly OneDnnArgument* _arguments;
    private readonly void* _scratchpad;
    private readonly nint _primitive;

    public OneDnnProduct(OneDnnLibrary library, int rows, int depth)
    {
        if (depth % DepthStep != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(depth), $"{depth} is no multiple of {DepthStep}.");
        }

        library.UseOneThread();
        _library = library;
        var api = library.Api;
        var (a, b, c) =
            (api.DescribeMatrix(rows, depth, Bf16, RowMajor), api.DescribeMatrix(depth, Columns, Bf16, api.PanelTag), api.DescribeMatrix(rows, Columns, F32,
                RowMajor));
        if (api.SizeOf(b) != (nuint)depth * Columns * sizeof(ushort))
        {
            throw new NotSupportedException($"version {library.Version} wants weights in another format than this program knows");
        }

        var attributes = api.CreateAttributes();
        OneDnnApi.Check(api.DescribeProduct(library.Engine, a, b, c, attributes, out var descriptor), "a product of bfloat16 matrices");
        Implementation = api.ImplementationOf(descriptor);
        var scratchpad = api.ScratchpadOf(descriptor);
        _scratchpad = NativeMemory.AlignedAlloc(Math.Max(api.SizeOf(scratchpad), 64), 64);
        _primitive = api.CreatePrimitive(descriptor);
        _arguments = (OneDnnArgument*)NativeMemory.AllocZeroed(Operands, (nuint)sizeof(OneDnnArgument));
        _arguments[0] = new OneDnnArgument { Index = Source, Memory = api.CreateMemory(a, library.Engine, null) };
        _arguments[1] = new OneDnnArgument { Index = Weights, Memory = api.CreateMemory(b, library.Engine, null) };
        _arguments[2] = new OneDnnArgument { Index = Destination, Memory = api.CreateMemory(c, library.Engine, null) };
        _arguments[3] = new OneDnnArgument { Index = Scratchpad, Memory = api.CreateMemory(scratchpad, library.Engine, _scratchpad) };
        api.DestroyDescriptor(descriptor);
        api.DestroyAttributes(attributes);
        api.DestroyMatrix(a);
        api.DestroyMatrix(b);
        api.DestroyMatrix(c);
    }

    /// <summary>What does it, in the library's words.</summary>
    public string Implementation { get; }

    /// <summary>Multiplies.</summary>
    public void Execute(ushort* a, float* panel, float* c)
    {
        var api = _library.Api;
        api.Point(_arguments[0].Memory, a);
        api.Point(_arguments[1].Memory, panel);
        api.Point(_arguments[2].Memory, c);
        api.Execute(_primitive, _library.Stream, Operands, _arguments);
    }

    public void Dispose()
    {
        for (var i = 0; i < Operands; i++)
        {
            _library.Api.DestroyMemory(_arguments[i].Memory);
        }

        _library.Api.DestroyPrimitive(_primitive);
        NativeMemory.Free(_arguments);
        NativeMemory.AlignedFree(_scratchpad);
    }
}
