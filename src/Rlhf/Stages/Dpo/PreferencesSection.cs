using Rlhf.Reports;

namespace Rlhf.Stages.Dpo;

/// <summary>What became of the held-out comparisons: how often the implicit reward is right, and where the probability of better and worse answers
/// went.</summary>
internal static class PreferencesSection
{
    private static readonly Metric[] Shown =
    [
        DpoMetrics.HeldoutAccuracy, DpoMetrics.TrainAccuracy, DpoMetrics.HeldoutMargin, DpoMetrics.HeldoutChosenChange, DpoMetrics.HeldoutRejectedChange,
    ];

    public static Markup Draw(IReadOnlyList<StageSummary> stages)
    {
        var shown = stages.Where(static stage => stage.Of(DpoMetrics.HeldoutAccuracy) is not null).Reverse().Select(Stage).ToArray();
        return shown.Length == 0
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="preferences"><h2>What DPO learned</h2>
                <p class="note">On prompts that were held out, with 95 % intervals. Where the better answers' probability falls with that of the worse ones, the policy moves to answers that nobody ranked.</p>
                {shown}</section>

                """);
    }

    private static Markup Stage(StageSummary stage)
    {
        var rows = from metric in Shown
                   let figure = stage.Of(metric)
                   where figure is not null
                   select Markup.Of(
                       $"""<tr><th scope="row">{metric.Name}</th><td class="number">{NumberText.Of(figure)} <small>{NumberText.IntervalOf(figure)}</small></td></tr>""");
        return Markup.Of($"""<div class="wide" tabindex="0" role="group" aria-label="{stage.Name}"><table><caption>{stage.Name}</caption><tbody>{rows}</tbody></table></div>""");
    }
}
