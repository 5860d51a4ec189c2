using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Stages.Dpo;

/// <summary>Alarms over the evaluations of a run: a pure function of its metrics, so a resumed run gives the same ones. Each goes off at most once.</summary>
internal static class DpoAlarms
{
    /// <summary>The alarms, in order of their steps.</summary>
    public static IReadOnlyList<Alarm> Of(IEnumerable<MetricsRow> rows, DpoAlarmOptions options)
    {
        MetricsRow[] all = [.. rows];
        return [.. new[] { ChosenFall(all, options.ChosenFall), Kl(all, options.Kl) }.OfType<Alarm>().OrderBy(static alarm => alarm.Step)];
    }

    /// <summary>Whether a row alone gives cause for an alarm, which may have gone off before.</summary>
    public static bool GivesCause(MetricsRow row, DpoAlarmOptions options) => Of([row], options).Count > 0;

    private static Alarm? ChosenFall(MetricsRow[] rows, double? bound)
    {
        var row = Array.Find(rows, row => row.Of(DpoMetrics.HeldoutChosenChange) < -bound);
        if (row is null)
        {
            return null;
        }

        var others = row.Of(DpoMetrics.HeldoutRejectedChange) is { } rejected ? FormattableString.Invariant($" (worse ones by {rejected:0.000})") : "";
        return new Alarm(row.Step, "chosen_fall", FormattableString.Invariant(
            $"The better answers have become less probable: log p of a held-out one changed by {row.Of(DpoMetrics.HeldoutChosenChange):0.000} nats a token since the start{others}, beyond the bound of {bound:0.###}. The policy moves to answers that nobody ranked: a larger beta, a smaller learning rate or a likelihood_coefficient holds it."));
    }

    private static Alarm? Kl(MetricsRow[] rows, double? bound)
    {
        var row = Array.Find(rows, row => row.Of(AnswerMetrics.HeldoutKl) > bound);
        return row is null
            ? null
            : new Alarm(row.Step, "kl", FormattableString.Invariant(
                $"KL to the SFT model is {row.Of(AnswerMetrics.HeldoutKl):0.0} nats per answer, above the bound of {bound:0.##}: the policy has gone far from the answers that were ranked."));
    }
}
