namespace Rlhf.Text.Patterns;

/// <summary>Reads a class of characters: ranges, escapes, properties, POSIX names, classes within it, <c>&amp;&amp;</c>.</summary>
internal sealed class PatternClass(PatternReader reader, bool ignoresCase, int depth = 0)
{
    private const int DeepestNesting = 20;

    /// <summary>Reads what follows the opening bracket, and the closing one.</summary>
    public CodePointSet Read()
    {
        var negated = reader.Take('^');
        var set = Members();
        while (reader.Take("&&"))
        {
            set = set.Intersect(Members());
        }

        if (!reader.Take(']'))
        {
            throw reader.Refuse("a class is not closed");
        }

        // A letter's other case belongs to the class before it is turned round.
        set = ignoresCase ? LetterCase.Close(set) : set;
        return negated ? set.Complement() : set;
    }

    private CodePointSet Members()
    {
        var set = CodePointSet.Empty;
        for (var isFirst = true; isFirst || reader.Next != ']'; isFirst = false)
        {
            if (reader.Take("&&"))
            {
                throw reader.Refuse("a class intersection needs a class on both sides");
            }

            set = set.Union(Member());
            if (reader.IsAtEnd || IsIntersection())
            {
                break;
            }
        }

        return set;
    }

    private bool IsIntersection()
    {
        if (reader.Next != '&' || !reader.Take("&&"))
        {
            return false;
        }

        reader.Back(2);
        return true;
    }

    private CodePointSet Member()
    {
        if (reader.Take("[:"))
        {
            return Posix();
        }

        if (reader.Take('['))
        {
            return depth < DeepestNesting
                ? new PatternClass(reader, ignoresCase, depth + 1).Read()
                : throw reader.Refuse("classes are nested too deeply");
        }

        var first = One();
        if (first.Bounds.Length != 2 || first.Bounds[1] != first.Bounds[0] + 1 || reader.Next != '-')
        {
            return first;
        }

        reader.Read();
        if (reader.Next == ']')
        {
            return first.Union(CodePointSet.Of('-'));
        }

        var last = One();
        return last.Bounds.Length == 2 && last.Bounds[1] == last.Bounds[0] + 1 && last.Bounds[0] >= first.Bounds[0]
            ? CodePointSet.Range(first.Bounds[0], last.Bounds[0])
            : throw reader.Refuse("a range needs two characters in order");
    }

    private CodePointSet One() => !reader.Take('\\') ? CodePointSet.Of(reader.Read())
        : reader.Take('b') ? CodePointSet.Of('\b')
        : reader.EscapedSet();

    private CodePointSet Posix()
    {
        var name = reader.ReadPast(':');
        if (!reader.Take(']'))
        {
            throw reader.Refuse("a POSIX class is not closed by :]");
        }

        var set = UnicodeProperties.Find(name.TrimStart('^')) ?? throw reader.Refuse($"the POSIX class {name} is not known");
        return name.StartsWith('^') ? set.Complement() : set;
    }
}
