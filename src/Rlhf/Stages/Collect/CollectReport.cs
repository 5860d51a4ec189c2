using Rlhf.Labelers;
using Rlhf.Reports;

namespace Rlhf.Stages.Collect;

/// <summary>What the collect stage says of its judge.</summary>
internal sealed class CollectReport : StageReport
{
    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (stage.Of(JudgeMetrics.JudgeCalls) is not { } calls)
        {
            yield break;
        }

        var cost = stage.Of(JudgeMetrics.JudgeCost) is { Value: > 0 } price ? $" for {NumberText.Short(price.Value)}" : "";
        var unclear = stage.Of(JudgeMetrics.JudgeUnclear) is { Value: > 0 } count
            ? $"; {NumberText.Short(count.Value)} questions got no readable reply and count as ties"
            : "";
        yield return $"The judge{round} was asked {NumberText.Short(calls.Value)} times{cost}{unclear}.";
        if (stage.Of(JudgeMetrics.JudgeFirstChosen) is { } first && (first.Low > 0.5 || first.High < 0.5))
        {
            yield return $"{WarningPrefix}the judge{round} chose the answer that stood first in {NumberText.Percent(first.Value)} {NumberText.IntervalOf(first)} of its choices; both orders were asked, and what it said in one only counts as a tie.";
        }
    }
}
