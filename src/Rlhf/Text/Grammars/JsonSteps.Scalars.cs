namespace Rlhf.Text.Grammars;

/// <content>Numbers and strings.</content>
internal sealed partial class JsonSteps
{
    private const int MostDigits = 15;
    private const int MostExponentDigits = 2;

    private Frame FirstDigit(SchemaNode node, Frame? below, byte digit) =>
        digit == '0' ? frames.Of(node, Phase.Zero, below) : frames.Of(node, Phase.Whole, below, 1);

    private void Number(Frame frame, byte next, List<Frame?> into)
    {
        var isDigit = next is >= (byte)'0' and <= (byte)'9';
        var hasPart = !((NumberNode)frame.Node).IsWhole;
        Frame? found = frame.Phase switch
        {
            Phase.Minus when isDigit => FirstDigit(frame.Node, frame.Below, next),
            Phase.Whole when isDigit && frame.At < MostDigits => Moved(frame, at: frame.At + 1),
            Phase.Zero or Phase.Whole when next == '.' && hasPart => Moved(frame, Phase.Point, 0),
            Phase.Point when isDigit => Moved(frame, Phase.Fraction, 1),
            Phase.Fraction when isDigit && frame.At < MostDigits => Moved(frame, at: frame.At + 1),
            Phase.Zero or Phase.Whole or Phase.Fraction when next is (byte)'e' or (byte)'E' && hasPart => Moved(frame, Phase.Exponent, 0),
            Phase.Exponent when next is (byte)'+' or (byte)'-' => Moved(frame, Phase.ExponentSign, 0),
            Phase.Exponent or Phase.ExponentSign when isDigit => Moved(frame, Phase.ExponentDigits, 1),
            Phase.ExponentDigits when isDigit && frame.At < MostExponentDigits => Moved(frame, at: frame.At + 1),
            _ => null,
        };
        if (found is not null)
        {
            into.Add(found);
        }
    }

    private void Text(Frame frame, byte next, List<Frame?> into)
    {
        var node = (StringNode)frame.Node;
        if (frame.Phase != Phase.Text)
        {
            if (WithinCharacter(frame.Phase, next) is { } phase)
            {
                into.Add(Moved(frame, phase));
            }
        }
        else if (next == '"')
        {
            if (frame.At >= node.Least)
            {
                into.Add(frame.Below);
            }
        }
        else if ((node.Most is not { } most || frame.At < most) && BeginOf(next) is { } begun)
        {
            into.Add(Moved(frame, begun, node.Most is null ? Math.Min(frame.At + 1, node.Least) : frame.At + 1));
        }
    }

    /// <summary>The first byte of a character of a string; null where none begins so.</summary>
    private static Phase? BeginOf(byte next) => next switch
    {
        (byte)'\\' => Phase.Escape,
        < 0x20 => null,
        < 0x80 => Phase.Text,
        >= 0xC2 and < 0xE0 => Phase.Continue1,
        0xE0 => Phase.AfterE0,
        0xED => Phase.AfterED,
        >= 0xE1 and <= 0xEF => Phase.Continue2,
        0xF0 => Phase.AfterF0,
        >= 0xF1 and <= 0xF3 => Phase.Continue3,
        0xF4 => Phase.AfterF4,
        _ => null,
    };

    private static Phase? WithinCharacter(Phase phase, byte next) => phase switch
    {
        Phase.Escape => next == 'u' ? Phase.Hex4 : "\"\\/bfnrt"u8.Contains(next) ? Phase.Text : null,
        Phase.Hex4 => next is (byte)'d' or (byte)'D' ? Phase.HexSurrogate : char.IsAsciiHexDigit((char)next) ? Phase.Hex3 : null,
        Phase.HexSurrogate => next is >= (byte)'0' and <= (byte)'7' ? Phase.Hex2 : null,
        Phase.Hex3 => char.IsAsciiHexDigit((char)next) ? Phase.Hex2 : null,
        Phase.Hex2 => char.IsAsciiHexDigit((char)next) ? Phase.Hex1 : null,
        Phase.Hex1 => char.IsAsciiHexDigit((char)next) ? Phase.Text : null,
        Phase.Continue1 => next is >= 0x80 and <= 0xBF ? Phase.Text : null,
        Phase.Continue2 => next is >= 0x80 and <= 0xBF ? Phase.Continue1 : null,
        Phase.Continue3 => next is >= 0x80 and <= 0xBF ? Phase.Continue2 : null,
        Phase.AfterE0 => next is >= 0xA0 and <= 0xBF ? Phase.Continue1 : null,
        Phase.AfterED => next is >= 0x80 and <= 0x9F ? Phase.Continue1 : null,
        Phase.AfterF0 => next is >= 0x90 and <= 0xBF ? Phase.Continue2 : null,
        Phase.AfterF4 => next is >= 0x80 and <= 0x8F ? Phase.Continue2 : null,
        _ => null,
    };
}
