using System.Globalization;
using Rlhf.Labelers;

namespace Rlhf.Grading;

/// <summary>Reads marks out of what a judge replies.</summary>
internal static class RubricReply
{
    /// <summary>
    /// The mark of each criterion; NaN where the reply has none on its scale. The last line that begins with a criterion's name counts, since a judge may
    /// think aloud first; one that is asked for a single mark may reply with the number alone.
    /// </summary>
    public static double[] Marks(string? reply, IReadOnlyList<CriterionOptions> criteria)
    {
        var marks = new double[criteria.Count];
        Array.Fill(marks, double.NaN);
        foreach (var line in (reply ?? "").Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon < 0 ? "" : ChatOptions.WordOf(line[..colon]);
            for (var i = 0; i < marks.Length; i++)
            {
                if (colon >= 0 && name == ChatOptions.WordOf(criteria[i].Name))
                {
                    marks[i] = NumberIn(line[(colon + 1)..], criteria[i]);
                }
                else if (criteria.Count == 1 && colon < 0 && NumberIn(line, criteria[0]) is var alone && !double.IsNaN(alone))
                {
                    marks[0] = alone;
                }
            }
        }

        return marks;
    }

    /// <summary><c>4</c>, <c>**4**</c> or <c>4/5</c>; NaN for what is no number of the scale.</summary>
    private static double NumberIn(string text, CriterionOptions criterion)
    {
        var parts = text.Trim().Trim('*', '_', '`', '"', '.', '[', ']', '(', ')', ' ').Split('/');
        var isOutOf = parts.Length == 2 && Number(parts[1]) == criterion.High;
        return (parts.Length == 1 || isOutOf) && Number(parts[0]) is var mark && mark >= criterion.Low && mark <= criterion.High ? mark : double.NaN;
    }

    private static double Number(string text) => double.TryParse(
        text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
        CultureInfo.InvariantCulture, out var number)
        ? number
        : double.NaN;
}
