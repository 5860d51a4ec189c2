using System.Collections;

namespace Rlhf.Text.Patterns;

/// <summary>Matches each single character of a set.</summary>
internal sealed class SetPattern : SplitPattern
{
    private readonly CodePointSet _set;
    private readonly BitArray _basicPlane = new(char.MaxValue + 1);

    public SetPattern(CodePointSet set)
    {
        _set = set;
        for (var unit = 0; unit <= char.MaxValue; unit++)
        {
            _basicPlane[unit] = set.Contains(unit);
        }
    }

    public override void FindAll(ReadOnlySpan<char> text, List<(int Start, int Length)> matches)
    {
        var start = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsBmp ? _basicPlane[rune.Value] : _set.Contains(rune.Value))
            {
                matches.Add((start, rune.Utf16SequenceLength));
            }

            start += rune.Utf16SequenceLength;
        }
    }
}
