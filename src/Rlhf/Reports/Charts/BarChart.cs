namespace Rlhf.Reports.Charts;

/// <summary>One bar: its label below, its height, its interval and the text that hovering shows.</summary>
internal sealed record Bar(string Label, double Value, double? Low = null, double? High = null, string Hover = "");

/// <summary>Bars with intervals and an optional reference line (chance, the baseline).</summary>
internal static class BarChart
{
    /// <summary>Draws the bars from zero, or from <paramref name="from"/>.</summary>
    public static Markup Draw(ChartWords words, IReadOnlyList<Bar> bars, double from = 0, double? to = null, (double Value, string Name)? reference = null)
    {
        var heights = bars.SelectMany(bar => new[] { bar.Value, bar.Low ?? bar.Value, bar.High ?? bar.Value }).Append(from).Append(to ?? from);
        var frame = new ChartFrame(
            Axis.Over([0, bars.Count], wholeTicks: false), Axis.Over(reference is { } line ? heights.Append(line.Value) : heights, ticks: 4));
        var content = bars.Select((bar, i) => Draw(frame, bar, i, bars.Count, from)).Append(Reference(frame, reference, bars.Count));
        return frame.Figure(words, Markup.Join(content), [], xTicks: false);
    }

    private static Markup Draw(ChartFrame frame, Bar bar, int i, int count, double from)
    {
        var (left, right) = (frame.X(i + 0.15), frame.X(i + 0.85));
        var (top, bottom) = (Math.Min(frame.Y(bar.Value), frame.Y(from)), Math.Max(frame.Y(bar.Value), frame.Y(from)));
        var middle = (left + right) / 2;
        var interval = bar is { Low: { } low, High: { } high }
            ? Markup.Of($"""<path class="bar-line s1" d="M{middle - 4} {frame.Y(low)}h8m-4 0V{frame.Y(high)}m-4 0h8"/>""")
            : Markup.Empty;
        var label = count <= 12 || i % ((count / 8) + 1) == 0
            ? Markup.Of($"""<text class="tick" x="{middle}" y="{ChartFrame.Height - 20}" text-anchor="middle">{Fit(bar.Label, count)}</text>""")
            : Markup.Empty;
        return Markup.Of(
            $"""<rect class="bar s0" x="{left}" y="{top}" width="{right - left}" height="{Math.Max(0.5, bottom - top)}"><title>{bar.Hover}</title></rect>{interval}{label}""");
    }

    // About six pixels a letter; the whole label stands in the hover text.
    private static string Fit(string label, int count)
    {
        var letters = Math.Max(4, (int)(ChartFrame.Width / 7 / Math.Min(count, 12)));
        var text = new System.Globalization.StringInfo(VisibleText.Plain(label));
        return text.LengthInTextElements <= letters ? text.String : text.SubstringByTextElements(0, letters - 1) + "…";
    }

    private static Markup Reference(ChartFrame frame, (double Value, string Name)? reference, int count) => reference is { } line
        ? Markup.Of(
            $"""<path class="reference" d="M{frame.X(0)} {frame.Y(line.Value)}H{frame.X(count)}"/><text class="mark" x="{frame.X(count)}" y="{frame.Y(line.Value) - 4}" text-anchor="end">{line.Name}</text>""")
        : Markup.Empty;
}

/// <summary>How often values fall into equal ranges.</summary>
internal static class Histogram
{
    public static Markup Draw(ChartWords words, IReadOnlyList<double> values, int bins = 16)
    {
        var finite = values.Where(double.IsFinite).ToArray();
        var axis = Axis.Over(finite, ticks: bins);
        var width = (axis.High - axis.Low) / bins;
        var counts = new int[bins];
        foreach (var value in finite)
        {
            counts[Math.Clamp((int)((value - axis.Low) / width), 0, bins - 1)]++;
        }

        return BarChart.Draw(words, [.. counts.Select((count, i) => ToBar(axis.Low + (i * width), width, count))]);
    }

    private static Bar ToBar(double from, double width, int count)
    {
        var range = $"{NumberText.Short(from)} to {NumberText.Short(from + width)}";
        return new Bar(NumberText.Tick(from, width), count, Hover: $"{range}: {NumberText.Short(count)}");
    }
}
