namespace Rlhf.Model;

/// <summary>One tensor of a model inside the flat parameter buffer.</summary>
/// <param name="Name">Hugging Face name, for example <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="Shape">Dimensions as in the file.</param>
/// <param name="Offset">First element, in floats from the start of the buffer.</param>
/// <param name="Decays">AdamW's weight decay applies: the tensor has two or more dimensions.</param>
public sealed record Parameter(string Name, int[] Shape, long Offset, bool Decays)
{
    /// <summary>Number of elements.</summary>
    public long Length { get; } = Shape.Aggregate(1L, (product, dimension) => product * dimension);

    /// <summary>Heads whose query, key and value rows stand together in the file, head by head; the buffer has all queries first. 0: the orders are
    /// one.</summary>
    public int HeadsTogether { get; init; }

    /// <summary>The runs that make up [<paramref name="first"/>, + <paramref name="length"/>) of the file's order, with where they stand in the tensor's part
    /// of the buffer.</summary>
    public IEnumerable<(long File, long Buffer, long Length)> Runs(long first, long length)
    {
        if (HeadsTogether == 0)
        {
            yield return (first, first, length);
            yield break;
        }

        var block = Length / (3 * HeadsTogether); // one head's query, key or value rows
        for (var (done, end) = (first, first + length); done < end;)
        {
            var (number, inside) = (done / block, done % block);
            var count = Math.Min(block - inside, end - done);
            yield return (done, ((((number % 3) * HeadsTogether) + (number / 3)) * block) + inside, count);
            done += count;
        }
    }
}
