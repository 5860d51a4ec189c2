namespace Rlhf.Text.Grammars;

/// <summary>Values of one kind that a grammar allows.</summary>
internal abstract class SchemaNode
{
    /// <summary>No value satisfies it.</summary>
    public const int Never = int.MaxValue / 2;

    /// <summary>How many objects and arrays stand in one another in the flattest value at least; <see cref="Never"/> where there is no value.</summary>
    public int Depth { get; set; } = Never;

    /// <summary>The depth by those of the nodes beneath.</summary>
    public virtual int FindDepth() => 0;
}

/// <summary>Any of some values: one holder stands for each place of a schema, so that it may be referred to before it is read.</summary>
internal sealed class Alternatives(string place) : SchemaNode
{
    /// <summary>Where it stands in the schema, as a JSON pointer.</summary>
    public string Place => place;

    /// <summary>As the schema has them; holders among them, perhaps itself.</summary>
    public List<SchemaNode> Given { get; } = [];

    /// <summary>Without holders, each once.</summary>
    public IReadOnlyList<SchemaNode> Options { get; private set; } = [];

    public override int FindDepth() => Options.Count == 0 ? Never : Options.Min(static option => option.Depth);

    /// <summary>Replaces holders by what they hold.</summary>
    public void Flatten()
    {
        var (seen, flat, open) = (new HashSet<SchemaNode>(), new List<SchemaNode>(), new Stack<SchemaNode>([this]));
        while (open.TryPop(out var next))
        {
            if (!seen.Add(next))
            {
                continue;
            }

            if (next is not Alternatives holder)
            {
                flat.Add(next);
                continue;
            }

            for (var i = holder.Given.Count - 1; i >= 0; i--)
            {
                open.Push(holder.Given[i]);
            }
        }

        Options = flat;
    }

    /// <summary>Leaves out what no value satisfies.</summary>
    public void Prune() => Options = [.. Options.Where(static option => option.Depth < Never)];
}

/// <summary>Strings of some numbers of characters.</summary>
internal sealed class StringNode(int least, int? most) : SchemaNode
{
    public int Least => least;

    public int? Most => most;

    public override int FindDepth() => most < least ? Never : 0;
}

/// <summary>Numbers, or whole ones alone.</summary>
internal sealed class NumberNode(bool isWhole) : SchemaNode
{
    public bool IsWhole => isWhole;
}

/// <summary>Some values, as the bytes of their JSON in the order of the bytes, each once.</summary>
internal sealed class LiteralNode(IReadOnlyList<byte[]> values) : SchemaNode
{
    public IReadOnlyList<byte[]> Values => values;

    public override int FindDepth() => values.Count == 0 ? Never : 0;
}

/// <summary>A property that an object may or must have.</summary>
/// <param name="Name">The bytes of its name's JSON.</param>
/// <param name="Value">What it may be.</param>
/// <param name="IsRequired">Whether it must be there.</param>
internal sealed record SchemaProperty(byte[] Name, Alternatives Value, bool IsRequired);

/// <summary>Objects: some properties in their order, or any names with values of one kind.</summary>
internal sealed class ObjectNode(IReadOnlyList<SchemaProperty> properties, Alternatives? values) : SchemaNode
{
    /// <summary>In the order in which they are written.</summary>
    public IReadOnlyList<SchemaProperty> Properties => properties;

    /// <summary>Of objects whose names are free: what their values may be; null where the names are not free.</summary>
    public Alternatives? Values => values;

    public override int FindDepth() => Math.Min(Never, 1 + properties.Where(static property => property.IsRequired)
        .Select(static property => property.Value.Depth).DefaultIfEmpty(0).Max());
}

/// <summary>Arrays of some numbers of values of one kind.</summary>
internal sealed class ArrayNode(Alternatives items, int least, int? most) : SchemaNode
{
    public Alternatives Items => items;

    public int Least => least;

    public int? Most => most;

    public override int FindDepth() => most < least ? Never : least == 0 ? 1 : Math.Min(Never, 1 + items.Depth);
}
