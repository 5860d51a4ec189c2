using System.Globalization;
using System.Xml.Linq;
using Rlhf.Reports;
using Rlhf.Reports.Charts;
using Rlhf.World;

namespace Rlhf.Tests.Reports;

public sealed class ChartTests
{
    private static readonly ChartWords Words = new("Title <1>", "Description", "step");

    [Theory]
    [InlineData(0, 1, new[] { 0, 0.2, 0.4, 0.6, 0.8, 1 })]
    [InlineData(0.3, 97, new double[] { 0, 20, 40, 60, 80, 100 })]
    [InlineData(-1.2, 1.7, new[] { -2.0, -1, 0, 1, 2 })]
    [InlineData(1996, 2004, new double[] { 1996, 1998, 2000, 2002, 2004 })]
    public void Ticks_are_round_numbers_that_enclose_the_values(double low, double high, double[] ticks) =>
        Assert.Equal(ticks, Axis.Over([low, high]).Ticks.Select(tick => Math.Round(tick, 9)));

    [Theory]
    [InlineData(0.0)]
    [InlineData(5.0)]
    [InlineData(-1e-9)]
    [InlineData(1e300)]
    public void A_single_value_gets_an_axis_around_it(double value) => Assert.InRange(Axis.Over([value]).Place(value), 0, 1);

    [Fact]
    public void A_logarithmic_axis_has_powers_of_ten() =>
        Assert.Equal([0.01, 0.1, 1, 10], Axis.Over([0.02, 5], log: true).Ticks.Select(tick => Math.Round(tick, 9)));

    [Fact]
    public void Drawings_survive_no_points_one_point_and_non_finite_points()
    {
        foreach (var points in new (double, double)[][] { [], [(1, 2)], [(1, double.NaN), (2, double.PositiveInfinity)], [(1, 0), (2, -1)] })
        {
            Parse(LineChart.Draw(Words, [new Series("a", points)]));
            Parse(LineChart.Draw(Words, [new Series("a", points)], logarithmic: true));
            Parse(Histogram.Draw(Words, [.. points.Select(point => point.Item2)]));
        }

        Parse(ScatterChart.Draw(Words, []));
        Parse(CalibrationChart.Draw(Words, []));
        Parse(BarChart.Draw(Words, []));
    }

    [Fact]
    public void Every_coordinate_lies_inside_the_drawing()
    {
        var points = Enumerable.Range(0, 2000).Select(i => ((double)i, Math.Sin(i / 50.0) * 1e4)).ToArray();
        foreach (var dot in Parse(LineChart.Draw(Words, [new Series("a", points), new Series("b", [(0, -3e4)])])).Descendants("circle"))
        {
            Assert.InRange(Number(dot, "cx"), 0, ChartFrame.Width);
            Assert.InRange(Number(dot, "cy"), 0, ChartFrame.Height);
        }

        static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Thinning_a_long_curve_keeps_its_spikes()
    {
        var points = Enumerable.Range(0, 10_000).Select(i => ((double)i, i == 6007 ? 99.0 : i == 123 ? -99.0 : 0)).ToArray();
        var thinned = LineChart.Thinned(points);
        Assert.InRange(thinned.Count, 2, 400);
        Assert.Contains((6007.0, 99.0), thinned);
        Assert.Contains((123.0, -99.0), thinned);
    }

    [Fact]
    public void Smoothing_keeps_a_constant_and_a_straight_line_inside()
    {
        var line = LineChart.Smoothed([.. Enumerable.Range(0, 100).Select(i => ((double)i, 2.0 * i))]);
        Assert.Equal(100.0, line[50].Y, 9);
        Assert.All(LineChart.Smoothed([.. Enumerable.Range(0, 100).Select(i => ((double)i, 3.0))]), point => Assert.Equal(3.0, point.Y, 9));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1.77, "1.77")]
    [InlineData(0.05, "0.05")]
    [InlineData(0.00002, "2e-5")]
    [InlineData(12345, "12,345")]
    [InlineData(3_500_000, "3.5 M")]
    [InlineData(-0.25, "-0.25")]
    public void Numbers_are_short(double value, string expected) => Assert.Equal(expected, NumberText.Short(value));

    [Theory]
    [InlineData("a<b", "a&lt;b")]
    [InlineData("\u202Ex\u2066", "⟨U+202E⟩x⟨U+2066⟩")]
    [InlineData("\u001b[31m", "⟨U+001B⟩[31m")]
    [InlineData("\U000E0041", "⟨U+E0041⟩")]
    [InlineData("zwei\nZeilen\t😀 é", "zwei\nZeilen\t😀 é")]
    public void Texts_are_escaped_and_hidden_characters_shown(string text, string expected) => Assert.Equal(expected, VisibleText.Escape(text));

    [Fact]
    public void Half_a_surrogate_pair_is_shown_by_its_code() => Assert.Equal("a⟨U+D83D⟩b", VisibleText.Escape("a" + '\ud83d' + "b"));

    [Fact]
    public void Holes_in_markup_are_escaped_unless_they_are_markup() =>
        Assert.Equal("<b title=\"&quot;\">&lt;i&gt;<i></i></b>", Markup.Of($"<b title=\"{"\""}\">{"<i>"}{Markup.Literal("<i></i>")}</b>").ToString());

    [Fact]
    public void A_table_is_aligned_and_its_headers_are_bold_on_a_terminal()
    {
        var table = new TextTable("model", "score").AddRow("SFT", "+0.06").AddRow("a \u001b[31m\nb", "-10.5");
        var (plain, bold) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        table.Write(plain, terminal: false);
        table.Write(bold, terminal: true);
        Assert.Equal("model               score\nSFT                 +0.06\na ⟨U+001B⟩[31m ⏎ b  -10.5\n", plain.ToString());
        Assert.Equal(plain.ToString().Replace("model               score", "\e[1mmodel               score\e[0m", StringComparison.Ordinal), bold.ToString());
    }

    private static XElement Parse(Markup markup) => XElement.Parse(markup.ToString());
}
