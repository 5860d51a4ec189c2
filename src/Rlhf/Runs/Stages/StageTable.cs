using Rlhf.Reporting;

namespace Rlhf.Runs.Stages;

/// <summary>Which stage does what.</summary>
internal static class StageTable
{
    public static StageSummary Run(StageContext context) => context.Step.Kind switch
    {
        _ => throw new NotSupportedException($"The stage {context.Step.Kind} is not there yet."),
    };
}
