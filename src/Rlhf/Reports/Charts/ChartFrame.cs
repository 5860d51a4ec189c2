namespace Rlhf.Reports.Charts;

/// <summary>What a chart says in words: shown above it and read out to those who do not see it.</summary>
/// <param name="Title">Short title.</param>
/// <param name="Description">One sentence on what is shown.</param>
/// <param name="X">Name of the horizontal axis, with its unit.</param>
/// <param name="Y">Name of the vertical axis, with its unit; empty where the title says it.</param>
public sealed record ChartWords(string Title, string Description, string X, string Y = "");

/// <summary>The part that all charts share: axes, grid, the figure around it. Lengths are in CSS pixels at natural size.</summary>
internal sealed class ChartFrame(Axis x, Axis y)
{
    public const double Width = 380;
    public const double Height = 220;
    private const double Left = 46;
    private const double Right = 10;
    private const double Top = 10;
    private const double Bottom = 36;

    public double X(double value) => Left + (Math.Clamp(x.Place(value), 0, 1) * (Width - Left - Right));

    public double Y(double value) => Height - Bottom - (Math.Clamp(y.Place(value), 0, 1) * (Height - Top - Bottom));

    /// <summary>The whole figure: title, drawing, legend.</summary>
    public Markup Figure(ChartWords words, Markup content, IReadOnlyList<string> legend, bool xTicks = true) => Markup.Of(
        $"""
        <figure class="chart"><figcaption>{words.Title}{Unit(words.Y)}</figcaption>
        <svg viewBox="0 0 {Width} {Height}" role="img"><title>{words.Title}</title><desc>{words.Description}</desc>
        {Drawing(words, content, xTicks)}</svg>
        {Legend(legend)}<p class="meaning">{words.Description}</p></figure>

        """);

    /// <summary>What stands inside of the drawing: grid, content, the horizontal axis's name.</summary>
    public Markup Drawing(ChartWords words, Markup content, bool xTicks = true) => Markup.Of(
        $"""{Grid(xTicks)}{content}<text class="axis" x="{(Left + Width - Right) / 2}" y="{Height - 4}" text-anchor="middle">{words.X}</text>""");

    private static Markup Unit(string unit) => unit.Length == 0 ? Markup.Empty : Markup.Of($""" <span class="unit">{unit}</span>""");

    private static Markup Legend(IReadOnlyList<string> names) => names.Count < 2
        ? Markup.Empty
        : Markup.Of($"""<div class="legend">{names.Select((name, i) => Markup.Of($"""<span><i class="s{i}"></i>{name}</span>"""))}</div>""");

    private Markup Grid(bool xTicks) => Markup.Of(
        $"""
        {y.Ticks.Select(tick => Markup.Of($"""<path class="grid" d="M{Left} {Y(tick)}H{Width - Right}"/><text class="tick" x="{Left - 6}" y="{Y(tick) + 4}" text-anchor="end">{y.Text(tick)}</text>"""))}
        {(xTicks ? x.Ticks : []).Select(tick => Markup.Of($"""<path class="grid" d="M{X(tick)} {Height - Bottom}v4"/><text class="tick" x="{X(tick)}" y="{Height - Bottom + 16}" text-anchor="{Anchor(tick)}">{x.Text(tick)}</text>"""))}
        """);

    // The last label ends at the frame, where its middle would let it stand out.
    private string Anchor(double tick) => X(tick) > Width - Right - 12 ? "end" : "middle";
}
