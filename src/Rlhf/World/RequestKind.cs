namespace Rlhf.World;

/// <summary>A kind of request ("capital", "sum" ...): its facts and the ways to ask and to answer. Templates as in <see cref="Fact.Fill"/>.</summary>
/// <param name="Name">Short name for reports.</param>
/// <param name="Facts">What may be asked.</param>
/// <param name="Phrasings">Whole questions, with their end mark.</param>
/// <param name="Statements">Full sentences that answer, without end mark.</param>
/// <param name="Curt">The answer as a bare word or words, without end mark.</param>
/// <param name="EndMarks">Marks that a statement may end with; the grammar writes the first.</param>
public sealed record RequestKind(
    string Name, IReadOnlyList<Fact> Facts, IReadOnlyList<string> Phrasings, IReadOnlyList<string> Statements, string Curt, string EndMarks = ".!")
{
    /// <summary>Every value that some answer of this kind gives, right or wrong.</summary>
    internal IReadOnlyList<string> Values { get; } =
        [.. Facts.SelectMany(fact => fact.WrongAnswers.Prepend(fact.Answer)).Distinct(StringComparer.Ordinal)];
}
