using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Rlhf.Labelers.Store;

/// <summary>What holds for all tasks of a store.</summary>
public sealed record LabelSettings
{
    /// <summary>How many labelers rank each prompt.</summary>
    public int Overlap { get; init; } = 1;

    /// <summary>After this many minutes without a sign of life a task goes to somebody else.</summary>
    public double LeaseMinutes { get; init; } = 20;

    /// <summary>Share of tasks that are calibration items, while there are some that the labeler has not seen.</summary>
    public double CalibrationShare { get; init; } = 0.1;

    /// <summary>Whether no new tasks are given out.</summary>
    public bool Paused { get; init; }

    /// <summary>What labelers are told, with examples; headings, lists and emphasis of Markdown are shown.</summary>
    public string Instructions { get; init; } =
        "Read the prompt first. Where you rank, put the answers from best to worst; answers of the same worth share a place. Where you write, answer as you would want to be answered.";

    /// <summary>What each answer is scored for beside its place: lines such as <c>Truthful: 1-5</c>, or <c>Truthful: 1-5, required</c>.</summary>
    public string Criteria { get; init; } = "";

    /// <summary>Whether labelers say why: <c>none</c>, <c>optional</c> or <c>required</c>.</summary>
    public string Reason { get; init; } = "none";

    /// <summary>Whether what somebody wrote or mended becomes a task for others to review, by itself.</summary>
    public bool Reviews { get; init; }

    /// <summary>Names this text of <see cref="Instructions"/>: pages at work see by it that there is another one.</summary>
    [JsonIgnore]
    public string InstructionsVersion => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Instructions)))[..16];

    /// <summary>Refuses settings that make no sense.</summary>
    /// <exception cref="InputException">Says which.</exception>
    public LabelSettings Checked()
    {
        _ = Criterion.Parse(Criteria);
        return this switch
        {
            { Overlap: < 1 or > 100 } => throw new InputException("overlap: expected 1 to 100 labelers for each prompt."),
            { LeaseMinutes: not (>= 0.01 and <= 10_000) } => throw new InputException("lease: expected a number of minutes, 0.01 to 10000."),
            { CalibrationShare: not (>= 0 and <= 1) } => throw new InputException("calibration share: expected a number from 0 to 1."),
            { Reason: not ("none" or "optional" or "required") } => throw new InputException("reason: expected none, optional or required."),
            { Criteria.Length: > 10_000 } => throw new InputException("criteria: expected at most 10,000 characters."),
            { Instructions.Length: > 100_000 } => throw new InputException("instructions: expected at most 100,000 characters."),
            _ => this,
        };
    }
}
