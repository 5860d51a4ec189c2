namespace Rlhf.Labelers.Store;

/// <summary>What may be wrong with an answer, whatever its place.</summary>
public static class AnswerFlags
{
    /// <summary>The names under which flags are stored and exported.</summary>
    public static IReadOnlyList<string> All { get; } = ["harmful", "private_data", "wrongly_refuses", "false", "off_topic"];
}
