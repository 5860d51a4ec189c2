using System.Globalization;
using System.Text;

namespace Rlhf.Reports.Charts;

/// <summary>One curve.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">Its points in order of X.</param>
/// <param name="Smooth">True: many points are drawn thin, with a smoothed thick line over them.</param>
public sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points, bool Smooth = true);

/// <summary>Curves over steps.</summary>
internal static class LineChart
{
    private const int SmoothedFrom = 24;
    private const int MostPoints = 360;
    private const int HoverPoints = 30;

    /// <summary>Draws the series; a logarithmic axis leaves values of 0 and below out.</summary>
    public static Markup Draw(ChartWords words, IReadOnlyList<Series> series, bool logarithmic = false)
    {
        var (frame, curves) = Curves(words, series, logX: false, logarithmic);
        return frame.Figure(words, curves, [.. series.Select(one => one.Name)]);
    }

    /// <summary>What stands inside of such a drawing, for a sheet of several.</summary>
    public static Markup Panel(ChartWords words, IReadOnlyList<Series> series, bool logX = false)
    {
        var (frame, curves) = Curves(words, series, logX, logY: false);
        return frame.Drawing(words, curves);
    }

    private static (ChartFrame Frame, Markup Curves) Curves(ChartWords words, IReadOnlyList<Series> series, bool logX, bool logY)
    {
        Series[] drawn = [.. series.Select(one => one with { Points = [.. one.Points.Where(Drawable)] })];
        var points = drawn.SelectMany(one => one.Points).ToArray();
        var frame = new ChartFrame(
            Axis.Over(points.Select(point => point.X), log: logX, wholeTicks: false),
            Axis.Over(points.Select(point => point.Y), ticks: 4, log: logY));
        return (frame, Markup.Join(drawn.Select((one, i) => Curve(frame, one, i, words.X))));

        bool Drawable((double X, double Y) point) => double.IsFinite(point.Y) && (!logX || point.X > 0) && (!logY || point.Y > 0);
    }

    /// <summary>The mean of about a fifteenth of the points around each: unlike an exponential average it does not lag behind.</summary>
    internal static IReadOnlyList<(double X, double Y)> Smoothed(IReadOnlyList<(double X, double Y)> points)
    {
        var half = Math.Max(1, points.Count / 30);
        var sums = new double[points.Count + 1];
        for (var i = 0; i < points.Count; i++)
        {
            sums[i + 1] = sums[i] + points[i].Y;
        }

        return [.. points.Select((point, i) =>
        {
            var (from, to) = (Math.Max(0, i - half), Math.Min(points.Count, i + half + 1));
            return (point.X, (sums[to] - sums[from]) / (to - from));
        })];
    }

    /// <summary>The lowest and highest point of each bucket: no spike is lost.</summary>
    internal static IReadOnlyList<(double X, double Y)> Thinned(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count <= MostPoints)
        {
            return points;
        }

        var kept = new List<(double X, double Y)>(MostPoints);
        const int Buckets = MostPoints / 2;
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            var (from, to) = ((int)((long)bucket * points.Count / Buckets), (int)((long)(bucket + 1) * points.Count / Buckets));
            var part = points.Skip(from).Take(to - from).ToArray();
            kept.AddRange(new[] { part.MinBy(point => point.Y), part.MaxBy(point => point.Y) }.OrderBy(point => point.X).Distinct());
        }

        return kept;
    }

    private static Markup Curve(ChartFrame frame, Series series, int number, string x)
    {
        if (series.Points.Count == 0)
        {
            return Markup.Empty;
        }

        var smooth = series.Smooth && series.Points.Count >= SmoothedFrom;
        var main = smooth ? Smoothed(series.Points) : series.Points;
        var raw = smooth ? Markup.Of($"""<path class="raw s{number}" d="{PathOf(frame, Thinned(series.Points))}"/>""") : Markup.Empty;
        var dots = series.Points.Count <= 12
            ? Markup.Join(
                series.Points.Select(point => Markup.Of($"""<circle class="dot s{number}" cx="{frame.X(point.X)}" cy="{frame.Y(point.Y)}" r="2.5"/>""")))
            : Markup.Empty;
        return Markup.Of($"""{raw}<path class="line s{number}" d="{PathOf(frame, Thinned(main))}"/>{dots}{Hovers(frame, series, main, x)}""");
    }

    private static IEnumerable<Markup> Hovers(ChartFrame frame, Series series, IReadOnlyList<(double X, double Y)> main, string x)
    {
        var count = Math.Min(HoverPoints, main.Count);
        for (var i = 0; i < count; i++)
        {
            var at = count == 1 ? 0 : (int)((long)i * (main.Count - 1) / (count - 1));
            var value = NumberText.Short(series.Points[at].Y);
            yield return Markup.Of(
                $"""<circle class="hover" cx="{frame.X(main[at].X)}" cy="{frame.Y(main[at].Y)}" r="6"><title>{series.Name}, {x} {NumberText.Short(main[at].X)}: {value}</title></circle>""");
        }
    }

    private static string PathOf(ChartFrame frame, IReadOnlyList<(double X, double Y)> points)
    {
        var path = new StringBuilder();
        foreach (var (x, y) in points)
        {
            path.Append(CultureInfo.InvariantCulture, $"{(path.Length == 0 ? 'M' : 'L')}{frame.X(x):0.#} {frame.Y(y):0.#}");
        }

        return path.ToString();
    }
}
