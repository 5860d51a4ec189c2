using System.Globalization;
using System.Text;

namespace Rlhf.Reports.Charts;

/// <summary>One bin of a calibration plot.</summary>
internal sealed record CalibrationPoint(double Predicted, double Observed, double? Low, double? High, long Count);

/// <summary>Predicted win probability against the observed share of wins; on the diagonal the model means what it says.</summary>
internal static class CalibrationChart
{
    public static Markup Draw(ChartWords words, IReadOnlyList<CalibrationPoint> bins)
    {
        var lowest = Math.Min(0.5, bins.Select(bin => Math.Min(bin.Predicted, bin.Low ?? bin.Observed)).DefaultIfEmpty(0).Min());
        var axis = Axis.Over([lowest < 0.45 ? 0 : 0.4, 1]);
        var frame = new ChartFrame(axis, axis);
        var most = Math.Max(1, bins.Select(bin => bin.Count).DefaultIfEmpty(1).Max());
        var path = new StringBuilder();
        foreach (var bin in bins)
        {
            path.Append(CultureInfo.InvariantCulture, $"{(path.Length == 0 ? 'M' : 'L')}{frame.X(bin.Predicted):0.#} {frame.Y(bin.Observed):0.#}");
        }

        var content = bins.Select(bin => Draw(frame, bin, most)).Prepend(Markup.Of(
            $"""<path class="reference" d="M{frame.X(axis.Low)} {frame.Y(axis.Low)}L{frame.X(1)} {frame.Y(1)}"/><path class="raw s0" d="{path.ToString()}"/>"""));
        return frame.Figure(words, Markup.Join(content), []);
    }

    // The area of a dot is the share of pairs in its bin.
    private static Markup Draw(ChartFrame frame, CalibrationPoint bin, long most)
    {
        var (x, y) = (frame.X(bin.Predicted), frame.Y(bin.Observed));
        var bar = bin is { Low: { } low, High: { } high }
            ? Markup.Of($"""<path class="bar-line s0" d="M{x - 3} {frame.Y(low)}h6m-3 0V{frame.Y(high)}m-3 0h6"/>""")
            : Markup.Empty;
        var hover = $"predicted {NumberText.Percent(bin.Predicted)}, observed {NumberText.Percent(bin.Observed)}, {NumberText.Short(bin.Count)} pairs";
        return Markup.Of(
            $"""{bar}<circle class="dot s0" cx="{x}" cy="{y}" r="{2 + (4 * Math.Sqrt((double)bin.Count / most))}"><title>{hover}</title></circle>""");
    }
}
