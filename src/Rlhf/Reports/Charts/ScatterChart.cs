using System.Globalization;
using System.Text;

namespace Rlhf.Reports.Charts;

/// <summary>A point with an interval of its height, where it has one, and a label to show.</summary>
internal sealed record ScatterPoint(double X, double Y, double? Low = null, double? High = null, string Hover = "", string? Label = null);

/// <summary>Points with error bars, joined in their order: the KL–reward frontier.</summary>
internal static class ScatterChart
{
    public static Markup Draw(ChartWords words, IReadOnlyList<(string Name, IReadOnlyList<ScatterPoint> Points)> series)
    {
        var points = series.SelectMany(one => one.Points).ToArray();
        var frame = new ChartFrame(
            Axis.Over(points.Select(point => point.X).Append(0)),
            Axis.Over(points.SelectMany(point => new[] { point.Y, point.Low ?? point.Y, point.High ?? point.Y }), ticks: 4));
        var content = series.SelectMany((one, i) => one.Points.Select(point => Draw(frame, point, i)).Prepend(Path(frame, one.Points, i)));
        return frame.Figure(words, Markup.Join(content), [.. series.Select(one => one.Name)]);
    }

    private static Markup Path(ChartFrame frame, IReadOnlyList<ScatterPoint> points, int number)
    {
        var path = new StringBuilder();
        foreach (var point in points)
        {
            path.Append(CultureInfo.InvariantCulture, $"{(path.Length == 0 ? 'M' : 'L')}{frame.X(point.X):0.#} {frame.Y(point.Y):0.#}");
        }

        return Markup.Of($"""<path class="raw s{number}" d="{path.ToString()}"/>""");
    }

    private static Markup Draw(ChartFrame frame, ScatterPoint point, int number)
    {
        var (x, y) = (frame.X(point.X), frame.Y(point.Y));
        var bar = point is { Low: { } low, High: { } high }
            ? Markup.Of($"""<path class="bar-line s{number}" d="M{x - 3} {frame.Y(low)}h6m-3 0V{frame.Y(high)}m-3 0h6"/>""")
            : Markup.Empty;
        var (labelX, anchor) = x > ChartFrame.Width - 70 ? (x - 7, "end") : (x + 7, "start");
        var label = point.Label is { } text
            ? Markup.Of($"""<text class="mark" x="{labelX}" y="{y + 14}" text-anchor="{anchor}">{text}</text>""")
            : Markup.Empty;
        return Markup.Of($"""{bar}<circle class="dot s{number}" cx="{x}" cy="{y}" r="3.5"><title>{point.Hover}</title></circle>{label}""");
    }
}
