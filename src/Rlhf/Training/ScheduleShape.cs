namespace Rlhf.Training;

/// <summary>How the learning rate goes on after the warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>It stays at its peak.</summary>
    Constant,

    /// <summary>It falls along a straight line.</summary>
    Linear,

    /// <summary>It falls along half a cosine.</summary>
    Cosine,
}
