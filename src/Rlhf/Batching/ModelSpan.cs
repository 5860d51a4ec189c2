namespace Rlhf.Batching;

/// <summary>Neighbouring sequences of a batch that belong to one of several models on the same frozen weights.</summary>
/// <param name="Model">The model's number.</param>
/// <param name="FirstRow">Their first row in the batch.</param>
/// <param name="Rows">Their rows.</param>
/// <param name="FirstTarget">Number of their first target row among those of the batch.</param>
/// <param name="Targets">Their target rows.</param>
public readonly record struct ModelSpan(int Model, int FirstRow, int Rows, int FirstTarget, int Targets);
