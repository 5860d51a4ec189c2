using System.Collections;

namespace Rlhf.Model;

/// <summary>A list that never changes and equals any other with the same elements, so that records that hold one can be compared.</summary>
public sealed class EqualList<T>(params ReadOnlySpan<T> elements) : IReadOnlyList<T>, IEquatable<EqualList<T>>
{
    private readonly T[] _elements = elements.ToArray();

    /// <inheritdoc/>
    public int Count => _elements.Length;

    /// <inheritdoc/>
    public T this[int index] => _elements[index];

    /// <inheritdoc/>
    public bool Equals(EqualList<T>? other) => other is not null && _elements.AsSpan().SequenceEqual(other._elements);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as EqualList<T>);

    /// <inheritdoc/>
    public override int GetHashCode() => _elements.Aggregate(_elements.Length, HashCode.Combine);

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)_elements).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
