namespace Rlhf.Text.Grammars;

/// <summary>
/// What one byte does to a frame: the frames that may come of it. Everything that is entered can be ended: a value, name or bracket is begun only where
/// something that satisfies the schema can follow within <see cref="Limits.AnswerDepth"/>.
/// White space is a space, or a line break with up to <see cref="MostIndent"/> spaces, at the places where JSON is usually broken. Numbers have at most
/// <see cref="MostDigits"/> digits on each side of the point. Escapes never name halves of surrogate pairs, and bytes above 127 are UTF-8.
/// </summary>
internal sealed partial class JsonSteps(FrameTable frames)
{
    private const int MostIndent = 24;

    /// <summary>Adds what comes of a byte; a frame that is null is the end of the text, after which nothing comes.</summary>
    public void Step(Frame? frame, byte next, List<Frame?> into)
    {
        for (var on = frame; on is not null; on = on.Below)
        {
            Within(on, next, into);
            if (!on.CanEnd)
            {
                return;
            }
        }
    }

    private void Within(Frame frame, byte next, List<Frame?> into)
    {
        switch (frame.Phase)
        {
            case Phase.Root or Phase.Value:
                // A space in front of all of it: tokens of a first word usually have one.
                if (next == ' ' && frame.Gap == 0)
                {
                    into.Add(Moved(frame, gap: 1));
                }

                Enter(frame.Node, frame.Below, next, into);
                break;
            case Phase.Literal:
                Literal((LiteralNode)frame.Node, frame.At, frame.End, frame.More, frame.Below, next, into);
                break;
            case >= Phase.Minus:
                Number(frame, next, into);
                break;
            case >= Phase.Text:
                Text(frame, next, into);
                break;
            default:
                Bracketed(frame, next, into);
                break;
        }
    }

    private Frame Moved(Frame frame, Phase? phase = null, int? at = null, int gap = 0) =>
        frames.Of(frame.Node, phase ?? frame.Phase, frame.Below, at ?? frame.At, 0, 0, gap);

    /// <summary>The first byte of a value.</summary>
    private void Enter(SchemaNode node, Frame? below, byte next, List<Frame?> into)
    {
        var depth = below?.Depth ?? 0;
        switch (node)
        {
            case Alternatives holder:
                foreach (var option in holder.Options.Where(option => depth + option.Depth <= Limits.AnswerDepth))
                {
                    Enter(option, below, next, into);
                }

                break;
            case StringNode when next == '"':
                into.Add(frames.Of(node, Phase.Text, below));
                break;
            case LiteralNode literals:
                Literal(literals, 0, literals.Values.Count, 0, below, next, into);
                break;
            case NumberNode when next is (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                into.Add(next == '-' ? frames.Of(node, Phase.Minus, below) : FirstDigit(node, below, next));
                break;
            case ObjectNode when next == '{':
            case ArrayNode when next == '[':
                into.Add(frames.Of(node, Phase.Open, below));
                break;
        }
    }

    private static bool Fits(SchemaNode value, Frame around) => around.Depth + value.Depth <= Limits.AnswerDepth;

    private void Literal(LiteralNode node, int first, int end, int length, Frame? below, byte next, List<Frame?> into)
    {
        var values = node.Values;
        while (first < end && (values[first].Length <= length || values[first][length] < next))
        {
            first++;
        }

        var last = first;
        while (last < end && values[last][length] == next)
        {
            last++;
        }

        if (last > first)
        {
            into.Add(last - first == 1 && values[first].Length == length + 1 ? below : frames.Of(node, Phase.Literal, below, first, length + 1, last));
        }
    }

    private void Bracketed(Frame frame, byte next, List<Frame?> into)
    {
        if (GapAfter(frame, next) is { } gap)
        {
            into.Add(Moved(frame, gap: gap));
        }
        else if (frame.Node is ArrayNode array)
        {
            Items(frame, array, next, into);
        }
        else
        {
            Properties(frame, (ObjectNode)frame.Node, next, into);
        }
    }

    /// <summary>White space, where it may stand and something may follow it.</summary>
    private int? GapAfter(Frame frame, byte next)
    {
        var mayHave = frame.Phase is Phase.Open or Phase.Next || (frame.Phase == Phase.After && MayClose(frame));
        return !mayHave ? null
            : next == ' ' && frame.Gap != 1 && frame.Gap < 2 + MostIndent ? (frame.Gap == 0 ? 1 : frame.Gap + 1)
            : next == '\n' && frame.Gap == 0 ? 2 : null;
    }

    private static bool MayClose(Frame frame) => frame.Node switch
    {
        ArrayNode array => frame.At >= array.Least,
        ObjectNode node => frame.Phase != Phase.Next && !node.Properties.Skip(frame.At).Any(static property => property.IsRequired),
        _ => false,
    };

    private void Items(Frame frame, ArrayNode array, byte next, List<Frame?> into)
    {
        var mayGoOn = (array.Most is not { } most || frame.At < most) && Fits(array.Items, frame);
        if (frame.Phase == Phase.After)
        {
            if (next == ',' && frame.Gap == 0 && mayGoOn)
            {
                into.Add(Moved(frame, Phase.Next));
            }
        }
        else if (mayGoOn)
        {
            // Of an array without a limit only its least number is counted.
            var count = array.Most is null ? Math.Min(frame.At + 1, array.Least) : frame.At + 1;
            Enter(array.Items, Moved(frame, Phase.After, count), next, into);
        }

        if (next == ']' && frame.Phase != Phase.Next && MayClose(frame))
        {
            into.Add(frame.Below);
        }
    }

    private void Properties(Frame frame, ObjectNode node, byte next, List<Frame?> into)
    {
        switch (frame.Phase)
        {
            case Phase.Open or Phase.Next:
                BeginName(frame, node, next, into);
                break;
            case Phase.Name:
                Name(frame, node, next, into);
                break;
            case Phase.Colon when next == ':':
                into.Add(frames.Of(ValueAt(node, frame.At), Phase.Value, Moved(frame, Phase.After, node.Values is null ? frame.At + 1 : 0)));
                break;
            case Phase.After when next == ',' && frame.Gap == 0 && MayHaveName(frame, node):
                into.Add(Moved(frame, Phase.Next));
                break;
        }

        if (next == '}' && frame.Phase is Phase.Open or Phase.After && MayClose(frame))
        {
            into.Add(frame.Below);
        }
    }

    private static Alternatives ValueAt(ObjectNode node, int property) => node.Values ?? node.Properties[property].Value;

    private void BeginName(Frame frame, ObjectNode node, byte next, List<Frame?> into)
    {
        if (next != '"' || !MayHaveName(frame, node))
        {
            return;
        }

        into.Add(node.Values is not null
            ? frames.Of(FreeName, Phase.Text, Moved(frame, Phase.Colon))
            : frames.Of(node, Phase.Name, frame.Below, frame.At, 1, 0));
    }

    private static readonly StringNode FreeName = new(0, null);

    private static bool MayHaveName(Frame frame, ObjectNode node) =>
        node.Values is { } values ? Fits(values, frame) : Candidates(frame, node).Any();

    /// <summary>The properties that may come next: those up to the first required one whose values have room.</summary>
    private static IEnumerable<int> Candidates(Frame frame, ObjectNode node)
    {
        for (var i = frame.At; i < node.Properties.Count; i++)
        {
            if (Fits(node.Properties[i].Value, frame))
            {
                yield return i;
            }

            if (node.Properties[i].IsRequired)
            {
                yield break;
            }
        }
    }

    // A name is followed along all candidates at once: End is the number of a candidate that has the bytes so far, plus 1.
    private void Name(Frame frame, ObjectNode node, byte next, List<Frame?> into)
    {
        var shown = frame.End == 0 ? [] : node.Properties[frame.End - 1].Name.AsSpan(0, frame.More);
        foreach (var i in Candidates(frame, node))
        {
            var name = node.Properties[i].Name;
            if (name.Length <= frame.More || name[frame.More] != next || (frame.End != 0 && !name.AsSpan().StartsWith(shown)))
            {
                continue;
            }

            into.Add(name.Length == frame.More + 1
                ? frames.Of(node, Phase.Colon, frame.Below, i)
                : frames.Of(node, Phase.Name, frame.Below, frame.At, frame.More + 1, i + 1));
            return;
        }
    }
}
