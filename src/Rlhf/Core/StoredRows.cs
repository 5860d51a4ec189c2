using System.Collections;
using System.Text;

namespace Rlhf.Core;

/// <summary>How a record becomes bytes and comes back.</summary>
/// <param name="Write">Writes a record.</param>
/// <param name="Read">Reads it.</param>
internal sealed record RowCodec<T>(Action<BinaryWriter, T> Write, Func<BinaryReader, T> Read);

/// <summary>A list whose records are in a file: 8 bytes of each are in memory, and every access reads the record anew.</summary>
/// <param name="file">The file, which other lists may share.</param>
/// <param name="codec">How a record becomes bytes.</param>
internal sealed class StoredRows<T>(SpillFile file, RowCodec<T> codec) : IReadOnlyList<T>
{
    private readonly List<long> _places = [];

    /// <inheritdoc/>
    public int Count => _places.Count;

    /// <inheritdoc/>
    /// <exception cref="RunFailedException">The file is damaged or cannot be read.</exception>
    public T this[int index]
    {
        get
        {
            using var reader = new BinaryReader(new MemoryStream(file.Read(_places[index])), Encoding.UTF8);
            return codec.Read(reader);
        }
    }

    /// <summary>Adds a record.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public void Add(T row)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        codec.Write(writer, row);
        _places.Add(file.Append(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)));
    }

    /// <summary>Adds records.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public void AddRange(IEnumerable<T> rows)
    {
        foreach (var row in rows)
        {
            Add(row);
        }
    }

    /// <summary>The records that <paramref name="isKept"/> chooses, without writing them again.</summary>
    public StoredRows<T> Keeping(Func<T, bool> isKept)
    {
        var kept = new StoredRows<T>(file, codec);
        kept._places.AddRange(_places.Where((_, index) => isKept(this[index])));
        return kept;
    }

    /// <summary>The first records, as many as there are of <paramref name="most"/>.</summary>
    public StoredRows<T> First(int most)
    {
        var first = new StoredRows<T>(file, codec);
        first._places.AddRange(_places.Take(most));
        return first;
    }

    /// <summary>These records and those of other lists of the same file behind them, without writing them again.</summary>
    public StoredRows<T> With(IEnumerable<StoredRows<T>> others)
    {
        var all = First(Count);
        foreach (var other in others)
        {
            all._places.AddRange(other._places);
        }

        return all;
    }

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
