namespace Rlhf.Numerics.Cpu;

/// <summary>Copies rows out of a matrix by number, and adds rows back.</summary>
internal static unsafe class Rows
{
    internal struct Arguments
    {
        public float* X, Y;
        public int* Numbers;
        public int Count, Width;
    }

    public static void Gather(WorkerPool pool, Arguments arguments) => pool.Run(&GatherPart, &arguments, RowParts.Count(arguments.Count, arguments.Width));

    public static void ScatterAdd(WorkerPool pool, Arguments arguments) => pool.Run(&ScatterAddPart, &arguments, RowParts.Count(arguments.Count, arguments.Width));

    private static void GatherPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Count, a->Width);
        for (var i = first; i < end; i++)
        {
            var source = new ReadOnlySpan<float>(a->X + ((long)a->Numbers[i] * a->Width), a->Width);
            source.CopyTo(new Span<float>(a->Y + ((long)i * a->Width), a->Width));
        }
    }

    private static void ScatterAddPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Count, a->Width);
        for (var i = first; i < end; i++)
        {
            var destination = a->X + ((long)a->Numbers[i] * a->Width);
            var source = a->Y + ((long)i * a->Width);
            for (var c = 0; c < a->Width; c++)
            {
                destination[c] += source[c];
            }
        }
    }
}
