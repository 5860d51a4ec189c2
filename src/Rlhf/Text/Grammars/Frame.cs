namespace Rlhf.Text.Grammars;

/// <summary>Where in a value of a node a text is.</summary>
internal enum Phase : byte
{
    /// <summary>In front of the whole text.</summary>
    Root,

    /// <summary>In front of a value that must come.</summary>
    Value,

    /// <summary>Behind the bracket that opens an object or array.</summary>
    Open,

    /// <summary>Within a property's name that is one of those known.</summary>
    Name,

    /// <summary>Behind a property's name.</summary>
    Colon,

    /// <summary>Behind a value in an object or array.</summary>
    After,

    /// <summary>Behind a comma.</summary>
    Next,

    /// <summary>Within one of some values.</summary>
    Literal,

    /// <summary>Within a string; what follows are places within a character of it.</summary>
    Text,
    Escape,
    Hex4,
    HexSurrogate,
    Hex3,
    Hex2,
    Hex1,
    Continue1,
    Continue2,
    Continue3,
    AfterE0,
    AfterED,
    AfterF0,
    AfterF4,

    /// <summary>Behind a number's minus; what follows are places within the number.</summary>
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// <summary>
/// A place within a value, on top of the places within the values around it. Frames with the same contents are one object, as long as its
/// <see cref="FrameTable"/> keeps them.
/// </summary>
/// <param name="id">Its number: the order of frames in a state.</param>
/// <param name="node">The values in question.</param>
/// <param name="phase">Where in the value.</param>
/// <param name="at">The next property, the item's number, the first literal that is left, or characters and digits so far.</param>
/// <param name="more">How far in a name or literal.</param>
/// <param name="end">The end of the literals or names that are left.</param>
/// <param name="gap">White space so far: 0 none, 1 a space, 2 and more a line break with spaces.</param>
/// <param name="below">What goes on when the value ends; null where the text does not.</param>
internal sealed class Frame(long id, SchemaNode node, Phase phase, int at, int more, int end, int gap, Frame? below)
{
    public long Id => id;

    public SchemaNode Node => node;

    public Phase Phase => phase;

    public int At => at;

    public int More => more;

    public int End => end;

    public int Gap => gap;

    public Frame? Below => below;

    /// <summary>Objects and arrays around a value that begins on top of this frame.</summary>
    public int Depth { get; } = (below?.Depth ?? 0) + (node is ObjectNode or ArrayNode ? 1 : 0);

    /// <summary>Whether the value may end here, without a byte that says so.</summary>
    public bool CanEnd => phase is Phase.Zero or Phase.Whole or Phase.Fraction or Phase.ExponentDigits
        || (phase == Phase.Literal && ((LiteralNode)node).Values[at].Length == more);
}

/// <summary>The frames in use.</summary>
internal sealed class FrameTable
{
    private readonly Dictionary<(SchemaNode Node, Phase Phase, int At, int More, int End, int Gap, Frame? Below), Frame> _frames = [];
    private long _next;

    /// <summary>How many there are.</summary>
    public int Count => _frames.Count;

    public Frame Of(SchemaNode node, Phase phase, Frame? below, int at = 0, int more = 0, int end = 0, int gap = 0)
    {
        var key = (node, phase, at, more, end, gap, below);
        if (!_frames.TryGetValue(key, out var frame))
        {
            _frames[key] = frame = new Frame(_next++, node, phase, at, more, end, gap, below);
        }

        return frame;
    }

    /// <summary>Forgets all; those that somebody holds stay what they are.</summary>
    public void Clear() => _frames.Clear();
}
