using System.Text;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>How a value is stored, by Parquet's numbers.</summary>
internal enum PhysicalType
{
    /// <summary>A bit.</summary>
    Boolean,

    /// <summary>Four bytes.</summary>
    Int32,

    /// <summary>Eight bytes.</summary>
    Int64,

    /// <summary>Twelve bytes, a time of old writers.</summary>
    Int96,

    /// <summary>Four bytes.</summary>
    Float,

    /// <summary>Eight bytes.</summary>
    Double,

    /// <summary>A length and bytes.</summary>
    ByteArray,

    /// <summary>As many bytes as the schema says.</summary>
    FixedLengthByteArray,
}

/// <summary>What a value means.</summary>
internal enum Meaning
{
    /// <summary>What it is stored as.</summary>
    Plain,

    /// <summary>UTF-8 text.</summary>
    Text,

    /// <summary>A whole number without a sign.</summary>
    Unsigned,

    /// <summary>A decimal number, <see cref="ParquetNode.Scale"/> of its digits behind the point.</summary>
    Decimal,

    /// <summary>A day, counted from 1970.</summary>
    Date,

    /// <summary>A time of day, in units of 10^-<see cref="ParquetNode.Scale"/> seconds.</summary>
    Time,

    /// <summary>A moment, in units of 10^-<see cref="ParquetNode.Scale"/> seconds from 1970.</summary>
    Timestamp,

    /// <summary>A number of two bytes.</summary>
    Half,

    /// <summary>A UUID.</summary>
    Uuid,

    /// <summary>A group that is a list.</summary>
    List,

    /// <summary>A group that is a map.</summary>
    Map,
}

/// <summary>A column, or a group of columns, of a Parquet file.</summary>
internal sealed class ParquetNode
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>How its values are stored; null for a group.</summary>
    public PhysicalType? Type { get; init; }

    /// <summary>Bytes of a value of fixed length.</summary>
    public int TypeLength { get; init; }

    /// <summary>What it means.</summary>
    public Meaning Meaning { get; init; }

    /// <summary>Digits behind the point, or the unit of a time as a power of a tenth of a second.</summary>
    public int Scale { get; init; }

    /// <summary>Whether it may be null.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether it may occur any number of times.</summary>
    public bool IsRepeated { get; init; }

    /// <summary>The definition level from which on it is there.</summary>
    public int Definition { get; init; }

    /// <summary>How many nodes from the root to here are repeated.</summary>
    public int Repetition { get; init; }

    /// <summary>The columns of a group.</summary>
    public List<ParquetNode> Children { get; } = [];

    /// <summary>The number of a column among all columns; -1 for a group.</summary>
    public int Column { get; init; } = -1;

    /// <summary>The columns below, in order.</summary>
    public IEnumerable<ParquetNode> Leaves => Type is null ? Children.SelectMany(child => child.Leaves) : [this];

    /// <summary>Of a list: whether its repeated child is the item itself, as old writers have it, and not a group around it.</summary>
    public bool HasBareItems => Children[0] is var repeated
        && (repeated.Type is not null || repeated.Children.Count != 1 || repeated.Children[0].IsRepeated
            || repeated.Name == "array" || repeated.Name == Name + "_tuple");
}

/// <summary>Builds the tree of columns from the flat list in the footer.</summary>
internal static class ParquetSchema
{
    private const int MaximumNesting = JsonRow.MaximumNesting;
    private const int MaximumNodes = 10_000;

    /// <summary>The root of the tree.</summary>
    /// <param name="elements">The list, depth first.</param>
    /// <exception cref="InvalidDataException">It is no tree, or a larger one than any table of texts has.</exception>
    public static ParquetNode Build(IReadOnlyList<SchemaElement> elements)
    {
        if (elements.Count is 0 or > MaximumNodes)
        {
            throw new InvalidDataException("the schema has no columns or too many");
        }

        var (at, columns) = (0, 0);
        var root = Node(elements, ref at, ref columns, null, 0);
        return at == elements.Count && columns > 0 && root.Type is null ? root : throw new InvalidDataException("the schema is no tree of columns");
    }

    private static ParquetNode Node(IReadOnlyList<SchemaElement> elements, ref int at, ref int columns, ParquetNode? parent, int depth)
    {
        if (at >= elements.Count || depth > MaximumNesting)
        {
            throw new InvalidDataException("the schema is no tree, or is nested too deeply");
        }

        var element = elements[at++];
        var (meaning, scale) = element.MeaningOf();
        var (optional, repeated) = parent is null ? (false, false) : (element.RepetitionType == 1, element.RepetitionType == 2);
        var node = new ParquetNode
        {
            Name = Encoding.UTF8.GetString(element.Name.Span),
            Type = element.Children > 0 ? null : element.Type ?? throw new InvalidDataException("a column has no type"),
            TypeLength = element.TypeLength,
            Meaning = Fitting(meaning, element),
            Scale = scale,
            IsOptional = optional,
            IsRepeated = repeated,
            Definition = (parent?.Definition ?? 0) + (optional || repeated ? 1 : 0),
            Repetition = (parent?.Repetition ?? 0) + (repeated ? 1 : 0),
            Column = element.Children > 0 ? -1 : columns++,
        };
        for (var i = 0; i < element.Children; i++)
        {
            node.Children.Add(Node(elements, ref at, ref columns, node, depth + 1));
        }

        RequireShape(node);
        return node;
    }

    private static Meaning Fitting(Meaning meaning, SchemaElement element) => meaning switch
    {
        Meaning.List or Meaning.Map when element.Children == 0 => throw new InvalidDataException("a list without items"),
        Meaning.Half when element is not { Type: PhysicalType.FixedLengthByteArray, TypeLength: 2 } =>
            throw new InvalidDataException("a number of two bytes has others"),
        Meaning.Uuid when element is not { Type: PhysicalType.FixedLengthByteArray, TypeLength: 16 } =>
            throw new InvalidDataException("a UUID that has not 16 bytes"),
        _ => meaning,
    };

    private static void RequireShape(ParquetNode node)
    {
        var names = node.Children.Select(child => child.Name).ToHashSet(StringComparer.Ordinal);
        if (names.Count != node.Children.Count)
        {
            throw new InvalidDataException($"a column name stands twice below \"{node.Name}\"");
        }

        if (node.Meaning is Meaning.List or Meaning.Map && (node.Children.Count != 1 || !node.Children[0].IsRepeated))
        {
            throw new InvalidDataException($"the list or map \"{node.Name}\" has no repeated group");
        }

        if (node.Meaning == Meaning.Map && (node.Children[0].Children.Count != 2 || node.Children[0].Children[0].Type is null))
        {
            throw new InvalidDataException($"the map \"{node.Name}\" has no pairs of key and value");
        }
    }
}
