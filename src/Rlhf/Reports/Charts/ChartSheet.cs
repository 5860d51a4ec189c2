using Rlhf.Reports.Page;

namespace Rlhf.Reports.Charts;

/// <summary>One chart of a sheet.</summary>
/// <param name="Words">What it says.</param>
/// <param name="Series">Its curves.</param>
/// <param name="LogX">A logarithmic horizontal axis.</param>
public sealed record ChartPanel(ChartWords Words, IReadOnlyList<Series> Series, bool LogX = false);

/// <summary>Several line charts beside each other as one SVG file that needs nothing else: for documents.</summary>
public static class ChartSheet
{
    private const double Header = 26;
    private const double Legend = 22;
    private const double LetterWidth = 6.6; // of the legend's text, about

    /// <summary>Draws the charts, <paramref name="columns"/> to a row. All have the same series; the legend is shown once, below.</summary>
    public static string Draw(IReadOnlyList<ChartPanel> panels, int columns)
    {
        var rows = (panels.Count + columns - 1) / columns;
        var (width, height) = (ChartFrame.Width * Math.Min(columns, panels.Count), ((ChartFrame.Height + Header) * rows) + Legend);
        return Markup.Of(
            $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"><style>{Markup.Literal(ReportStyle.Palette + ReportStyle.Drawing + ".title{fill:var(--ink);font-weight:600;font-size:12.5px}")}</style>
            <rect width="100%" height="100%" fill="var(--card)"/>
            {panels.Select((panel, i) => Panel(panel, i % columns * ChartFrame.Width, i / columns * (ChartFrame.Height + Header)))}
            {LegendOf([.. panels[0].Series.Select(static one => one.Name)], height - 7)}
            </svg>

            """).ToString();
    }

    private static Markup Panel(ChartPanel panel, double x, double y)
    {
        var words = panel.Words;
        return Markup.Of(
            $"""
            <text class="title" x="{x + 12}" y="{y + 18}">{(words.Y.Length == 0 ? words.Title : $"{words.Title} ({words.Y})")}</text>
            <svg x="{x}" y="{y + Header}" width="{ChartFrame.Width}" height="{ChartFrame.Height}"><desc>{words.Description}</desc>{LineChart.Panel(words, panel.Series, panel.LogX)}</svg>

            """);
    }

    private static Markup LegendOf(IReadOnlyList<string> names, double y)
    {
        var (x, parts) = (12.0, new List<Markup>());
        for (var i = 0; i < names.Count; i++)
        {
            parts.Add(Markup.Of($"""<path class="line s{i}" d="M{x} {y - 4}h22"/><text class="tick" x="{x + 27}" y="{y}">{names[i]}</text>"""));
            x += 46 + (LetterWidth * names[i].Length);
        }

        return Markup.Join(parts);
    }
}
