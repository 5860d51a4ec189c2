using System.Runtime.InteropServices;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>The functions of the C API that versions 2 and 3 share, and the two whose form differs.</summary>
internal abstract unsafe class OneDnnApi(nint handle)
{
    private const int UserScratchpad = 1;
    private const int ImplementationQuery = 8;
    private const int ScratchpadQuery = 136;

    private readonly delegate* unmanaged<nint*, int, nuint, int> _engineCreate =
        (delegate* unmanaged<nint*, int, nuint, int>)NativeLibrary.GetExport(handle, "dnnl_engine_create");
    private readonly delegate* unmanaged<nint*, nint, int, int> _streamCreate =
        (delegate* unmanaged<nint*, nint, int, int>)NativeLibrary.GetExport(handle, "dnnl_stream_create");
    private readonly delegate* unmanaged<nint*, int> _attributesCreate =
        (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_attr_create");
    private readonly delegate* unmanaged<nint, int> _attributesDestroy =
        (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_attr_destroy");
    private readonly delegate* unmanaged<nint, int, int> _attributesSetScratchpad =
        (delegate* unmanaged<nint, int, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_attr_set_scratchpad_mode");
    private readonly delegate* unmanaged<nint, int, int, void*, int> _descriptorQuery =
        (delegate* unmanaged<nint, int, int, void*, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_desc_query");
    private readonly delegate* unmanaged<nint, int, int, nint> _descriptorQueryMemory =
        (delegate* unmanaged<nint, int, int, nint>)NativeLibrary.GetExport(handle, "dnnl_primitive_desc_query_md");
    private readonly delegate* unmanaged<nint, int> _descriptorDestroy =
        (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_desc_destroy");
    private readonly delegate* unmanaged<nint, nuint> _memoryDescriptorSize =
        (delegate* unmanaged<nint, nuint>)NativeLibrary.GetExport(handle, "dnnl_memory_desc_get_size");
    private readonly delegate* unmanaged<nint*, nint, nint, void*, int> _memoryCreate =
        (delegate* unmanaged<nint*, nint, nint, void*, int>)NativeLibrary.GetExport(handle, "dnnl_memory_create");
    private readonly delegate* unmanaged<nint, int> _memoryDestroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(handle, "dnnl_memory_destroy");
    private readonly delegate* unmanaged<nint, void*, int> _memorySetHandle =
        (delegate* unmanaged<nint, void*, int>)NativeLibrary.GetExport(handle, "dnnl_memory_set_data_handle");
    private readonly delegate* unmanaged<nint*, nint, int> _primitiveCreate =
        (delegate* unmanaged<nint*, nint, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_create");
    private readonly delegate* unmanaged<nint, int> _primitiveDestroy =
        (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_destroy");
    private readonly delegate* unmanaged<nint, nint, int, OneDnnArgument*, int> _primitiveExecute =
        (delegate* unmanaged<nint, nint, int, OneDnnArgument*, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_execute");

    /// <summary>The number of the format tag BA16a64b2a in this version.</summary>
    public abstract int PanelTag { get; }

    /// <summary>A description of a dense matrix, to be given back to <see cref="DestroyMatrix"/>.</summary>
    public abstract nint DescribeMatrix(long rows, long columns, int dataType, int tag);

    /// <summary>Frees a description.</summary>
    public abstract void DestroyMatrix(nint matrix);

    /// <summary>C [M, N] = A [M, K] B [K, N].</summary>
    public abstract int DescribeProduct(nint engine, nint a, nint b, nint c, nint attributes, out nint descriptor);

    public static void Check(int status, string function)
    {
        if (status != 0)
        {
            throw new NotSupportedException($"{function} fails with status {status}");
        }
    }

    public int CreateEngine(int kind, out nint engine)
    {
        nint made = 0;
        var status = _engineCreate(&made, kind, 0);
        engine = made;
        return status;
    }

    public int CreateStream(nint engine, int flags, out nint stream)
    {
        nint made = 0;
        var status = _streamCreate(&made, engine, flags);
        stream = made;
        return status;
    }

    /// <summary>Attributes that ask for a scratchpad of the caller's: the library's own would belong to the thread that made the primitive.</summary>
    public nint CreateAttributes()
    {
        nint made = 0;
        Check(_attributesCreate(&made), "dnnl_primitive_attr_create");
        Check(_attributesSetScratchpad(made, UserScratchpad), "dnnl_primitive_attr_set_scratchpad_mode");
        return made;
    }

    public void DestroyAttributes(nint attributes) => _attributesDestroy(attributes);

    public string ImplementationOf(nint descriptor)
    {
        byte* text = null;
        return _descriptorQuery(descriptor, ImplementationQuery, 0, &text) == 0 ? Marshal.PtrToStringUTF8((nint)text) ?? "" : "";
    }

    public nint ScratchpadOf(nint descriptor) => _descriptorQueryMemory(descriptor, ScratchpadQuery, 0);

    public void DestroyDescriptor(nint descriptor) => _descriptorDestroy(descriptor);

    public nuint SizeOf(nint matrix) => _memoryDescriptorSize(matrix);

    public nint CreateMemory(nint matrix, nint engine, void* data)
    {
        nint made = 0;
        Check(_memoryCreate(&made, matrix, engine, data), "dnnl_memory_create");
        return made;
    }

    public void DestroyMemory(nint memory) => _memoryDestroy(memory);

    public void Point(nint memory, void* data) => Check(_memorySetHandle(memory, data), "dnnl_memory_set_data_handle");

    public nint CreatePrimitive(nint descriptor)
    {
        nint made = 0;
        Check(_primitiveCreate(&made, descriptor), "dnnl_primitive_create");
        return made;
    }

    public void DestroyPrimitive(nint primitive) => _primitiveDestroy(primitive);

    public void Execute(nint primitive, nint stream, int count, OneDnnArgument* arguments) =>
        Check(_primitiveExecute(primitive, stream, count, arguments), "dnnl_primitive_execute");
}

/// <summary>An operand of a primitive: which one, and its memory object.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OneDnnArgument
{
    public int Index;
    public nint Memory;
}

/// <summary>Version 2: descriptions are structures of the caller's.</summary>
internal sealed unsafe class OneDnnApi2(nint handle) : OneDnnApi(handle)
{
    private const int MatrixBytes = 1024; // dnnl_memory_desc_t is smaller
    private const int ProductBytes = 8192; // dnnl_matmul_desc_t is four of them and a few words

    private readonly delegate* unmanaged<void*, int, long*, int, int, int> _matrixInit =
        (delegate* unmanaged<void*, int, long*, int, int, int>)NativeLibrary.GetExport(handle, "dnnl_memory_desc_init_by_tag");

    private readonly delegate* unmanaged<void*, nint, nint, nint, nint, int> _productInit =
        (delegate* unmanaged<void*, nint, nint, nint, nint, int>)NativeLibrary.GetExport(handle, "dnnl_matmul_desc_init");

    private readonly delegate* unmanaged<nint*, void*, nint, nint, nint, int> _descriptorCreate =
        (delegate* unmanaged<nint*, void*, nint, nint, nint, int>)NativeLibrary.GetExport(handle, "dnnl_primitive_desc_create");

    public override int PanelTag => 380;

    public override nint DescribeMatrix(long rows, long columns, int dataType, int tag)
    {
        var matrix = NativeMemory.AllocZeroed(MatrixBytes);
        var shape = stackalloc long[] { rows, columns };
        Check(_matrixInit(matrix, 2, shape, dataType, tag), "dnnl_memory_desc_init_by_tag");
        return (nint)matrix;
    }

    public override void DestroyMatrix(nint matrix) => NativeMemory.Free((void*)matrix);

    public override int DescribeProduct(nint engine, nint a, nint b, nint c, nint attributes, out nint descriptor)
    {
        descriptor = 0;
        var product = NativeMemory.AllocZeroed(ProductBytes);
        nint made = 0;
        var status = _productInit(product, a, b, 0, c);
        status = status != 0 ? status : _descriptorCreate(&made, product, attributes, engine, 0);
        NativeMemory.Free(product);
        descriptor = made;
        return status;
    }
}

/// <summary>Version 3: descriptions are objects of the library's.</summary>
internal sealed unsafe class OneDnnApi3(nint handle) : OneDnnApi(handle)
{
    private readonly delegate* unmanaged<nint*, int, long*, int, int, int> _matrixCreate =
        (delegate* unmanaged<nint*, int, long*, int, int, int>)NativeLibrary.GetExport(handle, "dnnl_memory_desc_create_with_tag");

    private readonly delegate* unmanaged<nint, int> _matrixDestroy =
        (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(handle, "dnnl_memory_desc_destroy");

    private readonly delegate* unmanaged<nint*, nint, nint, nint, nint, nint, nint, int> _productCreate =
        (delegate* unmanaged<nint*, nint, nint, nint, nint, nint, nint, int>)NativeLibrary.GetExport(handle, "dnnl_matmul_primitive_desc_create");

    public override int PanelTag => 384;

    public override nint DescribeMatrix(long rows, long columns, int dataType, int tag)
    {
        nint matrix = 0;
        var shape = stackalloc long[] { rows, columns };
        Check(_matrixCreate(&matrix, 2, shape, dataType, tag), "dnnl_memory_desc_create_with_tag");
        return matrix;
    }

    public override void DestroyMatrix(nint matrix) => _matrixDestroy(matrix);

    public override int DescribeProduct(nint engine, nint a, nint b, nint c, nint attributes, out nint descriptor)
    {
        nint made = 0;
        var status = _productCreate(&made, engine, a, b, 0, c, attributes);
        descriptor = made;
        return status;
    }
}
