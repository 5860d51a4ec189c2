namespace Rlhf.Data;

/// <summary>Which turns of the assistant in a demonstration are trained.</summary>
public enum TrainedTurns
{
    /// <summary>Each turn that the row does not leave out (<c>weight: 0</c>, <c>train: false</c>); in rows of a prompt and a response the response
    /// alone.</summary>
    All,

    /// <summary>The last one alone.</summary>
    Last,
}
