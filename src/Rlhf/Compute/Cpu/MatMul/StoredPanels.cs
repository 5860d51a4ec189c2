using Rlhf.Compute.Cpu.Blocks;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>The panels of packed operands in each storage, and their way back to float32.</summary>
internal static unsafe class StoredPanels
{
    private const int Width = MatMul.PanelWidth;
    private const int TileRows = WeightBlocks.Length; // of a panel, made float32 and moved on at a time

    private struct Arguments
    {
        public byte* Packed;
        public float* Result;
        public int* Tokens;
        public int Rows, Columns, Count;
        public WeightStorage Storage;
        public WeightLayout Layout;
    }

    /// <summary>Bytes of a panel with so many rows.</summary>
    public static long Bytes(WeightStorage storage, long rows) => storage switch
    {
        WeightStorage.F32 => rows * Width * sizeof(float),
        WeightStorage.Bf16 => rows * Width * sizeof(ushort),
        _ => BlockLayout.PanelBytes(storage, rows),
    };

    /// <summary>Floats of an operand [<paramref name="k"/>, <paramref name="n"/>].</summary>
    public static long Length(WeightStorage storage, long k, long n) => (n + Width - 1) / Width * Bytes(storage, k) / sizeof(float);

    /// <summary>Some rows of a panel as float32 [rows, 32]: where they stand, or in <paramref name="scratch"/>.</summary>
    public static float* Read(WeightStorage storage, byte* stored, int rows, float* scratch)
    {
        switch (storage)
        {
            case WeightStorage.F32:
                return (float*)stored;
            case WeightStorage.Bf16:
                BFloat16.Widen((ushort*)stored, scratch, rows * Width);
                return scratch;
            default:
                BlockDecoding.Panel(storage, stored, rows, scratch);
                return scratch;
        }
    }

    /// <summary>The numbers of an operand [<paramref name="rows"/>, <paramref name="columns"/>] in a layout.</summary>
    public static void Unpack(WorkerPool pool, WeightStorage storage, byte* packed, int rows, int columns, WeightLayout layout, float* weights) =>
        pool.Run(
            &UnpackPart, new Arguments { Packed = packed, Result = weights, Rows = rows, Columns = columns, Storage = storage, Layout = layout },
            (columns + Width - 1) / Width);

    /// <summary>Packs the transpose of an operand: panels [<paramref name="columns"/>, 32] of its rows.</summary>
    public static void Transposed(WorkerPool pool, WeightStorage storage, byte* packed, int rows, int columns, float* transposed) =>
        pool.Run(
            &TransposePart, new Arguments { Packed = packed, Result = transposed, Rows = rows, Columns = columns, Storage = storage },
            (columns + Width - 1) / Width);

    /// <summary>Some columns of an operand, each a row of <paramref name="y"/>.</summary>
    public static void Columns(WorkerPool pool, WeightStorage storage, byte* packed, int rows, int* tokens, int count, float* y) =>
        pool.Run(
            &ColumnsPart, new Arguments { Packed = packed, Result = y, Tokens = tokens, Rows = rows, Count = count, Storage = storage },
            RowParts.Count(count, rows));

    private static void UnpackPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (column, columns) = (part * Width, Math.Min(Width, a->Columns - (part * Width)));
        var panel = a->Packed + (part * Bytes(a->Storage, a->Rows));
        var scratch = stackalloc float[TileRows * Width];
        for (var row = 0; row < a->Rows; row += TileRows)
        {
            var rows = Math.Min(TileRows, a->Rows - row);
            var tile = Read(a->Storage, panel + Bytes(a->Storage, row), rows, scratch);
            if (a->Layout == WeightLayout.OutputMajor)
            {
                Transpose.Copy(rows, columns, tile, Width, a->Result + ((long)column * a->Rows) + row, a->Rows);
                continue;
            }

            for (var i = 0; i < rows; i++)
            {
                new ReadOnlySpan<float>(tile + (i * Width), columns).CopyTo(new Span<float>(a->Result + ((long)(row + i) * a->Columns) + column, columns));
            }
        }
    }

    private static void TransposePart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (column, columns) = (part * Width, Math.Min(Width, a->Columns - (part * Width)));
        var panel = a->Packed + (part * Bytes(a->Storage, a->Rows));
        var scratch = stackalloc float[TileRows * Width];
        for (var row = 0; row < a->Rows; row += Width)
        {
            var rows = Math.Min(Width, a->Rows - row);
            var tile = Read(a->Storage, panel + Bytes(a->Storage, row), rows, scratch);
            var result = a->Result + ((long)row * a->Columns) + ((long)column * Width);
            if (rows < Width)
            {
                new Span<float>(result, columns * Width).Clear();
            }

            Transpose.Copy(rows, columns, tile, Width, result, Width);
        }
    }

    private static void ColumnsPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Count, a->Rows);
        for (var row = first; row < end; row++)
        {
            var panel = a->Packed + (a->Tokens[row] / Width * Bytes(a->Storage, a->Rows));
            var lane = a->Tokens[row] % Width;
            var y = a->Result + ((long)row * a->Rows);
            if (WeightBlocks.AreIn(a->Storage))
            {
                BlockDecoding.Row(a->Storage, panel, lane, a->Rows, y);
                continue;
            }

            for (var i = 0; i < a->Rows; i++)
            {
                var index = ((long)i * Width) + lane;
                y[i] = a->Storage == WeightStorage.F32 ? ((float*)panel)[index] : BFloat16.Widen(((ushort*)panel)[index]);
            }
        }
    }
}
