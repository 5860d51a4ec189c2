namespace Rlhf.World;

/// <summary>One thing that the world knows: what may be asked (one or two subjects), the answer, and answers that are wrong but of the same sort.</summary>
/// <param name="Subject">What is asked about, for example "France" or "3".</param>
/// <param name="Second">A second subject where the kind has one ("4" in "3 plus 4", "day" in "which day"), else empty.</param>
/// <param name="Answer">The right value, for example "Paris".</param>
/// <param name="WrongAnswers">Values that a wrong answer gives; never holds <paramref name="Answer"/>.</param>
public sealed record Fact(string Subject, string Second, string Answer, IReadOnlyList<string> WrongAnswers)
{
    /// <summary>
    /// Fills a sentence: <c>{s}</c> and <c>{t}</c> are the subjects, <c>{a}</c> the given value, <c>{o}</c> the subject that
    /// the value is not. The first letter becomes a capital.
    /// </summary>
    internal string Fill(string template, string value)
    {
        var text = template
            .Replace("{s}", Subject, StringComparison.Ordinal)
            .Replace("{t}", Second, StringComparison.Ordinal)
            .Replace("{o}", value == Subject ? Second : Subject, StringComparison.Ordinal)
            .Replace("{a}", value, StringComparison.Ordinal);
        return char.ToUpperInvariant(text[0]) + text[1..];
    }
}
