namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Brings a parameter into the order in which GGUF files have it.</summary>
internal static class GgufOrders
{
    /// <summary>Their order of our numbers.</summary>
    /// <param name="ours">The numbers.</param>
    /// <param name="shape">Our shape.</param>
    /// <param name="place">Where they go.</param>
    /// <param name="headWidth">D.</param>
    public static float[] Theirs(float[] ours, int[] shape, GgufPlace place, int headWidth) => place.Order switch
    {
        GgufOrder.Transposed => Transposed(ours, shape[0], shape[1]),
        GgufOrder.Neighbours => Neighbours(ours, place.Heads, headWidth),
        _ => place.HasOneMore ? Array.ConvertAll(ours, gain => gain + 1) : ours,
    };

    private static float[] Transposed(float[] ours, int rows, int columns)
    {
        var theirs = new float[ours.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                theirs[((long)column * rows) + row] = ours[((long)row * columns) + column];
            }
        }

        return theirs;
    }

    // Row 2j + i of theirs is row i D/2 + j of ours.
    private static float[] Neighbours(float[] ours, int heads, int headWidth)
    {
        var theirs = new float[ours.Length];
        var rowLength = ours.Length / heads / headWidth;
        for (var row = 0; row < heads * headWidth; row++)
        {
            var within = row % headWidth;
            var source = row - within + (within % 2 * headWidth / 2) + (within / 2);
            ours.AsSpan(source * rowLength, rowLength).CopyTo(theirs.AsSpan(row * rowLength));
        }

        return theirs;
    }
}
