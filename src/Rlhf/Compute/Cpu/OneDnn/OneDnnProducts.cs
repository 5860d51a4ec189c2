namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>One worker's products by shape. oneDNN makes code for a shape when it first sees one; the numbers of rows are few
/// (<see cref="BFloat16Parts.Padded"/>).</summary>
internal sealed class OneDnnProducts(OneDnnLibrary library) : IDisposable
{
    private readonly Dictionary<(int Rows, int Depth), OneDnnProduct> _made = [];

    /// <summary>The product of a shape.</summary>
    public OneDnnProduct Of(int rows, int depth)
    {
        library.UseOneThread();
        if (!_made.TryGetValue((rows, depth), out var product))
        {
            product = new OneDnnProduct(library, rows, depth);
            _made.Add((rows, depth), product);
        }

        return product;
    }

    public void Dispose()
    {
        foreach (var product in _made.Values)
        {
            product.Dispose();
        }

        _made.Clear();
    }
}
