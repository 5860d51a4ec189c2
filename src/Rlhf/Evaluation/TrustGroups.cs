namespace Rlhf.Evaluation;

/// <summary>Accuracy on some of the pairs.</summary>
/// <param name="Name">Which pairs: <c>4</c> answers, labeler <c>ann</c>, score margin <c>0.5 to 1.2</c>.</param>
/// <param name="Accuracy">Share of pairs in which the preferred answer scores higher, equal scores half.</param>
public sealed record AccuracyGroup(string Name, Estimate Accuracy);

/// <summary>Accuracy on pairs whose scores differ by an amount in one range.</summary>
/// <param name="Low">Smallest |score difference|.</param>
/// <param name="High">Largest |score difference|.</param>
/// <param name="Accuracy">Share of these pairs in which the preferred answer scores higher, equal scores half.</param>
public sealed record MarginGroup(double Low, double High, Estimate Accuracy);

/// <summary>Pairs whose shorter answer has at least four fifths of the longer one's tokens: length says little there.</summary>
/// <param name="Accuracy">Share of these pairs in which the preferred answer scores higher, equal scores half.</param>
/// <param name="LongerWins">Accuracy of the rule "the longer answer wins" on the same pairs, equal lengths half.</param>
public sealed record SimilarLengths(Estimate Accuracy, Estimate LongerWins);

/// <summary>Held-out rankings of labelers of whom nothing was trained on.</summary>
/// <param name="Labelers">How many they are.</param>
/// <param name="Accuracy">Share of their decided pairs in which the answer that they prefer scores higher, equal scores half.</param>
/// <param name="Agreement">Share of the pairs of answers that two of them decided in which both prefer the same; null where no two decided the same
/// pair.</param>
public sealed record UnseenLabelers(int Labelers, Estimate Accuracy, Estimate? Agreement);
