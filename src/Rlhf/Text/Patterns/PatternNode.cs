namespace Rlhf.Text.Patterns;

/// <summary>A part of a pattern.</summary>
internal abstract record PatternNode;

/// <summary>One code point of a set.</summary>
internal sealed record OneOf(CodePointSet Set) : PatternNode;

/// <summary>Parts one behind the other.</summary>
internal sealed record InSequence(IReadOnlyList<PatternNode> Parts) : PatternNode;

/// <summary>The first that leads to a match.</summary>
internal sealed record EitherOf(IReadOnlyList<PatternNode> Choices) : PatternNode;

/// <summary>A part in a group.</summary>
/// <param name="Opening">How .NET begins the group: <c>(?:</c>, <c>(?></c>, <c>(?=</c>, <c>(?!</c>, <c>(?&lt;=</c>, <c>(?&lt;!</c>.</param>
/// <param name="Inner">What stands in it.</param>
internal sealed record InGroup(string Opening, PatternNode Inner) : PatternNode;

/// <summary>A part several times.</summary>
/// <param name="Inner">The part.</param>
/// <param name="Quantifier">How .NET writes how often: <c>*</c>, <c>{1,3}?</c>.</param>
internal sealed record Repeated(PatternNode Inner, string Quantifier) : PatternNode;

/// <summary>A place in the text: <c>\A</c> or <c>\z</c>.</summary>
internal sealed record AtPlace(string Anchor) : PatternNode;
