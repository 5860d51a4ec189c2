namespace Rlhf.Evaluation;

/// <summary>A measured number with its 95 % interval.</summary>
/// <param name="Value">The number.</param>
/// <param name="Low">Lower end of the interval.</param>
/// <param name="High">Upper end of the interval.</param>
/// <param name="Count">Observations (pairs, answers) behind it.</param>
public sealed record Estimate(double Value, double Low, double High, long Count);
